"""Whole cases through nnU-Net 1.7.1: cropping from files, and preprocessing in 3-D and 2-D."""
import contextlib
import io
import os
import pathlib
import pickle
import tempfile

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, tempfile.gettempdir())

import numpy as np
import SimpleITK as sitk
from nnunet.preprocessing.cropping import ImageCropper
from nnunet.preprocessing.preprocessing import GenericPreprocessor, PreprocessorFor2D

import fixture

SEED = 20240


def plain(value):
    """Properties as JSON: arrays and tuples become lists, keys strings."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def tissue(rng, shape, margin, dtype):
    """Noise in a box with a hole of zeros, zeros around."""
    a = np.zeros(shape, dtype)
    inner = tuple(slice(m, n - m) for m, n in zip(margin, shape))
    a[inner] = rng.integers(1, 200, a[inner].shape).astype(dtype)
    a[tuple(n // 2 for n in shape)] = 0
    return a


def crop_cases(rng):
    spacing, origin = (0.9765620231628418, 1.25, 3.3), (-100.5, 20.25, 7.125)
    direction = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    shape = (5, 8, 7)
    labels = np.zeros(shape, np.int16)
    labels[2:4, 3:6, 2:5] = 2
    labels[0, 0, 0] = 1
    labels[2, 2, 2] = -2
    variants = [
        ("two channels", [tissue(rng, shape, (1, 2, 1), np.int16), tissue(rng, shape, (1, 1, 3), np.float32)], labels),
        ("without label", [tissue(rng, shape, (0, 1, 2), np.float32)], None),
        ("nothing to crop", [tissue(rng, shape, (0, 0, 0), np.uint8)], (labels > 0).astype(np.uint8)),
    ]
    cases = []
    for title, images, label in variants:
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for i, a in enumerate(images + ([] if label is None else [label])):
                image = sitk.GetImageFromArray(a)
                image.SetSpacing(spacing)
                image.SetOrigin(origin)
                image.SetDirection(direction)
                files.append(os.path.join(folder, f"{i}.mha"))
                sitk.WriteImage(image, files[-1])
            seg_file = None if label is None else files.pop()
            data, seg, properties = ImageCropper.crop_from_list_of_files(files, seg_file)
        properties["list_of_data_files"] = [pathlib.Path(f).name for f in files]
        properties["seg_file"] = None if seg_file is None else pathlib.Path(seg_file).name
        cases.append(
            {
                "title": title,
                "spacing": spacing,
                "origin": origin,
                "direction": direction,
                "images": [fixture.array(a) for a in images],
                "label": None if label is None else fixture.array(label),
                "data": fixture.array(data.astype(np.float32)),
                "seg": fixture.array(seg.astype(np.int16)),
                "properties": plain(properties),
            }
        )
    return cases


STATISTICS = {"mean": np.float32(61.5), "sd": np.float32(40.25), "percentile_00_5": np.float32(-80.5), "percentile_99_5": np.float32(190.75)}

# title, shape, spacing, target (transposed), transposition, schemes, masks, 2-D, label order, special
PREPROCESS = [
    ("isotropic, mask on and off", (7, 8, 9), (1.5, 1.2, 1.1), (1.1, 1.3, 0.9), (0, 1, 2), ["nonCT", "nonCT"], [True, False], False, 1, ""),
    ("CT, thick slices, transposed", (9, 5, 8), (1.0, 4.0, 0.9), (3.2, 1.2, 1.0), (1, 0, 2), ["CT"], [False], False, 1, ""),
    ("anisotropic target, CT2 and noNorm", (8, 9, 6), (1.1, 1.0, 2.0), (3.5, 1.0, 1.0), (2, 0, 1), ["CT2", "noNorm"], [True, True], False, 1, ""),
    ("same grid", (5, 6, 7), (2.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0, 1, 2), ["nonCT", "CT"], [True, True], False, 1, ""),
    ("same grid, transposed", (5, 6, 7), (2.0, 1.0, 3.0), (3.0, 2.0, 1.0), (2, 0, 1), ["nonCT"], [False], False, 1, ""),
    ("NaN", (6, 7, 5), (1.0, 1.0, 1.2), (1.2, 0.8, 1.0), (0, 1, 2), ["nonCT", "nonCT"], [False, True], False, 1, "nan"),
    ("labels by nearest neighbour", (7, 6, 8), (1.4, 1.0, 1.1), (1.0, 1.3, 1.0), (0, 1, 2), ["nonCT"], [True], False, 0, ""),
    ("2-D, transposed", (8, 6, 7), (1.0, 2.5, 1.2), (9.9, 1.4, 1.0), (1, 0, 2), ["CT", "nonCT"], [False, False], True, 1, ""),
    ("2-D, mask", (5, 9, 8), (3.0, 1.0, 0.8), (2.0, 0.9, 0.9), (0, 1, 2), ["nonCT"], [True], True, 1, ""),
]


def preprocess_case(rng, title, shape, spacing, target, axes, schemes, masks, planar, order, special):
    data = rng.normal(60, 50, (len(schemes), *shape)).astype(np.float32)
    seg = np.zeros((1, *shape), np.float32)
    seg[0, 1:-1, 2:-1, 1:-2] = rng.integers(0, 4, seg[0, 1:-1, 2:-1, 1:-2].shape)
    seg[0, 0], seg[0, 1, 2, 1], seg[0, :, -1, -1] = -1, -2, -1
    if special == "nan":
        data[0, 2, 3, 1] = data[1, 0, 0, 0] = np.nan
    properties = {
        "original_size_of_raw_data": np.array(shape),
        "original_spacing": np.array(spacing),
        "list_of_data_files": ["a"],
        "seg_file": "b",
        "itk_origin": (0.0, 0.0, 0.0),
        "itk_spacing": tuple(spacing[::-1]),
        "itk_direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "crop_bbox": [[0, n] for n in shape],
        "classes": np.unique(seg),
        "size_after_cropping": shape,
    }
    statistics = {c: STATISTICS for c in range(len(schemes))}
    kind = PreprocessorFor2D if planar else GenericPreprocessor
    worker = kind(dict(enumerate(schemes)), dict(enumerate(masks)), list(axes), statistics)
    worker.resample_order_seg = order
    with tempfile.TemporaryDirectory() as folder:
        np.savez(os.path.join(folder, "id.npz"), data=np.vstack((data, seg)))
        with open(os.path.join(folder, "id.pkl"), "wb") as f:
            pickle.dump(properties, f)
        out = os.path.join(folder, "out")
        os.mkdir(out)
        worker._run_internal(np.array(target), "id", out, folder, None, [1, 2, 3, 7])
        result = np.load(os.path.join(out, "id.npz"))["data"]
        with open(os.path.join(out, "id.pkl"), "rb") as f:
            after = pickle.load(f)
    return {
        "title": title,
        "target": target,
        "axes": axes,
        "schemes": schemes,
        "masks": masks,
        "planar": planar,
        "labelOrder": order,
        "data": fixture.array(data),
        "seg": fixture.array(seg[0].astype(np.int16)),
        "before": plain(properties),
        "result": fixture.array(result[:-1]),
        "label": fixture.array(result[-1].astype(np.int16)),
        "after": plain(after),
    }


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    with contextlib.redirect_stdout(io.StringIO()):
        cropped = crop_cases(rng)
        preprocessed = [preprocess_case(rng, *case) for case in PREPROCESS]
    fixture.write("cases", "crop", {"cases": cropped}, SEED)
    fixture.write("cases", "preprocess", {"statistics": plain(STATISTICS), "cases": preprocessed}, SEED)
