"""Golden choices of nnU-Net v2: `find_best_configuration` on two models of three folds, with labels and with regions;
cases run against the folds."""
import json
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(os.environ.setdefault("V2_FIND_BEST_ROOT", tempfile.mkdtemp()))
for key, folder in (("nnUNet_raw", "raw"), ("nnUNet_preprocessed", "preprocessed"), ("nnUNet_results", "results")):
    (ROOT / folder).mkdir(exist_ok=True)
    os.environ[key] = str(ROOT / folder)

import numpy as np
import SimpleITK as sitk
from batchgenerators.utilities.file_and_folder_operations import save_pickle
from nnunetv2.evaluation.find_best_configuration import (
    dumb_trainer_config_plans_to_trained_models_dict,
    find_best_configuration,
)

import fixture

SEED = 97
SHAPE = (4, 7, 8)
FOLDS = (0, 1, 2)
MODELS = ["2d", "3d_fullres"]
SPACING, ORIGIN = (0.75, 1.5, 2.0), (3.5, -4.25, 10.0)
DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def configuration(spacing):
    resampling = {}
    for kind, seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{kind}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{kind}_kwargs"] = {"is_seg": seg, "order": order, "order_z": 0, "force_separate_z": None}
    return {
        "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": [8] * len(spacing), "median_image_size_in_voxels": [8.0] * len(spacing), "spacing": spacing,
        "normalization_schemes": ["ZScoreNormalization"], "use_mask_for_norm": [False], **resampling,
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {"n_stages": 1, "features_per_stage": [32], "conv_op": f"torch.nn.modules.conv.Conv{len(spacing)}d",
                            "kernel_sizes": [[3] * len(spacing)], "strides": [[1] * len(spacing)], "n_conv_per_stage": [2],
                            "n_conv_per_stage_decoder": [], "conv_bias": True,
                            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{len(spacing)}d",
                            "norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
                            "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True}},
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]},
        "batch_dice": True,
    }


PLANS = {
    "dataset_name": "Dataset007_Tiny", "plans_name": "nnUNetPlans",
    "original_median_spacing_after_transp": [2.0, 1.5, 0.75], "original_median_shape_after_transp": [4, 7, 8],
    "image_reader_writer": "SimpleITKIO", "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
    "configurations": {"2d": configuration([1.5, 0.75]), "3d_fullres": configuration([2.0, 1.5, 0.75])},
    "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
    "foreground_intensity_properties_per_channel": {},
}


def write(array, path):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    sitk.WriteImage(image, str(path), True)


def blob(array, label, centre, radius):
    grid = np.indices(array.shape)
    array[sum((g - c) ** 2 for g, c in zip(grid, centre)) <= radius**2] = label


def run(name, seed, labels, order, noise):
    rng = np.random.RandomState(seed)
    dataset_name = "Dataset007_Tiny"
    for folder in ("raw", "preprocessed", "results"):
        shutil.rmtree(ROOT / folder / dataset_name, ignore_errors=True)
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 6, "file_ending": ".nii.gz"}
    if order is not None:
        dataset["regions_class_order"] = order
    truth = ROOT / "preprocessed" / dataset_name / "gt_segmentations"
    truth.mkdir(parents=True)
    (ROOT / "preprocessed" / dataset_name / "nnUNetPlans.json").write_text(json.dumps(PLANS, indent=4))
    regions = [v for v in labels.values() if v != 0]
    cases = []
    for fold in FOLDS:
        for i in range(2):
            reference = np.zeros(SHAPE, np.uint8)
            for label in (1, 2, 3):
                blob(reference, label, [rng.randint(1, n - 1) for n in SHAPE], 1.9)
            identifier = f"case_{len(FOLDS) - fold}{i}"
            write(reference, truth / f"{identifier}.nii.gz")
            cases.append({"identifier": identifier, "fold": fold, "reference": reference, "probabilities": {}})
    for model in MODELS:
        base = ROOT / "results" / dataset_name / f"nnUNetTrainer__nnUNetPlans__{model}"
        base.mkdir(parents=True)
        (base / "plans.json").write_text(json.dumps(PLANS, indent=4))
        (base / "dataset.json").write_text(json.dumps(dataset, indent=4))
        for case in cases:
            reference = case["reference"]
            folder = base / f"fold_{case['fold']}" / "validation"
            folder.mkdir(parents=True, exist_ok=True)
            if order is None:
                logits = 3.0 * (np.arange(4)[:, None, None, None] == reference) + noise[model] * rng.randn(4, *SHAPE)
                e = np.exp(logits)
                p = (e / e.sum(0)).astype(np.float32)
                seg = p.argmax(0).astype(np.uint8)
            else:
                mask = np.array([np.isin(reference, r) for r in regions])
                p = (1 / (1 + np.exp(-(4.0 * mask - 2 + noise[model] * rng.randn(len(regions), *SHAPE))))).astype(np.float32)
                seg = np.zeros(SHAPE, np.uint8)
                for i, c in enumerate(order):
                    seg[p[i] > 0.5] = c
            # Rounded so that the fixture compresses; still float32 as nnU-Net writes them.
            p = (np.round(p * 64) / 64).astype(np.float32)
            case["probabilities"][model] = fixture.array(np.round(p * 64).astype(np.uint8))
            np.savez_compressed(folder / f"{case['identifier']}.npz", probabilities=p)
            save_pickle({"sitk_stuff": {"spacing": SPACING, "origin": ORIGIN, "direction": DIRECTION},
                         "spacing": [2.0, 1.5, 0.75], "shape_before_cropping": SHAPE,
                         "bbox_used_for_cropping": [[0, n] for n in SHAPE],
                         "shape_after_cropping_and_before_resampling": SHAPE}, str(folder / f"{case['identifier']}.pkl"))
            write(seg, folder / f"{case['identifier']}.nii.gz")
            case.setdefault("predictions", {})[model] = fixture.array(seg)
    models = dumb_trainer_config_plans_to_trained_models_dict(["nnUNetTrainer"], ["2d", "3d_fullres", "3d_lowres"], ["nnUNetPlans"])
    find_best_configuration(dataset_name, models, num_processes=1, folds=list(FOLDS))
    base = ROOT / "results" / dataset_name
    ensemble = next((base / "ensembles").iterdir())
    text = lambda path: path.read_text().replace(str(ROOT), "ROOT")
    information = json.loads((base / "inference_information.json").read_text())
    best = pathlib.Path(information["best_model_or_ensemble"]["postprocessing_file"]).parent
    folders = [base / f"nnUNetTrainer__nnUNetPlans__{m}" / "crossval_results_folds_0_1_2" for m in MODELS] + [ensemble]
    print(name, information["all_results"], best.name)
    return {
        "name": name,
        "dataset": json.dumps(dataset),
        "plans": json.dumps(PLANS),
        "models": MODELS,
        "folds": list(FOLDS),
        "cases": [{**c, "reference": fixture.array(c["reference"])} for c in cases],
        "summaries": {str(f.relative_to(base)): text(f / "summary.json") for f in folders},
        "best": str(best.relative_to(base)),
        "postprocessing": text(best / "postprocessing.json"),
        "ensembled": {c["identifier"]: fixture.array(sitk.GetArrayFromImage(sitk.ReadImage(str(ensemble / f"{c['identifier']}.nii.gz")))) for c in cases},
        "information": text(base / "inference_information.json"),
        "instructions": text(base / "inference_instructions.txt"),
    }


FLAT = {"background": 0, "a": 1, "b": 2, "c": 3}
REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": 3}

if __name__ == "__main__":
    sys.stdout.flush()
    results = [
        run("an ensemble wins", 1, FLAT, None, {"2d": 1.6, "3d_fullres": 1.5}),
        run("a single model wins", 2, FLAT, None, {"2d": 4.0, "3d_fullres": 0.5}),
        run("regions", 3, REGIONS, [1, 2, 3], {"2d": 1.5, "3d_fullres": 1.4}),
    ]
    fixture.write("v2-find-best", "find-best", results, SEED)
    shutil.rmtree(ROOT)
