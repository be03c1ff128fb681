"""Golden exports of nnU-Net v2: `convert_predicted_logits_to_segmentation_with_correct_shape` on small seeded logits,
with and without probabilities, resampled by SciPy or torch; and `resample_and_save` for the next stage of a cascade."""
import os

for key in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(key, "/nonexistent")

import contextlib
import io
import pathlib
import tempfile

import blosc2
import numpy as np
import torch
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    resample_and_save,
)
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2, nnUNetDatasetNumpy
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

import fixture

torch.set_num_threads(1)
SEED = 71
rng = np.random.RandomState(SEED)
RESAMPLE = "resample_data_or_seg_to_shape"
KWARGS = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
NAMES = ["a", "b", "c", "d", "e", "f"]


def flat_labels(count):
    return {"background": 0, **{f"l{i}": i for i in range(1, count)}}


def plans_of(forward, spacing, kwargs, function=RESAMPLE, patch=(8, 8, 8)):
    configuration = {
        "data_identifier": "x",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch)[: len(spacing)],
        "spacing": list(spacing),
        "architecture": {"network_class_name": "x", "arch_kwargs": {}, "_kw_requires_import": []},
        "resampling_fn_probabilities": function,
        "resampling_fn_probabilities_kwargs": kwargs,
    }
    return {
        "dataset_name": "Dataset001_X",
        "plans_name": "nnUNetPlans",
        "transpose_forward": list(forward),
        "transpose_backward": [int(i) for i in np.argsort(forward)],
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "configurations": {"3d_fullres": configuration},
    }


def blobs(heads, shape):
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return np.array([4 - 12 * sum((g - c) ** 2 for g, c in zip(grid, rng.uniform(-1, 1, 3))) for _ in range(heads)])


def case(name, logits, after, spacing, target, forward=(0, 1, 2), before=None, low=(0, 0, 0), labels=None, order=None,
         probabilities=False, kwargs=KWARGS, function=RESAMPLE):
    """Shapes `after`, `before`, `low` in the network's axes; `spacing` in the file's, `target` as in the plans."""
    labels = labels or flat_labels(len(logits))
    before = before or after
    plans = PlansManager(plans_of(forward, target, kwargs, function))
    dataset = {"labels": labels, "file_ending": ".nii.gz", "channel_names": {"0": "CT"}, "numTraining": 1}
    if order is not None:
        dataset["regions_class_order"] = order
    properties = {
        "spacing": list(spacing),
        "shape_before_cropping": tuple(before),
        "bbox_used_for_cropping": [[l, l + n] for l, n in zip(low, after)],
        "shape_after_cropping_and_before_resampling": tuple(after),
    }
    with contextlib.redirect_stdout(io.StringIO()):
        label_manager = plans.get_label_manager(dataset)
        result = convert_predicted_logits_to_segmentation_with_correct_shape(
            torch.from_numpy(logits), plans, plans.get_configuration("3d_fullres"), label_manager, properties,
            return_probabilities=probabilities, num_threads_torch=1)
    segmentation, values = result if probabilities else (result, None)
    return {
        "name": name,
        "logits": fixture.array(logits.view(np.uint16) if logits.dtype == np.float16 else logits),
        "spacing": list(spacing),
        "target": list(target),
        "forward": list(forward),
        "before": list(before),
        "low": list(low),
        "after": list(after),
        "labels": labels,
        "order": order,
        "kwargs": kwargs,
        "expected": fixture.array(segmentation),
        "probabilities": None if values is None else fixture.array(values),
    }


def noise(heads, shape, dtype=np.float16, scale=3.0):
    return (rng.randn(heads, *shape) * scale).astype(dtype)


def coarse(heads, shape, dtype=np.float16):
    """Few different values, so that many voxels tie."""
    return rng.randint(-2, 3, (heads, *shape)).astype(dtype)


REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": 3}
# Around the value from which a sigmoid in float32 is above 0.5, and around 0.
EDGES = np.array([0, -0.0, 5.96e-8, 1.19e-7, -5.96e-8, 1e-3, -1e-3, 2.0], np.float16)
LIMIT = np.float32(1.5 * 2**-24)
EDGES32 = np.array([LIMIT, np.nextafter(LIMIT, np.float32(1)), np.nextafter(LIMIT, np.float32(0)), 0, 1e-7, 8e-8, -1, 1],
                   np.float32)

cases = [
    case("noise float16 up", noise(4, (5, 6, 7)), (9, 10, 12), (1, 1, 1), (1.8, 1.7, 1.7)),
    case("noise float32 up", noise(4, (5, 6, 7), np.float32), (9, 10, 12), (1, 1, 1), (1.8, 1.7, 1.7)),
    case("noise float16 down", noise(3, (9, 10, 12)), (5, 6, 7), (1.8, 1.7, 1.7), (1, 1, 1)),
    case("smooth float16", (8 * blobs(5, (6, 8, 7))).astype(np.float16), (12, 15, 13), (1, 1, 1), (2, 1.9, 1.9)),
    case("ties float16", coarse(5, (4, 6, 5)), (8, 12, 10), (1, 1, 1), (2, 2, 2)),
    case("ties float32", coarse(5, (4, 6, 5), np.float32), (8, 12, 10), (1, 1, 1), (2, 2, 2)),
    case("near ties float16", (8 + coarse(6, (4, 6, 5)) * 0.0078).astype(np.float16), (7, 11, 9), (1, 1, 1), (1.8, 1.8, 1.8)),
    case("large values float16", noise(3, (4, 4, 4), scale=9000), (7, 7, 7), (1, 1, 1), (1.75, 1.75, 1.75)),
    case("same grid float16", coarse(4, (5, 6, 7)), (5, 6, 7), (1, 2, 1), (1, 2, 1)),
    case("cropped, to the far border", noise(3, (4, 5, 6)), (7, 8, 9), (1, 1, 1), (1.7, 1.6, 1.5), before=(10, 8, 12), low=(3, 0, 3)),
    case("transposed 2 0 1", noise(3, (5, 4, 6)), (9, 7, 10), (1, 1.2, 0.9), (1.6, 1.8, 2.0), forward=(2, 0, 1), before=(11, 9, 10), low=(1, 2, 0)),
    case("transposed 1 0 2", noise(3, (5, 4, 6)), (9, 7, 10), (1, 1.2, 0.9), (2.1, 1.8, 1.5), forward=(1, 0, 2), before=(9, 8, 12), low=(0, 1, 1)),
    case("separate axis by the network's spacing", noise(3, (4, 6, 7)), (6, 9, 10), (3, 1, 1), (4.6, 1.5, 1.4)),
    case("separate axis by the case's spacing only", noise(3, (6, 5, 6)), (5, 9, 10), (4, 1, 1), (3.3, 1.8, 1.7)),
    case("separate axis 2, transposed", noise(3, (5, 6, 4)), (9, 10, 6), (3.5, 1, 1), (1.8, 1.7, 5.6), forward=(1, 2, 0)),
    case("two equally coarse axes", noise(3, (4, 5, 9)), (6, 8, 12), (4, 4, 0.9), (6, 6, 1.2)),
    case("2-D configuration", noise(3, (4, 5, 6)), (4, 9, 10), (5, 1, 1), (1.8, 1.7)),
    case("2-D configuration, transposed", noise(3, (4, 5, 6)), (4, 9, 10), (1, 5, 1), (1.8, 1.7), forward=(1, 0, 2)),
    case("forced separate axis", noise(3, (5, 6, 7)), (7, 9, 10), (1, 1, 1), (1.5, 1.4, 1.4), kwargs={**KWARGS, "force_separate_z": True}),
    case("never separate", noise(3, (3, 6, 7)), (5, 9, 10), (5, 1, 1), (8, 1.4, 1.4), kwargs={**KWARGS, "force_separate_z": False}),
    case("regions 1 2 3", noise(3, (5, 6, 7)), (8, 9, 12), (1, 1, 1), (1.7, 1.6, 1.7), labels=REGIONS, order=[1, 2, 3]),
    case("regions 3 2 1", noise(3, (5, 6, 7)), (8, 9, 12), (1, 1, 1), (1.7, 1.6, 1.7), labels=REGIONS, order=[3, 2, 1]),
    case("regions float32", noise(3, (5, 6, 7), np.float32), (8, 9, 12), (1, 1, 1), (1.7, 1.6, 1.7), labels=REGIONS, order=[1, 2, 3]),
    case("regions at the limit, float16", rng.choice(EDGES, (3, 4, 4, 4)), (7, 7, 7), (1, 1, 1), (1.75, 1.75, 1.75), labels=REGIONS, order=[1, 2, 3]),
    case("regions at the limit, float32, same grid", rng.choice(EDGES32, (3, 4, 4, 4)), (4, 4, 4), (1, 1, 1), (1, 1, 1), labels=REGIONS, order=[1, 2, 3]),
    case("regions at the limit, float32", rng.choice(EDGES32, (3, 4, 4, 4)), (7, 7, 7), (1, 1, 1), (1.75, 1.75, 1.75), labels=REGIONS, order=[1, 2, 3]),
    case("regions and ignore label", noise(3, (4, 4, 4)), (6, 6, 6), (1, 1, 1), (1.5, 1.5, 1.5), labels={**REGIONS, "ignore": 4}, order=[1, 2, 3]),
    case("ignore label", noise(3, (4, 4, 4)), (6, 6, 6), (1, 1, 1), (1.5, 1.5, 1.5), labels={**flat_labels(3), "ignore": 3}),
    case("255 labels, 8 bits", noise(255, (2, 2, 3)), (3, 4, 4), (1, 1, 1), (1.5, 2, 1.4)),
    case("256 labels, 16 bits", noise(256, (2, 2, 3)), (3, 4, 4), (1, 1, 1), (1.5, 2, 1.4)),
    case("300 labels, 16 bits, same cells", np.repeat(noise(300, (1, 1, 2)), 2, 3), (1, 1, 8), (1, 1, 1), (1, 1, 2), before=(2, 1, 9), low=(1, 0, 1)),
]
fixture.write("v2-export", "labels", cases, SEED)

probable = [
    case("float16", noise(4, (4, 5, 6)), (6, 7, 8), (1, 1, 1), (1.5, 1.4, 1.4), probabilities=True),
    case("float32", noise(4, (4, 5, 6), np.float32), (6, 7, 8), (1, 1, 1), (1.5, 1.4, 1.4), probabilities=True),
    case("same grid", noise(5, (4, 5, 6), scale=20), (4, 5, 6), (1, 1, 1), (1, 1, 1), probabilities=True),
    case("ties", coarse(4, (4, 4, 4)), (7, 7, 7), (1, 1, 1), (1.75, 1.75, 1.75), probabilities=True),
    case("cropped and transposed", noise(3, (4, 3, 5)), (6, 5, 7), (1, 1.1, 0.9), (1.4, 1.6, 1.5), forward=(2, 0, 1), before=(7, 6, 8), low=(1, 0, 1), probabilities=True),
    case("separate axis", noise(3, (4, 5, 5)), (5, 8, 7), (4, 1, 1), (5, 1.6, 1.4), probabilities=True),
    case("regions", noise(3, (4, 5, 6)), (6, 7, 8), (1, 1, 1), (1.5, 1.4, 1.4), before=(8, 7, 9), low=(1, 0, 0), labels=REGIONS, order=[1, 2, 3], probabilities=True),
    case("regions at the limit", rng.choice(EDGES, (3, 4, 4, 4)), (6, 6, 6), (1, 1, 1), (1.5, 1.5, 1.5), labels=REGIONS, order=[3, 1, 2], probabilities=True),
    case("extreme logits", rng.choice(np.array([-60000, -200, -90, 0, 90, 200, 60000], np.float16), (3, 3, 3, 3)), (5, 5, 5), (1, 1, 1), (1.67, 1.67, 1.67), probabilities=True),
    case("extreme logits, regions", rng.choice(np.array([-60000, -200, -90, 0, 90, 200, 60000], np.float16), (3, 3, 3, 3)), (5, 5, 5), (1, 1, 1), (1.67, 1.67, 1.67), labels=REGIONS, order=[1, 2, 3], probabilities=True),
]
fixture.write("v2-export", "probabilities", probable, SEED)

TORCH = {"function": "resample_torch_fornnunet", "kwargs": {"is_seg": False, "force_separate_z": False, "memefficient_seg_resampling": False}}
MAYBE = {**TORCH, "kwargs": {**TORCH["kwargs"], "force_separate_z": None}}
torched = [
    case("float16 up", noise(4, (5, 6, 7)), (9, 10, 12), (1, 1, 1), (1.8, 1.7, 1.7), **TORCH),
    case("float32 down", noise(3, (9, 10, 12), np.float32), (5, 6, 7), (1.8, 1.7, 1.7), (1, 1, 1), **TORCH),
    case("one axis alone changes", noise(3, (4, 6, 5)), (4, 9, 5), (1, 1, 1), (1, 1.5, 1), **TORCH),
    case("same grid", coarse(4, (5, 6, 7)), (5, 6, 7), (1, 2, 1), (1, 2, 1), **TORCH),
    case("cropped and transposed", noise(3, (5, 4, 6)), (9, 7, 10), (1, 1.2, 0.9), (1.6, 1.8, 2.0), forward=(2, 0, 1), before=(11, 9, 10), low=(1, 2, 0), **TORCH),
    case("separate axis 0", noise(3, (4, 6, 7)), (6, 9, 10), (3, 1, 1), (4.6, 1.5, 1.4), **MAYBE),
    case("separate axis 1", noise(3, (6, 4, 7)), (9, 6, 10), (1, 3.2, 1), (1.5, 4.8, 1.4), **MAYBE),
    case("separate axis 2", noise(3, (6, 7, 4)), (9, 10, 6), (1, 1, 3.2), (1.5, 1.4, 4.8), **MAYBE),
    case("regions", noise(3, (5, 6, 7)), (8, 9, 12), (1, 1, 1), (1.7, 1.6, 1.7), labels=REGIONS, order=[1, 2, 3], **TORCH),
    case("probabilities", noise(4, (4, 5, 6)), (6, 7, 8), (1, 1, 1), (1.5, 1.4, 1.4), before=(7, 7, 9), low=(1, 0, 1), probabilities=True, **TORCH),
    case("probabilities of regions, separate axis", noise(3, (4, 5, 6)), (6, 7, 8), (4, 1, 1), (6, 1.4, 1.4), labels=REGIONS, order=[1, 2, 3], probabilities=True, **MAYBE),
]
fixture.write("v2-export", "torch", torched, SEED)


def next_stage(name, logits, shape, after, spacing, target, forward=(0, 1, 2), before=None, low=(0, 0, 0), labels=None,
               order=None, kwargs=KWARGS, function=RESAMPLE, patch=(8, 8, 8), stored=nnUNetDatasetBlosc2):
    """As `case`; `shape` is that of the case preprocessed for the next stage."""
    labels = labels or flat_labels(len(logits))
    before = before or after
    plans = PlansManager(plans_of(forward, target, kwargs, function, patch))
    dataset = {"labels": labels, "file_ending": ".nii.gz", "channel_names": {"0": "CT"}, "numTraining": 1}
    if order is not None:
        dataset["regions_class_order"] = order
    properties = {
        "spacing": list(spacing),
        "shape_before_cropping": tuple(before),
        "bbox_used_for_cropping": [[l, l + n] for l, n in zip(low, after)],
        "shape_after_cropping_and_before_resampling": tuple(after),
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        file = str(pathlib.Path(folder) / "case")
        resample_and_save(torch.from_numpy(logits), list(shape), file, plans, plans.get_configuration("3d_fullres"),
                          properties, dataset, 1, stored)
        if stored is nnUNetDatasetBlosc2:
            opened = blosc2.open(file + ".b2nd")
            saved, cut = opened[:], [list(opened.chunks), list(opened.blocks)]
        else:
            saved, cut = np.load(file + ".npz")["seg"], None
    return {
        "name": name,
        "logits": fixture.array(logits.view(np.uint16) if logits.dtype == np.float16 else logits),
        "shape": list(shape),
        "spacing": list(spacing),
        "target": list(target),
        "forward": list(forward),
        "before": list(before),
        "low": list(low),
        "after": list(after),
        "labels": labels,
        "order": order,
        "kwargs": kwargs,
        "function": function,
        "patch": list(patch),
        "expected": fixture.array(saved),
        "cut": cut,
    }


stages = [
    next_stage("finer", noise(4, (5, 6, 7)), (9, 11, 13), (8, 9, 11), (1, 1, 1), (1.6, 1.5, 1.6)),
    next_stage("float32", noise(4, (5, 6, 7), np.float32), (9, 11, 13), (8, 9, 11), (1, 1, 1), (1.6, 1.5, 1.6)),
    next_stage("ties", coarse(5, (4, 6, 5)), (8, 12, 10), (4, 6, 5), (1, 1, 1), (1, 1, 1)),
    next_stage("same grid", coarse(4, (5, 6, 7)), (5, 6, 7), (5, 6, 7), (1, 1, 1), (1, 1, 1)),
    next_stage("separate axis", noise(3, (4, 6, 7)), (6, 13, 15), (6, 9, 10), (3, 1, 1), (4.6, 1.5, 1.4)),
    next_stage("cropped and transposed", noise(3, (5, 4, 6)), (10, 8, 11), (9, 7, 10), (1, 1.2, 0.9), (1.6, 1.8, 2.0), forward=(2, 0, 1), before=(11, 9, 10), low=(1, 2, 0)),
    next_stage("regions", noise(3, (5, 6, 7)), (9, 10, 12), (8, 9, 12), (1, 1, 1), (1.7, 1.6, 1.7), labels=REGIONS, order=[1, 2, 3]),
    next_stage("2-D configuration", noise(3, (4, 5, 6)), (4, 11, 12), (4, 9, 10), (5, 1, 1), (1.8, 1.7)),
    next_stage("torch", noise(3, (5, 6, 7)), (9, 11, 13), (8, 9, 11), (1, 1, 1), (1.6, 1.5, 1.6), **TORCH),
    next_stage("255 foreground labels, 16 bits", noise(256, (2, 2, 3)), (3, 4, 4), (3, 4, 4), (1, 1, 1), (1.5, 2, 1.4)),
    next_stage("npz", noise(4, (5, 6, 7)), (9, 11, 13), (8, 9, 11), (1, 1, 1), (1.6, 1.5, 1.6), stored=nnUNetDatasetNumpy),
    # Large enough for more than one chunk, of values that compress: each head is highest in a half space.
    next_stage("in chunks", ((np.arange(2)[:, None, None, None] * 2 - 1) * np.linspace(-1, 1, 6, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 5, 5))).astype(np.float32), (10, 20, 20), (6, 5, 5), (1, 1, 1), (1, 1, 1), patch=(4, 8, 8)),
]
fixture.write("v2-export", "next-stage", stages, SEED)
