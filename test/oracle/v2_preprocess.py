"""Golden cases of nnunetv2 2.8.1: DefaultPreprocessor.run_case_npy on small synthetic cases, and NumPy's sums of views."""
import os

for key in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(key, "/nonexistent")

import numpy as np
import torch
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

import fixture

SEED = 2801
STATISTICS = {
    "max": 400.5, "mean": 61.53125012, "median": 60.25, "min": -200.0,
    "percentile_00_5": -80.512345678, "percentile_99_5": 190.7654321, "std": 40.2512345,
}  # fmt: skip
DEFAULT = "resample_data_or_seg_to_shape"
TORCH = "resample_torch_fornnunet"


def default_resampling():
    data = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    return DEFAULT, data, {**data, "is_seg": True, "order": 1}


def torch_resampling(force, memory=False):
    data = {"is_seg": False, "force_separate_z": force, "memefficient_seg_resampling": memory}
    return TORCH, data, {**data, "is_seg": True}


Z, CT, NO, RESCALE, RGB = (
    n + "Normalization" for n in ("ZScore", "CT", "No", "RescaleTo01", "RGBTo01")
)

# title, shape, spacing (file), target (transposed), transposition, schemes, masks, labels, class order, resampling, special
CASES = [
    ("isotropic, mask on and off", (8, 9, 10), (1.5, 1.2, 1.1), (1.1, 1.3, 0.9), (0, 1, 2), [Z, Z], [True, False], {"a": 1, "b": 2, "c": 3}, None, None, "margin"),
    ("CT, thick slices, transposed", (9, 5, 8), (1.0, 4.0, 0.9), (3.2, 1.2, 1.0), (1, 0, 2), [CT], [False], {"a": 1, "b": 2, "c": 3}, None, None, ""),
    ("anisotropic target, several schemes", (8, 9, 6), (1.1, 1.0, 2.0), (7.0, 1.0, 1.0), (2, 0, 1), [Z, NO, RESCALE, CT], [True, False, False, False], {"a": 1, "b": 3}, None, None, "margin"),
    ("same grid", (5, 6, 7), (2.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0, 1, 2), [Z, CT], [True, True], {"a": 1, "b": 2, "c": 3}, None, None, ""),
    ("same grid, transposed, cropped at a border", (5, 6, 7), (2.0, 1.0, 3.0), (3.0, 2.0, 1.0), (2, 0, 1), [Z, NO], [False, False], {"a": 1, "b": 2, "c": 3}, None, None, "border"),
    ("masked, transposed", (7, 9, 8), (1.4, 1.0, 1.2), (1.0, 1.3, 1.0), (1, 2, 0), [Z, Z], [True, True], {"a": 1, "b": 2}, None, None, "margin"),
    ("regions and ignore label", (8, 7, 9), (1.0, 1.2, 1.1), (1.2, 1.0, 0.9), (0, 1, 2), [Z], [False], {"x": [3, 1, 2], "y": [2], "z": 3, "ignore": 4}, [1, 2, 3], None, "margin"),
    ("ignore label, absent label", (6, 7, 6), (1.0, 1.2, 1.1), (1.2, 1.0, 0.9), (0, 1, 2), [Z], [True], {"a": 1, "b": 2, "c": 3, "d": 9, "ignore": 10}, None, None, "margin"),
    ("2-D, transposed", (8, 6, 7), (1.0, 2.5, 1.2), (1.4, 1.0), (1, 0, 2), [CT, Z], [False, False], {"a": 1, "b": 2, "c": 3}, None, None, ""),
    ("2-D, mask", (5, 9, 8), (3.0, 1.0, 0.8), (0.9, 0.9), (0, 1, 2), [Z], [True], {"a": 1, "b": 2, "c": 3}, None, None, "margin"),
    ("RGB image", (1, 11, 13), (999, 1, 1), (1, 1), (0, 1, 2), [RGB, RGB, RGB], [False] * 3, {"road": 1}, None, None, "rgb"),
    ("all zero", (4, 5, 6), (1.0, 1.0, 1.5), (1.2, 0.8, 1.0), (0, 1, 2), [Z, RESCALE], [False, False], {"a": 1, "b": 2}, None, None, "zero"),
    ("one channel all zero", (5, 6, 7), (1.0, 1.0, 1.2), (1.2, 0.8, 1.0), (0, 1, 2), [Z, Z], [True, False], {"a": 1, "b": 2}, None, None, "zero channel"),
    ("constant", (5, 6, 7), (1.0, 1.0, 1.2), (1.2, 0.8, 1.0), (0, 1, 2), [Z, RESCALE], [False, False], {"a": 1, "b": 2}, None, None, "constant"),
    ("large and low labels", (6, 6, 7), (1.0, 1.0, 1.2), (1.3, 1.1, 1.0), (0, 1, 2), [NO], [False], {"a": 1, "b": 300, "c": 30000}, None, None, "large"),
    ("without a label", (6, 7, 8), (1.0, 1.1, 1.2), (1.2, 1.0, 0.9), (2, 1, 0), [Z, CT], [True, False], {"a": 1, "b": 2}, None, None, "no seg"),
    ("slices of few labels", (6, 12, 12), (5.0, 1.0, 1.0), (2.5, 2.0, 2.0), (0, 1, 2), [Z], [False], {"a": 1, "b": 2, "c": 3}, None, None, "blocks"),
    ("factor 2 down: ties", (8, 8, 8), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0, 1, 2), [CT], [False], {"a": 1, "b": 2, "c": 3}, None, None, "margin"),
    ("torch", (7, 9, 8), (1.4, 1.0, 1.2), (1.0, 1.3, 1.0), (1, 2, 0), [Z, CT], [True, False], {"a": 1, "b": 2, "c": 3}, None, torch_resampling(False), "margin"),
    ("torch, separate axis", (5, 9, 8), (5.0, 1.0, 1.2), (2.2, 1.3, 1.0), (0, 1, 2), [CT], [False], {"a": 1, "b": 2, "c": 3}, None, torch_resampling(None), "margin"),
    ("torch, factor 2, memory efficient", (6, 8, 8), (1.0, 1.0, 1.0), (2.0, 2.0, 1.0), (0, 1, 2), [NO], [False], {"a": 1, "b": 2, "c": 3}, None, torch_resampling(False, True), ""),
    ("no resampling", (6, 8, 7), (1.0, 1.0, 1.3), (2.0, 2.0, 1.0), (2, 0, 1), [Z], [False], {"a": 1, "b": 2, "c": 3}, None, ("no_resampling_hack", {}, {}), "border"),
]


def inputs(rng, shape, channels, labels, special):
    data = rng.normal(60, 50, (channels, *shape)).astype(np.float32)
    values = sorted({v for value in labels.values() for v in (value if isinstance(value, list) else [value])})
    values = [v for v in values if v != 9]
    seg = rng.choice([0, *values], (1, *shape)).astype(np.float32)
    if special == "blocks":
        seg = np.kron(rng.choice([0, *values], (1, 6, 3, 3)), np.ones((1, 1, 4, 4))).astype(np.float32)
        seg[0, 2] = 2
    if special in ("margin", "zero channel"):
        data[:, 0] = data[:, :, :2] = data[:, :, :, -1] = 0
        data[:, 1, 2, :3] = 0
        data[:, tuple(n // 2 for n in shape)[0], shape[1] // 2, shape[2] // 2] = 0
        seg[0, 1, 2, :3] = 0
        seg[0, 2:, 3:, :2] = 0
    if special == "border":
        data[:, 3:] = 0
        data[:, :, :, :2] = 0
    if special == "zero channel":
        data[0] = 0
    if special == "zero":
        data[:] = 0
    if special == "constant":
        data[:] = 5
    if special == "rgb":
        data = rng.integers(1, 256, data.shape).astype(np.float32)
    if special == "large":
        seg[0, 2, 2:4] = -2
        seg[0, 0, 0] = -100
    return data, None if special == "no seg" else seg


def as_settings(plans, configuration, dataset):
    """The settings of src/recipes/v2/preprocess.ts, from nnU-Net's own managers."""
    manager = PlansManager(plans)
    labels = manager.get_label_manager(dataset)
    c = manager.get_configuration("c").configuration

    def resampling(kind):
        name, kwargs = c[f"resampling_fn_{kind}"], c[f"resampling_fn_{kind}_kwargs"]
        if name == DEFAULT:
            return {"kind": "default", "isSeg": kwargs["is_seg"], "order": kwargs["order"], "orderZ": 0, "forceSeparateZ": None, "separateZThreshold": 3}
        if name == TORCH:
            return {"kind": "torch", "isSeg": kwargs["is_seg"], "forceSeparateZ": kwargs["force_separate_z"], "separateZThreshold": 3, "memoryEfficient": kwargs["memefficient_seg_resampling"]}
        return {"kind": "none"}

    names = {"percentile_00_5": "percentile005", "percentile_99_5": "percentile995"}
    statistics = {names.get(k, k): v for k, v in STATISTICS.items()}
    return {
        "plans": {"transposeForward": plans["transpose_forward"], "intensities": [statistics] * len(c["normalization_schemes"])},
        "configuration": {
            "name": "c",
            "spacingMm": list(c["spacing"]),
            "normalization": c["normalization_schemes"],
            "useMaskForNorm": c["use_mask_for_norm"],
            "resampleData": resampling("data"),
            "resampleSeg": resampling("seg"),
        },
        "labels": {
            "all": [int(x) for x in labels.all_labels],
            "foreground": [int(x) for x in labels.foreground_labels],
            "regions": [list(r) if isinstance(r, tuple) else r for r in labels.foreground_regions] if labels.has_regions else None,
            "ignore": labels.ignore_label,
        },
    }


def run(rng, title, shape, spacing, target, axes, schemes, masks, labels, order, resampling, special):
    data, seg = inputs(rng, shape, len(schemes), labels, special)
    name, data_kwargs, seg_kwargs = resampling or default_resampling()
    plans = {
        "plans_name": "p", "dataset_name": "d", "label_manager": "LabelManager", "image_reader_writer": "SimpleITKIO",
        "transpose_forward": list(axes), "transpose_backward": [list(axes).index(i) for i in range(3)],
        "foreground_intensity_properties_per_channel": {str(c): STATISTICS for c in range(len(schemes))},
        "configurations": {
            "c": {
                "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "spacing": list(target),
                "normalization_schemes": list(schemes), "use_mask_for_norm": list(masks), "architecture": {},
                "resampling_fn_data": name, "resampling_fn_data_kwargs": data_kwargs,
                "resampling_fn_seg": name, "resampling_fn_seg_kwargs": seg_kwargs,
            }
        },
    }  # fmt: skip
    dataset = {"labels": {"background": 0, **labels}, "channel_names": {}}
    if order is not None:
        dataset["regions_class_order"] = order
    manager = PlansManager(plans)
    result, label, properties = DefaultPreprocessor(verbose=False).run_case_npy(
        data, seg, {"spacing": list(spacing)}, manager, manager.get_configuration("c"), dataset
    )
    locations = properties.get("class_locations")
    return {
        "title": title,
        "data": fixture.array(data),
        "seg": None if seg is None else fixture.array(seg[0].astype(np.int16)),
        "spacing": list(spacing),
        "settings": as_settings(plans, "c", dataset),
        "result": fixture.array(result),
        "label": fixture.array(label[0].astype(np.int16)),
        "shapeBeforeCropping": [int(n) for n in properties["shape_before_cropping"]],
        "bbox": [[int(a), int(b)] for a, b in properties["bbox_used_for_cropping"]],
        "shapeAfterCropping": [int(n) for n in properties["shape_after_cropping_and_before_resampling"]],
        "classLocations": None
        if locations is None
        else [[list(k) if isinstance(k, tuple) else k, np.asarray(v).tolist()] for k, v in locations.items()],
    }


# Whole shape and what is cut out of it: one piece of memory, rows, groups of rows, rows longer than NumPy's buffer.
VIEWS = [
    ((20, 40, 50), ((2, 18), (3, 38), (5, 44))),
    ((20, 40, 50), ((2, 18), (0, 40), (0, 50))),
    ((20, 40, 50), ((2, 18), (3, 38), (0, 50))),
    ((20, 40, 50), ((0, 20), (0, 40), (5, 44))),
    ((20, 40, 50), ((7, 8), (3, 38), (5, 44))),
    ((20, 40, 50), ((0, 20), (7, 8), (5, 44))),
    ((20, 40, 50), ((0, 20), (3, 38), (7, 8))),
    ((12, 200, 150), ((2, 11), (3, 198), (5, 144))),
    ((6, 200, 150), ((1, 6), (3, 198), (0, 150))),
    ((3, 30, 9000), ((0, 3), (5, 29), (10, 8900))),
    ((1, 300, 900), ((0, 1), (5, 290), (10, 800))),
    ((31, 33, 35), ((1, 30), (1, 33), (1, 34))),
    ((70, 160, 124), ((0, 66), (4, 158), (1, 123))),
    ((9, 300, 130), ((0, 9), (5, 290), (1, 129))),
    ((100, 300, 10), ((0, 90), (5, 290), (1, 9))),
]


def values(shape):
    """Made again by the test."""
    i = np.arange(np.prod(shape), dtype=np.int64)
    return ((i * 7919) % 10007 / np.float64(7) + 300).astype(np.float32).reshape(shape)


def views():
    for shape, box in VIEWS:
        a = values(shape)[tuple(slice(*b) for b in box)]
        yield {"whole": list(shape), "box": [list(b) for b in box], "mean": float(a.mean()), "std": float(a.std())}
        turned = values(shape).transpose(2, 0, 1)[tuple(slice(*box[i]) for i in (2, 0, 1))]
        assert turned.mean() == a.mean() and turned.std() == a.std()


if __name__ == "__main__":
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    fixture.write("v2-preprocess", "cases", [run(rng, *case) for case in CASES], SEED)
    fixture.write("v2-preprocess", "views", list(views()))
