"""Labels of real scans to the network's grid and back, by nnU-Net v2.

    python test/oracle/v2_round_trip.py prepare SCANS FOLDER    writes FOLDER/scans, FOLDER/logits/TRIP, FOLDER/reference/TRIP
    python test/oracle/v2_round_trip.py compare FOLDER          prints a table; exit code 1 if something differs

nnU-Net 2.8.1 itself preprocesses scan and label, and exports logits made of the label: certain ones (one class far above
the others) or blurred by noise, float16 as its predictor's. Between the two, `nnprep export -i FOLDER/logits/TRIP -o
FOLDER/exported/TRIP` makes the same of them. Compared are every byte of the header of the file, every voxel, and
probabilities where they are saved. Dice is that of the exported segmentation with the scan's label, mean over labels; of
certain logits that are not resampled every label has to come back as it was, but for what lies outside the crop box.
"""
import argparse
import contextlib
import gzip
import io
import json
import os
import pathlib
import sys

for key in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(key, "/nonexistent")

import numpy as np
import SimpleITK as sitk

from round_trip import BRAIN, CT, IDENTITY, IMAGES, LABELS, LUNG, MR, SPINE, dice

SEED = 5
NAME = "3d_fullres"
# Scan, target spacing in the network's axes in mm (two: a 2-D configuration; None: the scan's own), transpose_forward,
# whether the logits are blurred, whether probabilities are saved.
TRIPS = [
    (CT, None, IDENTITY, False, False), (CT, [2.5, 2.4, 2.4], IDENTITY, False, False), (CT, [4.5, 4.0, 4.0], [1, 0, 2], True, False),
    (MR, None, IDENTITY, False, True), (MR, [1.4, 1.3, 1.5], [2, 0, 1], True, True),
    (BRAIN, None, IDENTITY, False, False), (BRAIN, [6.5, 1.2, 1.2], IDENTITY, True, False), (BRAIN, [5.0, 1.0, 1.0], IDENTITY, False, True),
    (LUNG, None, [2, 0, 1], False, False), (LUNG, [2.0, 1.1, 1.1], IDENTITY, True, False), (LUNG, [4.0, 1.3, 1.3], [1, 0, 2], False, False),
    (SPINE, None, IDENTITY, False, False), (SPINE, [1.2, 1.1], [2, 0, 1], True, False),
]
READERS = {SPINE: "NibabelIOWithReorient"}
ENDINGS = {BRAIN: ".nrrd"}
REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": 3}
PROBABILITY_TOLERANCE = 2.4e-7


def names():
    return [f"{scan}_{i}" for i, (scan, *_) in enumerate(TRIPS)]


def plans_of(scan, spacing, axes, channels):
    resampling = {}
    for kind, seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{kind}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{kind}_kwargs"] = {"is_seg": seg, "order": order, "order_z": 0, "force_separate_z": None}
    dim = len(spacing)
    network = {
        "n_stages": 1, "features_per_stage": [32], "conv_op": f"torch.nn.modules.conv.Conv{dim}d", "kernel_sizes": [[3] * dim],
        "strides": [[1] * dim], "n_conv_per_stage": [2], "n_conv_per_stage_decoder": [], "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dim}d", "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None, "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
    }
    configuration = {
        "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": [32] * dim,
        "median_image_size_in_voxels": [64.0] * dim, "spacing": spacing, "normalization_schemes": ["NoNormalization"] * channels,
        "use_mask_for_norm": [False] * channels, **resampling, "batch_dice": True,
        "architecture": {"network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                         "arch_kwargs": network, "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]},
    }
    statistics = {key: 0.0 for key in ("max", "mean", "median", "min", "percentile_00_5", "percentile_99_5", "std")}
    return {
        "dataset_name": "Dataset001_RoundTrip", "plans_name": "nnUNetPlans", "original_median_spacing_after_transp": [1.0] * 3,
        "original_median_shape_after_transp": [64] * 3, "image_reader_writer": READERS.get(scan, "SimpleITKIO"),
        "transpose_forward": axes, "transpose_backward": [int(i) for i in np.argsort(axes)], "configurations": {NAME: configuration},
        "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(c): statistics for c in range(channels)},
    }


def write_scan(scans, folder, scan):
    """The scan's files with its labels numbered 0, 1, 2 ...; returns how many labels there are."""
    images = [sitk.ReadImage(str(scans / scan / name)) for name in IMAGES[scan]]
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(scans / scan / LABELS.get(scan, "seg.nii.gz"))))
    found, numbers = np.unique(values, return_inverse=True)
    label = sitk.GetImageFromArray(numbers.reshape(values.shape).astype(np.uint8 if len(found) < 256 else np.uint16))
    ending = ENDINGS.get(scan, ".nii.gz")
    folder.mkdir(parents=True, exist_ok=True)
    for c, image in enumerate(images):
        image.CopyInformation(images[0])
        sitk.WriteImage(image, str(folder / f"{scan}_{c:04d}{ending}"), True)
    label.CopyInformation(images[0])
    sitk.WriteImage(label, str(folder / f"{scan}{ending}"), True)
    return len(found)


def logits_of(seg, heads, blurred, rng):
    """Of each head where it belongs 4, elsewhere -4; float16."""
    logits = np.empty((len(heads), *seg.shape), np.float16)
    for head, labels in zip(logits, heads):
        values = np.where(np.isin(seg, labels), 4.0, -4.0)
        head[:] = values + 3 * rng.standard_normal(seg.shape) if blurred else values
    return logits


def prepare(scans, folder):
    import torch
    from batchgenerators.utilities.file_and_folder_operations import save_pickle
    from nnunetv2.inference.export_prediction import export_prediction_from_logits
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    counts = {scan: write_scan(scans, folder / "scans", scan) for scan in IMAGES}
    for name, (scan, target, axes, blurred, saves) in zip(names(), TRIPS):
        ending, channels = ENDINGS.get(scan, ".nii.gz"), len(IMAGES[scan])
        labels = REGIONS if scan == MR else {"background": 0, **{f"l{i}": i for i in range(1, counts[scan])}}
        heads = list(labels.values())[1 if scan == MR else 0 :]
        dataset = {"channel_names": {str(c): "noNorm" for c in range(channels)}, "labels": labels, "numTraining": 1, "file_ending": ending}
        if scan == MR:
            dataset["regions_class_order"] = [1, 2, 3]
        images = [str(folder / "scans" / f"{scan}_{c:04d}{ending}") for c in range(channels)]
        spacing = target
        if spacing is None:
            manager = PlansManager(plans_of(scan, [1.0] * 3, axes, channels))
            found = manager.image_reader_writer_class().read_images(images)[1]["spacing"]
            spacing = [float(found[i]) for i in axes]
        plans = plans_of(scan, spacing, axes, channels)
        manager = PlansManager(plans)
        configuration = manager.get_configuration(NAME)
        with contextlib.redirect_stdout(io.StringIO()):
            _, seg, properties = DefaultPreprocessor(verbose=False).run_case(images, str(folder / "scans" / f"{scan}{ending}"), manager, configuration, dataset)
        properties.pop("class_locations", None)
        logits = logits_of(np.maximum(seg[0], 0), heads, blurred, rng)
        for kind in ("logits", "reference"):
            (folder / kind / name).mkdir(parents=True, exist_ok=True)
        here = folder / "logits" / name
        (here / "plans.json").write_text(json.dumps(plans))
        (here / "dataset.json").write_text(json.dumps(dataset))
        np.savez_compressed(here / f"{name}.npz", logits=logits)
        save_pickle(properties, str(here / f"{name}.pkl"))
        with contextlib.redirect_stdout(io.StringIO()):
            export_prediction_from_logits(torch.from_numpy(logits), properties, configuration, manager, dataset,
                                          str(folder / "reference" / name / name), saves, 1)
        print(f"{name}: {logits.shape} -> {properties['shape_before_cropping']}", flush=True)
    trips = [{"name": name, "save": saves} for name, (*_, saves) in zip(names(), TRIPS)]
    (folder / "round-trips.json").write_text(json.dumps(trips))


def split(path):
    """Header and voxels of a file as bytes, decompressed."""
    content = path.read_bytes()
    if path.name.endswith(".nrrd"):
        end = content.index(b"\n\n") + 2
        # The order of lines is SimpleITK's own; compressed bytes are not compared.
        return content[:end], gzip.decompress(content[end:])
    content = gzip.decompress(content)
    return content[:352], content[352:]


def compare_trip(name, trip, folder):
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    import pickle

    scan, target, _, blurred, saves = trip
    ending = ENDINGS.get(scan, ".nii.gz")
    (header, voxels), (our_header, our_voxels) = (split(folder / kind / name / f"{name}{ending}") for kind in ("reference", "exported"))
    plans = PlansManager(json.loads((folder / "logits" / name / "plans.json").read_text()))
    reader = plans.image_reader_writer_class()
    exported = reader.read_seg(str(folder / "exported" / name / f"{name}{ending}"))[0][0]
    label = reader.read_seg(str(folder / "scans" / f"{scan}{ending}"))[0][0]
    properties = pickle.loads((folder / "logits" / name / f"{name}.pkl").read_bytes())
    inside = np.zeros(properties["shape_before_cropping"], bool)
    inside[tuple(slice(*bounds) for bounds in properties["bbox_used_for_cropping"])] = True
    inside = inside.transpose(plans.transpose_backward)
    labels = [int(l) for l in np.unique(label) if l > 0]
    mean, worst = dice(exported, label, labels)
    probability = 0.0
    if saves:
        ours, theirs = (np.load(folder / kind / name / f"{name}.npz")["probabilities"] for kind in ("exported", "reference"))
        probability = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape and ours.dtype == theirs.dtype else np.inf
    row = {
        "header": sum(x != y for x, y in zip(header, our_header)) + abs(len(header) - len(our_header)),
        "voxels": int(np.sum(np.frombuffer(voxels, np.uint8) != np.frombuffer(our_voxels, np.uint8))) if len(voxels) == len(our_voxels) else -1,
        "probability": probability,
        "labels": len(labels),
        "mean": mean,
        "worst": worst,
        "outside": int(np.sum((label > 0) & ~inside)),
        "lost": int(np.sum((exported != label) & inside)),
        "total": label.size,
    }
    row["ok"] = row["header"] == row["voxels"] == 0 and probability <= PROBABILITY_TOLERANCE
    if target is None and not blurred:
        row["ok"] = row["ok"] and row["lost"] == 0
    return row


def compare(folder):
    print(f"{'scan':26}{'spacing':16}{'axes':8}{'logits':>9}{'labels':>7}{'differ: header':>15}{'voxels':>8}{'probability':>13}"
          f"{'mean Dice':>11}{'lowest':>9}{'outside box':>12}")
    bad = total = 0
    for name, trip in zip(names(), TRIPS):
        r = compare_trip(name, trip, folder)
        bad += not r["ok"]
        total += r["total"]
        scan, target, axes, blurred, saves = trip
        probability = f"{r['probability']:.1e}" if saves else ""
        spacing = "own" if target is None else " ".join(map(str, target))
        print(f"{scan:26}{spacing:16}{' '.join(map(str, axes)):8}{'blurred' if blurred else 'certain':>9}{r['labels']:>7}{r['header']:>15}"
              f"{r['voxels']:>8}{probability:>13}{r['mean']:>11.5f}{r['worst']:>9.5f}{r['outside']:>12}"
              f"{'' if r['ok'] else '  DIFFERS'}", flush=True)
    print(f"{len(TRIPS)} round trips of {total / 1e6:.1f} M voxels, {bad} differ")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("prepare")
    p.add_argument("scans", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    p = commands.add_parser("compare")
    p.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    return prepare(args.scans, args.folder) if args.command == "prepare" else compare(args.folder)


if __name__ == "__main__":
    sys.exit(main())
