"""nibabel's axis codes of random orientations: test/golden/verify/axis-codes.json."""
import nibabel
import numpy as np
from scipy.spatial.transform import Rotation

import fixture

SEED = 5


def main():
    rng = np.random.default_rng(SEED)
    out = []
    signed = [np.eye(3)[list(p)] * np.array(s) for p in ([0, 1, 2], [1, 2, 0], [2, 1, 0], [0, 2, 1]) for s in ([1, 1, 1], [-1, 1, -1], [1, -1, -1])]
    oblique = [Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix() @ signed[i % 12] for i in range(60)]
    for direction in signed + oblique:
        # ITK's direction runs towards left and posterior, nibabel's affine towards right and anterior.
        affine = np.eye(4)
        affine[:3, :3] = np.diag([-1, -1, 1]) @ direction @ np.diag(rng.uniform(0.3, 5, 3))
        out.append([direction.reshape(-1).tolist(), "".join(nibabel.aff2axcodes(affine))])
    fixture.write("verify", "axis-codes", out, SEED)


if __name__ == "__main__":
    main()
