"""Golden resampling: scikit-image, batchgenerators and nnU-Net 1.7.1 `resample_patient` on small seeded volumes."""
import os

for key in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(key, "/nonexistent")

import contextlib
import io

import numpy as np
from batchgenerators.augmentations.utils import resize_segmentation
from nnunet.preprocessing.preprocessing import get_do_separate_z, resample_patient
from skimage.transform import resize

import fixture

SEED = 20
rng = np.random.RandomState(SEED)


def ball(shape):
    """Integers inside a ball, zero outside: tails of the spline decay over many voxels."""
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return np.where(sum(g * g for g in grid) < 0.4, rng.randint(1, 900, shape), 0)


IMAGES = [
    ("noise up", rng.randn(7, 9, 11), (13, 17, 19)),
    ("noise down", rng.randn(13, 17, 19), (7, 9, 11)),
    ("mixed", rng.randn(16, 15, 33), (20, 11, 17)),
    ("axis of 1", rng.randn(1, 15, 9), (1, 23, 17)),
    ("axis of 1 grown", rng.randn(1, 15, 9), (3, 23, 17)),
    ("axis of 2", rng.randn(2, 2, 2), (7, 3, 2)),
    ("means of two: rounding ties", rng.randn(9, 2, 9), (7, 1, 9)),
    ("to one voxel", rng.randn(5, 6, 7), (1, 1, 1)),
    ("from one voxel", rng.randn(1, 1, 1), (5, 3, 1)),
    ("two axes unchanged", rng.randint(-3, 4, (9, 12, 13)), (5, 12, 13)),
    ("one axis unchanged", rng.randn(9, 12, 13), (5, 12, 17)),
    ("constant", np.full((5, 6, 7), 3.3), (9, 9, 9)),
    ("constant but one", np.where(np.arange(210).reshape(5, 6, 7) == 100, 50.0, 3.3), (9, 9, 9)),
    ("step at the border", np.repeat(np.arange(6) > 0, 30).reshape(6, 5, 6) * 1000.0, (11, 7, 8)),
    ("impulse in the corner", (np.arange(180) == 0).reshape(6, 5, 6) * 1000.0, (11, 7, 8)),
    ("huge", rng.randn(6, 7, 8) * 1e4, (9, 6, 11)),
    ("tiny", rng.randn(6, 7, 8) * 1e-30, (9, 6, 11)),
    ("negative zero", np.where(rng.rand(6, 7, 8) < 0.5, -0.0, rng.randn(6, 7, 8)), (7, 8, 9)),
    ("zero background", ball((12, 21, 26)), (15, 25, 21)),
    ("zero background, samples on samples", ball((9, 12, 14)), (27, 12, 14)),
    ("zero background, factor 3", ball((7, 8, 9)), (21, 24, 27)),
    ("long line", rng.randn(170, 3, 4), (131, 4, 3)),
    ("integers", rng.randint(-1024, 3000, (14, 15, 16)), (9, 20, 17)),
]

LABELS = [
    ("ties take the larger label", [[[1, 2, 1, 2, 3, 0]]], (1, 1, 3)),
    ("ties with -1", [[[-1, 0, -1, 1]]], (1, 1, 2)),
    ("junction of four", [[[5, 6], [7, 8]]], (1, 1, 1)),
    ("junction with -1", [[[-1, 1], [2, 3]]], (1, 1, 1)),
    ("document", [[[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 2, -1]]], (1, 5, 6)),
    ("one label", np.full((4, 5, 6), 7), (7, 3, 9)),
    ("two labels up", rng.randint(0, 2, (6, 7, 8)), (11, 13, 9)),
    ("many labels", rng.randint(-1, 60, (6, 7, 18)), (9, 12, 31)),
    ("factor 2 down", rng.randint(0, 3, (8, 10, 12)), (4, 5, 6)),
    ("factor 2 up", rng.randint(0, 3, (4, 5, 6)), (8, 10, 12)),
    ("blocks", np.kron(rng.randint(-1, 5, (3, 4, 5)), np.ones((4, 4, 5), int)), (17, 13, 20)),
    ("large labels", rng.randint(0, 2, (5, 6, 17)) * 30000, (7, 8, 15)),
]


def images():
    for name, a, new in IMAGES:
        a = np.ascontiguousarray(a, dtype=np.float32)
        results = {}
        for order in (0, 1, 3):
            r = resize(a.astype(np.float64), new, order, mode="edge", anti_aliasing=False)
            results[f"order{order}"] = fixture.array(r.astype(np.float32))
        if len(a):
            plane = [resize(s.astype(np.float64), new[1:], 3, mode="edge", anti_aliasing=False) for s in a]
            results["slices3"] = fixture.array(np.stack(plane).astype(np.float32))
            plane = [resize(s.astype(np.float64), new[1:], 1, mode="edge", anti_aliasing=False) for s in a]
            results["slices1"] = fixture.array(np.stack(plane).astype(np.float32))
        yield {"name": name, "input": fixture.array(a), "newShape": list(new), **results}


def labels():
    for name, a, new in LABELS:
        a = np.ascontiguousarray(a, dtype=np.int16)
        f = a.astype(np.float32)
        yield {
            "name": name,
            "input": fixture.array(a),
            "newShape": list(new),
            "order1": fixture.array(resize_segmentation(f, new, 1).astype(np.int16)),
            "order0": fixture.array(resize_segmentation(f, new, 0).astype(np.int16)),
            "slices1": fixture.array(np.stack([resize_segmentation(s, new[1:], 1) for s in f]).astype(np.int16)),
        }


def patients():
    """Spacings around the threshold of 3, worst axes 0, 1, 2, equal worst axes, decided by either spacing."""
    spacings = [
        ((1, 1, 1), (1.3, 0.8, 1.1)),
        ((5, 1, 1), (4, 1.2, 1.2)),
        ((1, 5, 1), (1.2, 4, 1.2)),
        ((1, 1, 5), (1.2, 1.2, 4)),
        ((3, 1, 1), (3, 0.9, 1.1)),
        ((3 * (1 + 2**-52), 1, 1), (3, 0.9, 1.1)),
        ((3.0000001, 1, 1), (2, 0.9, 1.1)),
        ((2, 1, 1), (4, 1, 1.2)),
        ((0.24, 1.25, 1.25), (0.5, 1.0, 1.0)),
        ((5, 5.0000001, 0.5), (4, 4, 0.7)),
        ((5, 0.9, 0.9), (5, 1.1, 0.8)),
        ((5, 0.9, 0.9), (2.5, 0.9, 0.9)),
        ((2.5, 0.5, 0.5), (5, 0.5, 0.5)),
    ]
    for original, target in spacings:
        shape = rng.randint(5, 15, 3)
        data = rng.randn(1, *shape).astype(np.float32)
        seg = rng.randint(-1, 4, (1, *shape)).astype(np.float32)
        for force in (None, True, False):
            if force is True and not get_do_separate_z(original):
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                d, s = resample_patient(data, seg, np.array(original), np.array(target), 3, 1, force)
            yield {
                "original": list(original),
                "target": list(target),
                "force": force,
                "data": fixture.array(data[0]),
                "label": fixture.array(seg[0].astype(np.int16)),
                "expectedData": fixture.array(d[0]),
                "expectedLabel": fixture.array(s[0].astype(np.int16)),
            }


if __name__ == "__main__":
    fixture.write("resample", "images", list(images()), SEED)
    fixture.write("resample", "labels", list(labels()), SEED)
    fixture.write("resample", "patients", list(patients()), SEED)
