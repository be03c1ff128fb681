"""Raw tasks out of real scans, and what nnU-Net v1 itself makes of them.

    python test/oracle/conformance.py build SCANS FOLDER       writes FOLDER/raw/nnUNet_raw_data/Task9*
    python test/oracle/conformance.py reference FOLDER         runs nnU-Net 1.7.1 into FOLDER/reference
    python test/oracle/conformance.py without-normalization FROM TO
                                                               plans of FROM with every channel noNorm, into TO

SCANS holds ct01_ts_body_3mm, mr01_stroke_multichannel, mr04_brain1_nrrd and mr12_sct_t2_PSR. Every task gets at least
three cases: the scan as it is and copies resampled to other spacings, among them one that differs from the others in
the slice distance only, so that its in-plane resampling has nothing to do.
"""
import argparse
import contextlib
import json
import os
import pathlib
import pickle
import shutil
import sys

import numpy as np
import SimpleITK as sitk

PROCESSES = 2
# The fewer labels, the faster the reference resamples; the largest ones are kept.
MOST_LABELS = 15

# Spacings are x, y, z in mm; None leaves an axis as it is.
TASKS = {
    "Task901_ConformanceCT": {
        "folder": "ct01_ts_body_3mm",
        "images": ["image.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["CT"],
        "spacings": [None, (2.6, 2.6, 3.4), (3, 3, 4.5), (3.3, 2.9, 2.5)],
    },
    "Task902_ConformanceMR": {
        "folder": "mr01_stroke_multichannel",
        "images": ["image_0000.nii.gz", "image_0001.nii.gz", "image_0002.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["T1", "T2", "FLAIR"],
        "spacings": [None, (1, 1, 1.5), (1.2, 0.9, 1.1)],
    },
    "Task903_ConformanceAnisotropic": {
        "folder": "mr04_brain1_nrrd",
        "images": ["image.nrrd"],
        "label": "seg.nrrd",
        "modality": ["MRI"],
        "spacings": [None, (None, None, 5.0), (1.1, 0.9, 6.0), (0.7, 0.7, 8.0)],
    },
    "Task904_ConformancePSR": {
        "folder": "mr12_sct_t2_PSR",
        "images": ["image.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["T2"],
        "spacings": [None, (1, 1, 2.0), (0.8, 1.3, 1)],
    },
    # The coarse axis is the fastest in the file: transposed, resampled slice by slice.
    "Task905_ConformanceTransposed": {
        "folder": "mr12_sct_t2_PSR",
        "images": ["image.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["noNorm"],
        "spacings": [(4, 1, 1), (4, 1.2, 0.9), (5, 1, 1), (1, 1, 1)],
    },
    # Zeros around the head: more than a quarter is cropped away, so normalisation looks inside the mask only.
    "Task906_ConformanceMasked": {
        "folder": "mr01_stroke_multichannel",
        "images": ["image_0000.nii.gz", "image_0001.nii.gz", "image_0002.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["T1", "T2", "FLAIR"],
        "spacings": [None, (1, 1, 1.4), (0.9, 1.1, 1)],
        "pad": 20,
    },
    # Large enough for a low-resolution stage.
    "Task907_ConformanceTwoStages": {
        "folder": "ct01_ts_body_3mm",
        "images": ["image.nii.gz"],
        "label": "seg.nii.gz",
        "modality": ["CT"],
        "spacings": [(1.2, 1.2, 1.2), (1.2, 1.2, 1.2), (1.2, 1.2, 1.6)],
        "most_labels": 2,
    },
}


def resample(image, spacing, interpolator):
    if spacing is None:
        return image
    spacing = [s if s is not None else old for s, old in zip(spacing, image.GetSpacing())]
    size = [max(1, round(n * old / new)) for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing)]
    return sitk.Resample(
        image, size, sitk.Transform(), interpolator, image.GetOrigin(), spacing, image.GetDirection(), 0.0
    )


def pad(image, margin):
    return sitk.ConstantPad(image, [margin] * 3, [margin] * 3, 0.0)


def consecutive(label, most):
    """The label with its `most` largest values renumbered 1, 2, 3 ... and all others 0."""
    values = sitk.GetArrayFromImage(label)
    found, counts = np.unique(values[values > 0], return_counts=True)
    kept = sorted(found[np.argsort(-counts, kind="stable")[:most]])
    table = np.zeros(int(values.max()) + 1, np.uint8)
    for i, value in enumerate(kept):
        table[value] = i + 1
    out = sitk.GetImageFromArray(table[values])
    out.CopyInformation(label)
    return out, len(kept)


def build(scans, folder):
    for task, spec in TASKS.items():
        target = folder / "raw" / "nnUNet_raw_data" / task
        for sub in ("imagesTr", "labelsTr"):
            (target / sub).mkdir(parents=True, exist_ok=True)
        images = [sitk.ReadImage(str(scans / spec["folder"] / name)) for name in spec["images"]]
        label, count = consecutive(
            sitk.ReadImage(str(scans / spec["folder"] / spec["label"])), spec.get("most_labels", MOST_LABELS)
        )
        for image in images + [label]:
            # Files of one scan may differ in the last digits of their header.
            image.SetOrigin(images[0].GetOrigin())
            image.SetSpacing(images[0].GetSpacing())
            image.SetDirection(images[0].GetDirection())
        images = [pad(image, spec.get("pad", 0)) for image in images]
        label = pad(label, spec.get("pad", 0))
        training = []
        for i, spacing in enumerate(spec["spacings"]):
            name = f"case_{i}"
            for c, image in enumerate(images):
                sitk.WriteImage(
                    resample(image, spacing, sitk.sitkLinear), str(target / "imagesTr" / f"{name}_{c:04d}.nii.gz")
                )
            sitk.WriteImage(
                resample(label, spacing, sitk.sitkNearestNeighbor), str(target / "labelsTr" / f"{name}.nii.gz")
            )
            training.append({"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"})
        dataset = {
            "name": task[8:],
            "modality": {str(i): m for i, m in enumerate(spec["modality"])},
            "labels": {str(i): "background" if i == 0 else f"structure {i}" for i in range(count + 1)},
            "numTraining": len(training),
            "numTest": 0,
            "training": training,
            "test": [],
        }
        (target / "dataset.json").write_text(json.dumps(dataset, indent=1))
        print(f"{task}: {len(training)} cases, {count} labels", flush=True)


def link_raw(base, folder):
    base.mkdir(parents=True, exist_ok=True)
    link = base / "nnUNet_raw_data"
    if not link.exists():
        link.symlink_to((folder / "raw" / "nnUNet_raw_data").resolve(), target_is_directory=True)


def without_normalization(source, target):
    """Copies everything but the preprocessed cases, with plans in which every scheme is noNorm."""
    for task in sorted(p for p in source.iterdir() if p.is_dir()):
        (target / task.name).mkdir(parents=True, exist_ok=True)
        for file in task.iterdir():
            if not file.is_file():
                continue
            if "_plans_" not in file.name:
                shutil.copy(file, target / task.name)
                continue
            plans = pickle.loads(file.read_bytes())
            for channel in plans["normalization_schemes"]:
                plans["normalization_schemes"][channel] = "noNorm"
            (target / task.name / file.name).write_bytes(pickle.dumps(plans))


@contextlib.contextmanager
def quiet(log):
    with open(log, "a") as f, contextlib.redirect_stdout(f):
        yield


def reference(folder, only):
    base = folder / "reference"
    link_raw(base, folder)
    os.environ["nnUNet_raw_data_base"] = str(base)
    os.environ["nnUNet_preprocessed"] = str(base / "preprocessed")
    os.environ["RESULTS_FOLDER"] = str(base / "results")
    os.environ["nnUNet_def_n_proc"] = str(PROCESSES)
    with quiet(base / "log.txt"):
        from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
        from nnunet.experiment_planning.experiment_planner_baseline_2DUNet_v21 import ExperimentPlanner2D_v21
        from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21
        from nnunet.experiment_planning.utils import crop
    for task in TASKS:
        if only and not any(name in task for name in only):
            continue
        cropped = base / "nnUNet_cropped_data" / task
        preprocessed = base / "preprocessed" / task
        bare = base / "preprocessed_without_normalization" / task
        with quiet(base / "log.txt"):
            crop(task, True, PROCESSES)
            modality = json.loads((cropped / "dataset.json").read_text())["modality"].values()
            with_ct = "CT" in modality or "ct" in modality
            DatasetAnalyzer(str(cropped), overwrite=True, num_processes=PROCESSES).analyze_dataset(with_ct)
            preprocessed.mkdir(parents=True, exist_ok=True)
            shutil.copy(cropped / "dataset_properties.pkl", preprocessed)
            shutil.copy(cropped / "dataset.json", preprocessed)
            planners = [p(str(cropped), str(preprocessed)) for p in (ExperimentPlanner3D_v21, ExperimentPlanner2D_v21)]
            for planner in planners:
                planner.plan_experiment()
                planner.run_preprocessing((PROCESSES, PROCESSES))
            for planner in planners:
                for channel in planner.plans["normalization_schemes"]:
                    planner.plans["normalization_schemes"][channel] = "noNorm"
                planner.preprocessed_output_folder = str(bare)
                bare.mkdir(parents=True, exist_ok=True)
                planner.run_preprocessing((PROCESSES, PROCESSES))
        print(f"{task}: done", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("build")
    p.add_argument("scans", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    p = commands.add_parser("reference")
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--task", action="append", help="part of a task's name; may be repeated")
    p = commands.add_parser("link-raw")
    p.add_argument("base", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    p = commands.add_parser("without-normalization")
    p.add_argument("source", type=pathlib.Path)
    p.add_argument("target", type=pathlib.Path)
    args = parser.parse_args()
    if args.command == "build":
        build(args.scans, args.folder)
    elif args.command == "reference":
        reference(args.folder.resolve(), args.task)
    elif args.command == "link-raw":
        link_raw(args.base, args.folder)
    else:
        without_normalization(args.source, args.target)


if __name__ == "__main__":
    sys.exit(main())
