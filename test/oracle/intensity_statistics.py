"""Order statistics, moments and normalisation from NumPy and nnU-Net 1.7.1: test/golden/statistics/*.json."""
import os

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, "/nonexistent")

import contextlib
import io
import warnings
from unittest import mock

import numpy as np
from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
from nnunet.preprocessing import preprocessing

import fixture

SEED = 31
QS = [0.5, 99.5, 0.0, 100.0, 50.0, 10.0, 33.3, 75.25]
NAMES = ["median", "mean", "sd", "mn", "mx", "percentile_99_5", "percentile_00_5"]
f32 = np.float32


def number(x):
    """JSON has no NaN and no infinities."""
    return repr(float(x)) if not np.isfinite(x) else float(x)


def samples(rng):
    for n in (1, 2, 3, 7, 8, 9, 127, 128, 129, 200, 201, 1023, 1025):
        yield f"normal {n}", rng.normal(size=n).astype(f32) * f32(300) - f32(100)
    yield "integers with many duplicates", rng.integers(-1024, 2000, 400).astype(f32)
    yield "few values", rng.integers(-2, 3, 300).astype(f32)
    yield "constant", np.full(300, 0.1, f32)
    yield "all negative", -np.exp(rng.normal(size=150) * 8).astype(f32)
    yield "denormals", (rng.integers(-500, 500, 120) * 1e-43).astype(f32)
    yield "infinities", np.array([1, np.inf, -np.inf, 2, 3, np.inf], f32)
    yield "huge", np.array([3e38, -3e38, 3.3e38, 1], f32)
    yield "far from 0", (rng.normal(size=700) + 1e5).astype(f32)
    yield "NaN", np.array([1, np.nan, 3], f32)


def statistics():
    rng = np.random.default_rng(SEED)
    cases = []
    for name, x in samples(rng):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            stats = DatasetAnalyzer._compute_stats(list(x))
            single = [np.percentile(x, q) for q in QS]
            assert all(s.dtype == f32 for s in single)
            cases.append({
                "name": name,
                "values": fixture.array(x),
                "percentiles32": [number(p) for p in single],
                "percentiles64": [number(np.percentile(x.astype(np.float64), q)) for q in QS],
                "statistics": {k: number(v) for k, v in zip(NAMES, stats)},
                "mean64": number(x.astype(np.float64).mean()),
                "std64": number(x.astype(np.float64).std()),
            })
    fixture.write("statistics", "statistics", {"qs": QS, "cases": cases}, SEED)


def foreground():
    rng = np.random.default_rng(SEED + 1)
    cases = []
    for shape, density in [((4, 5, 33), 0.5), ((3, 4, 5), 1.0), ((2, 3, 4), 0.0), ((1, 1, 1), 1.0), ((5, 6, 40), 0.02), ((5, 2, 1), 1.0), ((11, 1, 1), 1.0)]:
        channel = rng.normal(size=shape).astype(f32)
        label = np.where(rng.random(shape) < density, rng.integers(1, 4, shape), rng.integers(-1, 1, shape))
        stored = {"data": np.stack([channel, label.astype(f32)])}
        analyzer = DatasetAnalyzer.__new__(DatasetAnalyzer)
        analyzer.folder_with_cropped_data = ""
        with mock.patch.object(np, "load", return_value=stored):
            voxels = analyzer._get_voxels_in_foreground("case", 0)
        cases.append({
            "channel": fixture.array(channel),
            "label": fixture.array(label.astype(np.int16)),
            "voxels": fixture.array(np.array(voxels, f32)),
        })
    fixture.write("statistics", "foreground", {"cases": cases}, SEED + 1)


def normalize(name, channel, label, scheme, use_mask, stats=None):
    """One channel through the reference, whose resampling returns what it gets."""
    preprocessor = preprocessing.GenericPreprocessor({0: scheme}, {0: use_mask}, [0, 1, 2], None if stats is None else {0: stats})
    properties = {"original_spacing": np.ones(3)}
    with mock.patch.object(preprocessing, "resample_patient", side_effect=lambda data, seg, *a, **k: (data, seg)), \
            contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        data, _, _ = preprocessor.resample_and_normalize(
            channel[None].copy(), np.ones(3), properties, label[None].astype(f32))
    assert data.dtype == f32
    return {
        "name": name,
        "shape": list(channel.shape),
        "channel": fixture.array(channel),
        "label": fixture.array(label.astype(np.int16)),
        "scheme": scheme,
        "useMask": use_mask,
        "statistics": None if stats is None else {k: number(v) for k, v in stats.items()},
        "normalized": fixture.array(data[0]),
    }


def normalization():
    rng = np.random.default_rng(SEED + 2)
    cases = []
    shape = (5, 6, 33)
    channel = (rng.normal(size=shape) * 300 + 50).astype(f32)
    label = rng.integers(-1, 3, shape)
    stats = dict(zip(NAMES, DatasetAnalyzer._compute_stats(list(channel[label > 0][::10]))))
    for scheme in ("CT", "CT2", "noNorm", "nonCT"):
        for use_mask in (False, True):
            cases.append(normalize("noise", channel, label, scheme, use_mask, stats))
    inside = np.zeros(shape, int)
    outside = np.full(shape, -1)
    small = (2, 3, 17)
    constant = np.full(small, 0.1, f32)
    cases.append(normalize("constant", constant, inside[:2, :3, :17], "nonCT", False))
    cases.append(normalize("constant in the mask", constant, label[:2, :3, :17], "nonCT", True))
    cases.append(normalize("tiny deviation", (rng.normal(size=small) * 1e-9).astype(f32), inside[:2, :3, :17], "nonCT", False))
    cases.append(normalize("all outside the mask", channel, outside, "nonCT", True))
    cases.append(normalize("one voxel in the mask", channel[:1, :1, :9].copy(), np.array([-1] * 8 + [0]).reshape(1, 1, 9), "nonCT", True))
    one = f32(1)
    flat = {"mean": f32(40), "sd": f32(0), "percentile_00_5": f32(-50), "percentile_99_5": f32(60)}
    cases.append(normalize("sd 0", np.array([-100, 40, 39.5, 100, 0, 40], f32).reshape(1, 2, 3), np.array([0, 1, -1, 0, 0, 1]).reshape(1, 2, 3), "CT", True, flat))
    empty = {k: f32(np.nan) for k in ("mean", "sd", "percentile_00_5", "percentile_99_5")}
    cases.append(normalize("statistics of no voxels", channel[:1, :2, :5].copy(), inside[:1, :2, :5], "CT", False, empty))
    none = {"mean": one, "sd": one, "percentile_00_5": f32(5000), "percentile_99_5": f32(6000)}
    cases.append(normalize("no voxel between the bounds", channel[:1, :2, :5].copy(), label[:1, :2, :5], "CT2", True, none))
    at = {"mean": one, "sd": one, "percentile_00_5": f32(0), "percentile_99_5": f32(4)}
    cases.append(normalize("voxels at the bounds do not count", rng.integers(-1, 6, (3, 4, 5)).astype(f32), inside[:3, :4, :5], "CT2", False, at))
    far = (rng.normal(size=(7, 9, 41)) + 1e5).astype(f32)
    cases.append(normalize("mean far above the deviation", far, inside[:1, :1, :1].repeat(7, 0).repeat(9, 1).repeat(41, 2), "nonCT", False))
    infinite = channel[:1, :2, :5].copy()
    infinite[0, 0, 0] = np.inf
    cases.append(normalize("infinity", infinite, inside[:1, :2, :5], "nonCT", False))
    fixture.write("statistics", "normalization", {"cases": cases}, SEED + 2)


if __name__ == "__main__":
    statistics()
    foreground()
    normalization()
