"""What nnU-Net v2 makes of its documents: test/golden/v2-documents/*.json.

Run with `python test/oracle/v2_documents.py`: labels by its LabelManager, splits by its trainer's rules, old plans by its
PlansManager, properties pickled by its preprocessor.
"""
import base64
import contextlib
import io
import json
import os
import pathlib
import pickle
import shutil
import sys
import tempfile
import types
import warnings

ROOT = pathlib.Path(tempfile.mkdtemp())
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[name] = str(ROOT / name)
warnings.filterwarnings("ignore")

import numpy as np
import SimpleITK as sitk
from batchgenerators.utilities.file_and_folder_operations import save_json
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.crossval_split import generate_crossval_split
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

import fixture

SEED = 20283

LABELS = [
    ({"background": 0, "a": 1, "b": 2}, None),
    ({"a": 2, "background": 0, "b": 1}, None),
    ({"background": "0", "a": 1}, None),
    ({"background": 0, "a": [1], "b": [2]}, None),
    ({"background": 0, "a": [1], "b": [3]}, None),
    ({"background": 0, "a": 1, "ignore": 2}, None),
    ({"background": 0, "a": 1, "b": 3, "ignore": 4}, None),
    ({"background": 0, "whole": [1, 2, 3], "core": [2, 3], "rim": 3}, [1, 2, 3]),
    ({"background": 0, "whole": [3, 1, 2], "core": [2], "with background": [0, 1], "ignore": 4}, [3, 2, 1]),
    ({"background": 0, "zeros": [0, 0], "a": [1, 2], "b": [2, 1]}, [1, 2]),
    ({"background": 0, "high": 255, "higher": 256, "low": 254}, None),
    # Refused:
    ({"a": 0, "b": 1}, None),
    ({"background": 1, "a": 0}, None),
    ({"background": [0], "a": 1}, None),
    ({"background": 0, "a": 1, "ignore": 1}, None),
    ({"background": 0, "a": 1, "b": 4, "ignore": 3}, None),
    ({"background": 0, "a": 1, "ignore": [2]}, None),
    ({"background": 0, "a": [1, 2], "b": 2}, None),
    ({"background": 0, "a": [1, 2], "b": 2}, [1]),
]


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def describe_labels(labels, order):
    entry = {"labels": labels, "order": order}
    try:
        manager = LabelManager(labels, order)
    except Exception as error:
        return {**entry, "refused": str(error)}
    expected = manager.all_labels + ([manager.ignore_label] if manager.has_ignore_label else [])
    return {
        **entry,
        "all": plain(manager.all_labels),
        "foreground": plain(manager.foreground_labels),
        "regions": plain(manager.all_regions),
        "ignore": manager.ignore_label,
        "heads": manager.num_segmentation_heads,
        "consecutive": bool(np.all(np.ediff1d(expected) == 1)),
    }


def fold_beyond(identifiers, fold):
    """`do_split` of the trainer for a fold that the file does not have."""
    with contextlib.redirect_stdout(io.StringIO()):
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    folder = ROOT / "splits"
    folder.mkdir(exist_ok=True)
    dataset = types.SimpleNamespace(identifiers=identifiers)
    trainer = types.SimpleNamespace(
        fold=fold, preprocessed_dataset_folder_base=str(folder), preprocessed_dataset_folder="", folder_with_segs_from_previous_stage=None,
        dataset_class=lambda *args, **kwargs: dataset, print_to_log_file=lambda *args: None,
    )
    train, val = nnUNetTrainer.do_split(trainer)
    text = (folder / "splits_final.json").read_text()
    shutil.rmtree(folder)
    return [str(i) for i in train], [str(i) for i in val], text


def splits():
    entries = []
    for identifiers in ([f"c{i:02d}" for i in range(12)], [f"case_{i}" for i in range(23)], ["b", "a", "C", "ä", "_", "10", "9"]):
        train, val, text = fold_beyond(identifiers, 7)
        entries.append({"identifiers": identifiers, "text": text, "fold7": {"train": train, "val": val}})
        train, val, _ = fold_beyond(identifiers, 5)
        entries[-1]["fold5"] = {"train": train, "val": val}
    return entries


def old_plans():
    """Plans as nnU-Net 2.0 to 2.3 wrote them: the network's parameters in the configuration itself."""
    resampling = {}
    for kind, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{kind}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{kind}_kwargs"] = {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}
    full = {
        "data_identifier": "nnUNetPlans_3d_fullres", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": [20, 256, 224],
        "median_image_size_in_voxels": [18.0, 237.0, 208.0], "spacing": [5.0, 1.5625, 1.5625], "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False], "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32,
        "n_conv_per_stage_encoder": [2, 2, 2, 2, 2, 2], "n_conv_per_stage_decoder": [2, 2, 2, 2, 2], "num_pool_per_axis": [2, 5, 5],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2], [1, 2, 2]],
        "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]], "unet_max_num_features": 320,
        **resampling, "batch_dice": False,
    }
    residual = {"inherits_from": "3d_fullres", "UNet_class_name": "ResidualEncoderUNet", "n_conv_per_stage_encoder": [1, 3, 4, 6, 6, 6], "batch_size": 3}
    return {
        "dataset_name": "Dataset027_ACDC", "plans_name": "nnUNetPlans", "original_median_spacing_after_transp": [10.0, 1.5625, 1.5625],
        "original_median_shape_after_transp": [9, 256, 216], "image_reader_writer": "SimpleITKIO", "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": full, "residual": residual, "again": {"inherits_from": "residual", "spacing": [4.0, 1.0, 1.0]}},
        "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
        "foreground_intensity_properties_by_modality": {"0": {"max": 3000.0, "mean": 88.5, "median": 80.0, "min": 0.0, "percentile_00_5": 10.0, "percentile_99_5": 360.0, "std": 61.0}},
    }


def resolved(plans):
    manager = PlansManager(json.loads(json.dumps(plans)))
    return {name: plain(manager.get_configuration(name).configuration) for name in manager.available_configurations}


def properties(rng):
    """Pickles that the preprocessor writes beside its arrays, and what they hold."""
    entries = []
    plans_of = old_plans()
    for title, labels, order, reader, axes in [
        ("labels", {"background": 0, "a": 1, "b": 2, "absent": 3}, None, "SimpleITKIO", [0, 1, 2]),
        ("regions and ignore label, turned", {"background": 0, "whole": [2, 1], "core": [2], "ignore": 3}, [1, 2], "SimpleITKIO", [2, 0, 1]),
        ("reoriented", {"background": 0, "a": 1}, None, "SimpleITKIOWithReorient", [0, 1, 2]),
        ("nibabel", {"background": 0, "a": 1}, None, "NibabelIO", [1, 0, 2]),
        ("nibabel, reoriented", {"background": 0, "a": 1}, None, "NibabelIOWithReorient", [0, 1, 2]),
        ("without label", {"background": 0, "a": 1}, None, "SimpleITKIO", [0, 1, 2]),
        ("png", {"background": 0, "a": 1}, None, "NaturalImage2DIO", [0, 1, 2]),
    ]:
        folder = ROOT / "pickles"
        folder.mkdir(exist_ok=True)
        shape = (1, 9, 8) if reader == "NaturalImage2DIO" else (6, 9, 8)
        image = np.zeros(shape, np.uint8)
        image[..., 1:-1, 2:] = rng.integers(1, 200, image[..., 1:-1, 2:].shape)
        label = np.zeros(shape, np.uint8)
        label[..., 2:6, 3:7] = rng.integers(0, 3 if "b" in labels or order else 2, label[..., 2:6, 3:7].shape)
        ending = ".png" if len(shape) == 3 and shape[0] == 1 else ".nii.gz"
        files = []
        for i, a in enumerate((image, label)):
            file = str(folder / f"{i}{ending}")
            if ending == ".png":
                from PIL import Image

                Image.fromarray(a[0]).save(file)
            else:
                volume = sitk.GetImageFromArray(a)
                volume.SetSpacing((0.9, 1.25, 2.5))
                volume.SetOrigin((-4.5, 10.25, 3.0))
                volume.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, -1))
                sitk.WriteImage(volume, file)
            files.append(file)
        plans = json.loads(json.dumps(plans_of))
        plans["image_reader_writer"] = reader
        plans["transpose_forward"] = axes
        plans["transpose_backward"] = [axes.index(i) for i in range(3)]
        configuration = plans["configurations"]["3d_fullres"]
        configuration["spacing"] = [1.5, 1.5, 1.5] if ending != ".png" else [999.0, 1.0, 1.0]
        configuration["patch_size"] = [8, 8, 8]
        manager = PlansManager(plans)
        dataset_json = {"labels": labels, "channel_names": {"0": "MR"}, "file_ending": ending, "numTraining": 1}
        if order is not None:
            dataset_json["regions_class_order"] = order
        preprocessor = DefaultPreprocessor(verbose=False)
        settings = manager.get_configuration("3d_fullres")
        target = str(folder / "out")
        if title == "without label":
            _, _, found = preprocessor.run_case([files[0]], None, manager, settings, dataset_json)
            with open(target + ".pkl", "wb") as f:
                pickle.dump(found, f)
        else:
            preprocessor.run_case_save(target, [files[0]], files[1], manager, settings, dataset_json)
        data = pathlib.Path(target + ".pkl").read_bytes()
        value = pickle.loads(data)
        entries.append({"title": title, "base64": base64.b64encode(data).decode(), "keys": list(value), "value": plain(value),
                        "regions": [plain(k) for k in value.get("class_locations", {})]})
        shutil.rmtree(folder)
    return entries


def texts():
    """Documents with everything that JSON by Python has of its own."""
    value = {"10": 1, "9": [], "2": {}, "float": 38.0, "small": 1e-05, "nan": float("nan"), "inf": [float("inf"), -float("inf")],
             "name": "Größe \u2603 \U0001f600 \"\\ \n\x7f", "big": 12345678901234567890, "f32": 0.800000011920929, "no": None, "yes": [True, False],
             "zero": [0.0, -0.0, 0], "e": [1e16, 1e15, 1.5e-7, 123456789012345680.0]}
    path = ROOT / "text.json"
    save_json(value, str(path), sort_keys=False)
    return path.read_text()


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    sys.stdout = io.StringIO()
    plans = old_plans()
    fixture.write("v2-documents", "labels", {"entries": [describe_labels(*entry) for entry in LABELS]}, SEED)
    fixture.write("v2-documents", "splits", {"entries": splits()}, SEED)
    fixture.write("v2-documents", "old-plans", {"plans": plans, "resolved": resolved(plans)}, SEED)
    fixture.write("v2-documents", "properties", {"entries": properties(rng)}, SEED)
    fixture.write("v2-documents", "text", {"text": texts()}, SEED)
    shutil.rmtree(ROOT)
