"""Metrics of nnU-Net 1.7.1's Evaluator (surface distances by MedPy), and its normalized surface dice."""
import os
import sys

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, "/tmp/nnunet_oracle")

import numpy as np
from nnunet.evaluation.evaluator import Evaluator
from nnunet.evaluation.metrics import ALL_METRICS
from nnunet.evaluation.surface_dice import normalized_surface_dice
from scipy.ndimage import distance_transform_edt, gaussian_filter

sys.path.insert(0, os.path.dirname(__file__))
import fixture

SEED = 5500
DISTANCES = ["Hausdorff Distance", "Hausdorff Distance 95", "Avg. Surface Distance", "Avg. Symmetric Surface Distance"]


def number(x):
    return None if np.isnan(x) else float(x)


def evaluate_case(name, test, reference, labels, spacing, tolerance):
    evaluator = Evaluator(test, reference, dict(labels), metrics=list(Evaluator.default_metrics), advanced_metrics=DISTANCES)
    result = evaluator.evaluate(advanced=True, voxel_spacing=np.array(spacing))
    regions = []
    for key, label in labels:
        members = list(key) if isinstance(key, tuple) else [key]
        scores = {m: number(v) for m, v in result[label].items()}
        a, b = np.isin(test, members), np.isin(reference, members)
        usable = a.any() and b.any() and not a.all() and not b.all()
        scores["Normalized Surface Dice"] = (
            float(normalized_surface_dice(a, b, tolerance, tuple(spacing))) if usable else None)
        regions.append({"labels": members, "metrics": scores})
    return {
        "name": name,
        "shape": list(test.shape),
        "prediction": fixture.array(test),
        "reference": fixture.array(reference),
        "spacingMm": list(spacing),
        "toleranceMm": tolerance,
        "regions": regions,
    }


def blobs(rng, shape, labels, sigma):
    fields = np.stack([gaussian_filter(rng.normal(size=shape), sigma) for _ in range(labels + 1)])
    fields[0] += 0.6 * fields.std()
    return fields.argmax(0).astype(np.uint8)


def metrics():
    rng = np.random.default_rng(SEED)
    cases = []
    for shape, spacing, count in [((11, 17, 19), (2.5, 0.7, 0.8), 3), ((1, 24, 33), (5, 1, 1), 2), ((16, 16, 16), (1, 1, 1), 2)]:
        reference = blobs(rng, shape, count, 1.5)
        test = reference.copy()
        moved = np.roll(test, (1 if shape[0] > 1 else 0, 1, -1), (0, 1, 2))
        where = rng.random(shape) < 0.05
        test[:, :, shape[2] // 2:] = moved[:, :, shape[2] // 2:]
        test[where] = rng.integers(0, count + 1, where.sum())
        labels = [(c, str(c)) for c in range(count + 1)] + [((1, 2), "1 and 2")]
        cases.append(evaluate_case("blobs", test, reference, labels, spacing, 1.5))

    shape = (4, 5, 6)
    empty, full = np.zeros(shape, np.uint8), np.ones(shape, np.uint8)
    one = empty.copy()
    one[2, 3, 1] = 1
    corner = empty.copy()
    corner[0, 0, 0] = corner[3, 4, 5] = 1
    labels = [(0, "0"), (1, "1")]
    for name, a, b in [("both empty", empty, empty), ("prediction empty", empty, one), ("reference empty", one, empty),
                       ("both full", full, full), ("prediction full", full, one), ("reference full", one, full),
                       ("one voxel each", one, corner), ("the same", corner, corner)]:
        cases.append(evaluate_case(name, a, b, labels, (1.25, 0.9765625, 0.9765625), 1.0))

    many = rng.integers(0, 13, (6, 9, 11)).astype(np.uint8)
    other = np.where(rng.random(many.shape) < 0.6, many, 7).astype(np.uint8)
    cases.append(evaluate_case("more than nine classes, one absent", other, many,
                               [(c, str(c)) for c in (1, 2, 7, 10, 12, 13)], (1, 1, 3), 2.0))
    signed = rng.integers(-3, 300, (5, 6, 7)).astype(np.int16)
    shifted = np.where(rng.random(signed.shape) < 0.7, signed, np.int16(299)).astype(np.int16)
    cases.append(evaluate_case("labels below 0 and above 255", shifted, signed,
                               [(-3, "-3"), (299, "299"), (1000, "1000"), ((0, 299), "0 and 299")], (1, 1, 1), 1.0))
    return cases


def distances():
    rng = np.random.default_rng(SEED + 1)
    cases = []
    for shape, spacing, share in [((7, 9, 11), (1, 1, 1), 0.02), ((7, 9, 11), (3.3, 0.7, 0.45), 0.02), ((1, 1, 40), (1, 1, 0.3), 0.1),
                                  ((40, 1, 1), (0.1, 1, 1), 0.1), ((1, 40, 3), (1, 7.5, 0.3), 0.1), ((12, 13, 17), (0.8, 2.5, 1e-3), 0.005)]:
        features = rng.random(shape) < share
        features.flat[rng.integers(features.size)] = True
        cases.append({
            "shape": list(shape),
            "spacingMm": list(spacing),
            "features": fixture.array(features.astype(np.uint8)),
            "distances": fixture.array(distance_transform_edt(~features, sampling=spacing)),
        })
    return cases


if __name__ == "__main__":
    assert set(DISTANCES) <= set(ALL_METRICS)
    fixture.write("metrics", "metrics", {"cases": metrics()}, SEED)
    fixture.write("metrics", "distances", {"cases": distances()}, SEED + 1)
