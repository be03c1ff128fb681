"""Golden NIfTI headers of the 48 axis-aligned orientations, as SimpleITK writes them: every sign of zero counts."""
import itertools
import tempfile

import numpy as np
import SimpleITK as sitk

import fixture

CASES = []
for axes in itertools.product(itertools.permutations(range(3)), itertools.product([1.0, -1.0], repeat=3)):
    direction = np.zeros((3, 3))
    for row, (column, sign) in enumerate(zip(*axes)):
        direction[row, column] = sign
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
    image.SetSpacing((1.5, 2.0, 3.25))
    image.SetOrigin((1.0, -2.0, 0.0))
    image.SetDirection(direction.ravel().tolist())
    with tempfile.NamedTemporaryFile(suffix=".nii") as file:
        sitk.WriteImage(image, file.name)
        header = np.frombuffer(open(file.name, "rb").read(352), np.uint8)
    CASES.append({"direction": direction.ravel().tolist(), "header": fixture.array(header[252:352])})
fixture.write("nifti", "orientations", CASES)
