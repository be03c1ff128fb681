"""Golden label resampling of nnunetv2 2.8.1 with batchgenerators 0.25.5, whose labels win by the largest share."""
import numpy as np
from batchgenerators.augmentations.utils import resize_segmentation

import fixture

SEED = 28
rng = np.random.RandomState(SEED)

LABELS = [
    ("ties take the nearest voxel", [[[1, 2, 1, 2, 3, 0]]], (1, 1, 3)),
    ("ties with -1", [[[-1, 0, -1, 1]]], (1, 1, 2)),
    ("junction of four", [[[5, 6], [7, 8]]], (1, 1, 1)),
    ("junction with -1", [[[-1, 1], [2, 3]]], (1, 1, 1)),
    ("the nearest voxel loses", [[[3, 1], [1, 1]], [[2, 2], [2, 3]]], (1, 1, 1)),
    ("several smaller than the nearest tie", [[[1, 2], [2, 4]], [[4, 1], [0, 5]]], (1, 1, 1)),
    ("document up", [[[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 2, -1]]], (1, 5, 6)),
    ("document down", [[[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 2, -1]]], (1, 2, 3)),
    ("one label", np.full((4, 5, 6), 7), (7, 3, 9)),
    ("two labels up", rng.randint(0, 2, (6, 7, 8)), (11, 13, 9)),
    ("many labels", rng.randint(-1, 60, (6, 7, 18)), (9, 12, 31)),
    ("factor 2 down", rng.randint(-1, 3, (8, 10, 12)), (4, 5, 6)),
    ("factor 2 up", rng.randint(-1, 3, (4, 5, 6)), (8, 10, 12)),
    ("factor 2 down in one axis", rng.randint(-1, 5, (6, 7, 26)), (6, 7, 13)),
    ("thirds", rng.randint(0, 4, (9, 12, 15)), (6, 8, 10)),
    ("blocks", np.kron(rng.randint(-1, 5, (3, 4, 5)), np.ones((4, 4, 5), int)), (17, 13, 20)),
    ("axis of 1", rng.randint(0, 3, (1, 9, 11)), (3, 14, 8)),
    ("large labels", rng.randint(0, 3, (5, 6, 17)) * 15000 - 2, (7, 8, 15)),
]


def labels():
    for name, a, new in LABELS:
        a = np.ascontiguousarray(a, dtype=np.int16)
        f = a.astype(np.float32)
        yield {
            "name": name,
            "input": fixture.array(a),
            "newShape": list(new),
            "order1": fixture.array(resize_segmentation(f, new, 1).astype(np.int16)),
            "slices1": fixture.array(np.stack([resize_segmentation(s, new[1:], 1) for s in f]).astype(np.int16)),
        }


if __name__ == "__main__":
    fixture.write("v2-resample", "labels", list(labels()), SEED)
