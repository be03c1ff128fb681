"""v2 datasets out of real scans, what nnU-Net 2.8.1 itself makes of them, and the comparison with nnprep's files.

    python test/oracle/v2_conformance.py build SCANS FOLDER        writes FOLDER/raw/Dataset9*
    python test/oracle/v2_conformance.py reference FOLDER          runs nnU-Net 2.8.1 into FOLDER/reference
    python test/oracle/v2_conformance.py bare FOLDER/x/preprocessed  plans "Bare" beside the default ones: no normalisation
    python test/oracle/v2_conformance.py compare FOLDER            FOLDER/reference against FOLDER/ours

SCANS as for conformance.py. Every dataset gets the scan as it is and copies resampled to other spacings.
"""
import argparse
import contextlib
import json
import os
import pathlib
import pickle
import sys

import numpy as np
import SimpleITK as sitk

from compare import Comparison
from conformance import MOST_LABELS, consecutive, pad, resample

PROCESSES = 2
NORMALIZED_TOLERANCE = 1e-6
BARE = "Bare"

CT = {"folder": "ct01_ts_body_3mm", "images": ["image.nii.gz"], "label": "seg.nii.gz"}
STROKE = {
    "folder": "mr01_stroke_multichannel",
    "images": ["image_0000.nii.gz", "image_0001.nii.gz", "image_0002.nii.gz"],
    "label": "seg.nii.gz",
}
CORD = {"folder": "mr12_sct_t2_PSR", "images": ["image.nii.gz"], "label": "seg.nii.gz"}

# Spacings are x, y, z in mm; None leaves an axis as it is.
DATASETS = {
    "Dataset901_ConformanceCT": {**CT, "channels": ["CT"], "spacings": [None, (2.6, 2.6, 3.4), (3, 3, 4.5), (3.3, 2.9, 2.5)]},
    "Dataset902_ConformanceRegions": {
        **STROKE,
        "channels": ["T1", "T2", "noNorm"],
        "labels": {"background": 0, "whole": [1, 2, 3], "core": [3, 2], "rest": 3},
        "regions_class_order": [1, 2, 3],
        "spacings": [None, (1, 1, 1.5), (1.2, 0.9, 1.1)],
    },
    "Dataset903_ConformanceAnisotropic": {
        "folder": "mr04_brain1_nrrd",
        "images": ["image.nrrd"],
        "label": "seg.nrrd",
        "channels": ["MRI"],
        "ending": ".nrrd",
        "spacings": [None, (None, None, 5.0), (1.1, 0.9, 6.0), (0.7, 0.7, 8.0)],
    },
    # Read by nibabel, turned to RAS.
    "Dataset904_ConformanceReorient": {
        **CORD,
        "channels": ["rescale_to_0_1"],
        "reader": "NibabelIOWithReorient",
        "spacings": [None, (1, 1, 2.0), (0.8, 1.3, 1)],
    },
    # The coarse axis is the fastest in the file: transposed, resampled slice by slice.
    "Dataset905_ConformanceTransposed": {
        **CORD,
        "channels": ["T2"],
        "spacings": [(4, 1, 1), (4, 1.2, 0.9), (5, 1, 1), (1, 1, 1)],
    },
    # Zeros around the head: normalised inside the mask only; the highest label is not learned.
    "Dataset906_ConformanceMasked": {
        **STROKE,
        "channels": ["T1", "T2", "FLAIR"],
        "labels": {"background": 0, "a": 1, "b": 2, "ignore": 3},
        "spacings": [None, (1, 1, 1.4), (0.9, 1.1, 1)],
        "pad": 20,
    },
    # Large enough for a low-resolution stage and the cascade.
    "Dataset907_ConformanceTwoStages": {
        **CT,
        "channels": ["CT"],
        "spacings": [(1.2, 1.2, 1.2), (1.2, 1.2, 1.2), (1.2, 1.2, 1.6)],
        "most_labels": 2,
    },
    # Pictures: slices of the CT as colours.
    "Dataset908_ConformancePictures": {**CT, "channels": ["rgb_to_0_1", "R", "G"], "pictures": 6, "ending": ".png"},
}


def grids(images, label):
    """Files of one scan may differ in the last digits of their header."""
    for image in [*images, label]:
        image.SetOrigin(images[0].GetOrigin())
        image.SetSpacing(images[0].GetSpacing())
        image.SetDirection(images[0].GetDirection())


def write_pictures(target, image, label, count):
    from skimage.io import imsave

    voxels, labels = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(label)
    for i, z in enumerate(np.linspace(20, len(voxels) - 20, count).astype(int)):
        grey = np.clip((voxels[z].astype(np.int32) + 200) // 3, 0, 255).astype(np.uint8)
        picture = np.stack([grey, np.roll(grey, 3, 0), 255 - grey], -1)
        imsave(target / "imagesTr" / f"slice_{i}_0000.png", picture, check_contrast=False)
        imsave(target / "labelsTr" / f"slice_{i}.png", labels[z].astype(np.uint8), check_contrast=False)
    return count


def build(scans, folder):
    for name, spec in DATASETS.items():
        target = folder / "raw" / name
        for sub in ("imagesTr", "labelsTr"):
            (target / sub).mkdir(parents=True, exist_ok=True)
        images = [sitk.ReadImage(str(scans / spec["folder"] / file)) for file in spec["images"]]
        label, count = consecutive(
            sitk.ReadImage(str(scans / spec["folder"] / spec["label"])), spec.get("most_labels", MOST_LABELS)
        )
        grids(images, label)
        images, label = [pad(image, spec.get("pad", 0)) for image in images], pad(label, spec.get("pad", 0))
        ending = spec.get("ending", ".nii.gz")
        if "pictures" in spec:
            cases = write_pictures(target, images[0], label, spec["pictures"])
        else:
            cases = len(spec["spacings"])
            for i, spacing in enumerate(spec["spacings"]):
                for c, image in enumerate(images):
                    out = resample(image, spacing, sitk.sitkLinear)
                    sitk.WriteImage(out, str(target / "imagesTr" / f"case_{i}_{c:04d}{ending}"), True)
                out = resample(label, spacing, sitk.sitkNearestNeighbor)
                sitk.WriteImage(out, str(target / "labelsTr" / f"case_{i}{ending}"), True)
        labels = spec.get("labels") or {"background" if i == 0 else f"structure {i}": i for i in range(count + 1)}
        dataset = {
            "channel_names": {str(i): c for i, c in enumerate(spec["channels"])},
            "labels": labels,
            "numTraining": cases,
            "file_ending": ending,
        }
        if "regions_class_order" in spec:
            dataset["regions_class_order"] = spec["regions_class_order"]
        if "reader" in spec:
            dataset["overwrite_image_reader_writer"] = spec["reader"]
        (target / "dataset.json").write_text(json.dumps(dataset, indent=4))
        print(f"{name}: {cases} cases, {count} labels", flush=True)


def configurations(plans):
    return [c for c in plans["configurations"] if c != "3d_cascade_fullres"]


def bare(preprocessed, only):
    """The default plans once more under another name, with every channel left as it is."""
    for folder in sorted(p for p in preprocessed.iterdir() if p.is_dir() and chosen(p.name, only)):
        plans = json.loads((folder / "nnUNetPlans.json").read_text())
        plans["plans_name"] = BARE
        for name in configurations(plans):
            c = plans["configurations"][name]
            c["data_identifier"] = f"{BARE}_{name}"
            c["normalization_schemes"] = ["NoNormalization"] * len(c["normalization_schemes"])
        (folder / f"{BARE}.json").write_text(json.dumps(plans, indent=4))


def chosen(name, only):
    return not only or any(part in name for part in only)


@contextlib.contextmanager
def quiet(log):
    with open(log, "a") as f, contextlib.redirect_stdout(f), contextlib.redirect_stderr(f):
        yield


def reference(folder, only):
    base = folder / "reference"
    base.mkdir(parents=True, exist_ok=True)
    os.environ["nnUNet_raw"] = str(folder / "raw")
    os.environ["nnUNet_preprocessed"] = str(base / "preprocessed")
    os.environ["nnUNet_results"] = str(base / "results")
    (base / "preprocessed").mkdir(exist_ok=True)
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess

    for name in DATASETS:
        if not chosen(name, only):
            continue
        number = int(name[7:10])
        with quiet(base / "log.txt"):
            extract_fingerprints([number], num_processes=PROCESSES, check_dataset_integrity=True, clean=True)
            plan_experiments([number])
            bare(base / "preprocessed", [name])
            found = configurations(json.loads((base / "preprocessed" / name / "nnUNetPlans.json").read_text()))
            for plans in ("nnUNetPlans", BARE):
                preprocess([number], plans, found, [PROCESSES] * len(found))
        print(f"{name}: done", flush=True)


def differing(c, x, y):
    """How many values differ, and by how much at most."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return f"{x.shape} {x.dtype} / {y.shape} {y.dtype}", float("inf")
    different = ~((x == y) | (np.isnan(x) & np.isnan(y))) if x.dtype.kind == "f" else x != y
    count = int(np.count_nonzero(different))
    return count, float(np.max(np.abs(x[different].astype(np.float64) - y[different]))) if count else 0.0


def compare_documents(c, name, a, b):
    for file in ("dataset_fingerprint.json", "nnUNetPlans.json", "dataset.json"):
        same = c.differing(json.loads((a / file).read_text()), json.loads((b / file).read_text()))
        if same:
            c.fail(f"{name} {file}: {same[:5]}")
        elif file != "dataset.json" and (a / file).read_bytes() != (b / file).read_bytes():
            print(f"note: {name} {file}: equal values, other text")
    left = sorted(p.name for p in (a / "gt_segmentations").iterdir())
    right = sorted(p.name for p in (b / "gt_segmentations").iterdir())
    if left != right or any(
        (a / "gt_segmentations" / f).read_bytes() != (b / "gt_segmentations" / f).read_bytes() for f in left
    ):
        c.fail(f"{name} gt_segmentations differ: {left} / {right}")


def compare(folder, only):
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    roots = [folder / "reference" / "preprocessed", folder / "ours" / "preprocessed"]
    c = Comparison(*roots)
    voxels = total_labels = files = 0
    for name in [n for n in DATASETS if chosen(n, only)]:
        a, b = (root / name for root in roots)
        compare_documents(c, name, a, b)
        for data in sorted(p.name for p in a.iterdir() if p.is_dir() and p.name != "gt_segmentations"):
            left, right = sorted(p.name for p in (a / data).iterdir()), sorted(p.name for p in (b / data).iterdir())
            if left != right:
                c.fail(f"{name}/{data}: files {sorted(set(left) ^ set(right))}")
            tolerance = 0 if data.startswith(BARE) else NORMALIZED_TOLERANCE
            one, two = nnUNetDatasetBlosc2(str(a / data)), nnUNetDatasetBlosc2(str(b / data))
            for case in one.identifiers:
                if case not in two.identifiers:
                    continue
                x, xs, _, xp = one.load_case(case)
                y, ys, _, yp = two.load_case(case)
                count, largest = differing(c, np.asarray(x[:]), np.asarray(y[:]))
                labels, _ = differing(c, np.asarray(xs[:]), np.asarray(ys[:]))
                files += 3
                voxels += x.size
                total_labels += xs.size
                properties = c.differing(xp, yp)
                if largest > tolerance or labels != 0 or properties:
                    c.fail(f"{name}/{data} {case}: data {count} ({largest:g}), labels {labels}, {properties[:4]}")
                print(f"{name:36} {data:26} {case:9} {'x'.join(map(str, x.shape)):18} {count:>9} {largest:9.2g} {labels:>7}")
    print(f"{files} files, {voxels} values, {total_labels} label voxels; {len(c.failures)} failures")
    for note in sorted(c.type_notes):
        print("type:", note)
    for failure in c.failures:
        print("DIFFERENT", failure)
    return 1 if c.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("build")
    p.add_argument("scans", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    for name in ("reference", "bare", "compare"):
        p = commands.add_parser(name)
        p.add_argument("folder", type=pathlib.Path)
        p.add_argument("--task", action="append", help="part of a dataset's name; may be repeated")
    args = parser.parse_args()
    if args.command == "build":
        return build(args.scans, args.folder)
    run = {"reference": reference, "bare": bare, "compare": compare}[args.command]
    return run(args.folder.resolve(), args.task)


if __name__ == "__main__":
    sys.exit(main())
