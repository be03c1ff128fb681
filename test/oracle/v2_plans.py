"""Plans of nnU-Net v2's own planners for synthetic fingerprints: test/golden/v2-plans/*.json.

Run with `python test/oracle/v2_plans.py`. Every dataset is a folder with dataset.json, one small image and a fingerprint,
which is all that the planners read.
"""
import contextlib
import importlib
import io
import json
import os
import pathlib
import tempfile
import warnings

ROOT = pathlib.Path(tempfile.mkdtemp())
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[name] = str(ROOT / name)
os.environ["nnUNet_n_proc_DA"] = "1"
warnings.filterwarnings("ignore")
with contextlib.redirect_stdout(io.StringIO()):
    import numpy as np
    import SimpleITK as sitk
    import torch
    from PIL import Image

    torch.set_num_threads(1)
    base = "nnunetv2.experiment_planning.experiment_planners."
    residual = importlib.import_module(base + "residual_unets.residual_encoder_unet_planners")
    torchres = importlib.import_module(base + "resampling.resample_with_torch")
    none = importlib.import_module(base + "resampling.planners_no_resampling")
    default = importlib.import_module(base + "default_experiment_planner")

import fixture

SEED = 20281
MAIN = ["ExperimentPlanner", "nnUNetPlannerResEncM", "nnUNetPlannerResEncL", "nnUNetPlannerResEncXL"]
OTHERS = ["ResEncUNetPlanner", "nnUNetPlanner_torchres", "nnUNetPlannerResEncL_torchres",
          "nnUNetPlannerResEncL_torchres_sepz", "nnUNetPlannerResEncL_noResampling"]
CLASSES = {name: getattr(module, name) for module in (default, residual, torchres, none)
           for name in MAIN + OTHERS if hasattr(module, name)}


def labels(count):
    return {"background": 0, **{f"label {i}": i for i in range(1, count)}}


# n, size, spacing groups; share left by cropping; channels; labels; planners; options
DATASETS = [
    dict(name="brain", groups=[[40, [138, 170, 138], [1, 1, 1]]], rel=0.2, channels=["T1", "T1ce", "T2", "FLAIR"], labels=labels(4), planners=MAIN),
    dict(name="prostate", groups=[[30, [20, 320, 319], [3.6, 0.62, 0.62]]], channels=["T2", "ADC"], labels=labels(3), planners=MAIN),
    dict(name="liver", groups=[[130, [432, 512, 512], [1, 0.76, 0.76]]], channels=["CT"], labels=labels(3), planners=MAIN + OTHERS),
    dict(name="acdc", groups=[[150, [9, 256, 216], [10, 1.56, 1.56]], [50, [9, 256, 216], [5, 1.37, 1.37]]], channels=["cineMRI"], labels=labels(4), planners=MAIN[:2]),
    dict(name="hippo", groups=[[260, [36, 50, 35], [1, 1, 1]]], channels=["MRI"], labels=labels(3), planners=MAIN[:3]),
    dict(name="road", groups=[[20, [1, 500, 600], [999, 1, 1]]], channels=["rgb_to_0_1"] * 3, labels=labels(3), planners=MAIN + OTHERS[:1], png=True),
    dict(name="last axis", groups=[[12, [300, 280, 24], [0.7, 0.7, 5.0]]], rel=0.5, channels=["ct", "PET"], labels=labels(4), planners=MAIN[:2]),
    dict(name="another target", groups=[[60, [120, 180, 150], [2.0, 1.0, 1.0]]], rel=0.9, channels=["CT"], labels=labels(6), planners=MAIN[::2], target=[1.5, 1.5, 1.5]),
    dict(name="target that turns the axes", groups=[[8, [90, 90, 200], [1.0, 1.0, 0.5]]], channels=["noNorm"], labels=labels(2), planners=MAIN[:2], target=[0.8, 0.9, 3.1], plans_name="Mine"),
    dict(name="half a GB", groups=[[10, [64, 90, 81], [1.5, 1.0, 1.0]]], channels=["nonorm"], labels=labels(2), planners=MAIN[::2], gpu=0.5),
    dict(name="next to nothing", groups=[[6, [21, 37, 36], [1.1, 1.0, 0.9]]], channels=["zscore", "RESCALE_TO_0_1"], labels=labels(2), planners=MAIN[:1], gpu=0.012),
    dict(name="regions and ignore label", groups=[[4, [60, 61, 62], [1, 1, 1]], [4, [70, 80, 63], [1, 1, 1]]], rel=0.74, channels=["CTA", "rescale_0_1"],
         labels={"background": 0, "whole": [1, 2, 3], "core": [2, 3], "rim": 3, "ignore": 4}, order=[1, 2, 3], planners=MAIN[:2], num_training=20),
    dict(name="half voxels", groups=[[1, [21, 101, 90], [3.1, 1, 1]], [1, [24, 96, 87], [3.3, 1, 1]]], channels=["T1"], labels=labels(2), planners=MAIN[:2]),
    dict(name="one slice of thick", groups=[[3, [1, 200, 180], [5, 0.7, 0.7]]], channels=["US"], labels=labels(2), planners=MAIN[:1]),
    dict(name="ratio three", groups=[[9, [30, 200, 200], [3, 1, 1]]], channels=["T1"], labels=labels(2), planners=MAIN[:1]),
    dict(name="many GB", groups=[[9, [300, 300, 300], [0.5, 0.5, 0.5]]], channels=["CT"], labels=labels(2), planners=MAIN[:1], gpu=80),
]


def drawn(rng, i):
    """A dataset whose every case has its own size and spacing."""
    spacing = rng.uniform(0.3, 3, 3) * np.where(rng.random(3) < 0.3, 3.5, 1)
    size = rng.integers(12, 420, 3)
    count = int(rng.integers(2, 7))
    groups = [[1, np.maximum(1, size * rng.uniform(0.8, 1.2, 3)).astype(int).tolist(), (spacing * rng.uniform(0.9, 1.1, 3)).tolist()] for _ in range(count)]
    return dict(name=f"drawn {i}", groups=groups, rel=float(rng.uniform(0.4, 1)), channels=["MR"], labels=labels(int(rng.integers(2, 9))),
                planners=[MAIN[i % 4]], num_training=int(rng.integers(5, 300)))


def statistics(channels):
    keys = ["max", "mean", "median", "min", "percentile_00_5", "percentile_99_5", "std"]
    return {str(c): dict(zip(keys, [900.0 + c, 101.5, 99.25, -3.0, 1e-05, 800.5, 0.800000011920929])) for c in range(len(channels))}


def plan(number, dataset, planner, existing=None):
    name = f"Dataset{number:03d}_Made"
    raw, preprocessed = ROOT / "nnUNet_raw" / name, ROOT / "nnUNet_preprocessed" / name
    for folder in (raw, preprocessed):
        folder.mkdir(parents=True, exist_ok=True)
    if dataset.get("png"):
        image, ending = raw / "a_0000.png", ".png"
        Image.fromarray(np.zeros((4, 5), np.uint8)).save(image)
    else:
        image, ending = raw / "a_0000.nii.gz", ".nii.gz"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(image))
    cases = [(size, spacing) for n, size, spacing in dataset["groups"] for _ in range(n)]
    document = {
        "channel_names": {str(i): c for i, c in enumerate(dataset["channels"])},
        "labels": dataset["labels"],
        "numTraining": dataset.get("num_training", len(cases)),
        "file_ending": ending,
        "dataset": {"a": {"images": [str(image)], "label": str(image)}},
    }
    if "order" in dataset:
        document["regions_class_order"] = dataset["order"]
    (raw / "dataset.json").write_text(json.dumps(document))
    (preprocessed / "dataset_fingerprint.json").write_text(json.dumps({
        "foreground_intensity_properties_per_channel": statistics(dataset["channels"]),
        "median_relative_size_after_cropping": dataset.get("rel", 1.0),
        "shapes_after_crop": [size for size, _ in cases],
        "spacings": [spacing for _, spacing in cases],
    }))
    options = {}
    if "target" in dataset:
        options["overwrite_target_spacing"] = dataset["target"]
    if "gpu" in dataset:
        options["gpu_memory_target_in_gb"] = dataset["gpu"]
    if "plans_name" in dataset:
        options["plans_name"] = dataset["plans_name"]
    with contextlib.redirect_stdout(io.StringIO()):
        made = CLASSES[planner](name, **options)
        if existing is not None:
            (preprocessed / f"{made.plans_identifier}.json").write_text(json.dumps(existing))
        made.plan_experiment()
    text = (preprocessed / f"{made.plans_identifier}.json").read_text()
    return made.plans_identifier, name, text


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    # tuples of a fingerprint are lists in its file, and a channel's statistics are the same for all datasets.
    entries = []
    for number, dataset in enumerate(DATASETS + [drawn(rng, i) for i in range(16)], 1):
        plans = {}
        for planner in dataset.pop("planners"):
            plans_name, name, text = plan(number, dataset, planner)
            plans[planner] = {"plansName": plans_name, "document": json.loads(text)}
            assert json.dumps(plans[planner]["document"], indent=4) == text
        entries.append({"dataset": {**dataset, "folder": name}, "plans": plans})
    half = len(entries) // 2
    common = {"statistics": statistics(["a"] * 4)}
    fixture.write("v2-plans", "documented", {**common, "entries": entries[: len(DATASETS)]}, SEED)
    fixture.write("v2-plans", "drawn", {**common, "entries": entries[len(DATASETS) :]}, SEED)

    # Planning over a file that has configurations which are not planned any more, and some of one's own.
    flat = next(d for d in DATASETS if d["name"] == "liver")
    _, name, old = plan(900, flat, "ExperimentPlanner")
    old = json.loads(old)
    old["configurations"]["mine"] = {"inherits_from": "3d_fullres", "batch_size": 7, "spacing": [1.0, 2.0, 1e-05]}
    smaller = next(d for d in DATASETS if d["name"] == "hippo")
    _, name, text = plan(901, smaller, "ExperimentPlanner", old)
    again = {"dataset": {**smaller, "folder": name}, "existing": old, "text": text}
    fixture.write("v2-plans", "again", {**common, **again}, SEED)
