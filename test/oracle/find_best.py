"""nnUNet_find_best_configuration of nnU-Net 1.7.1 on a small cross-validation of two models with probabilities."""
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(tempfile.mkdtemp())
for name, folder in (("nnUNet_raw_data_base", "raw"), ("nnUNet_preprocessed", "pp"), ("RESULTS_FOLDER", "results")):
    (ROOT / folder).mkdir()
    os.environ[name] = str(ROOT / folder)

import contextlib
import io

import numpy as np
import SimpleITK as sitk
from batchgenerators.utilities.file_and_folder_operations import save_pickle
from nnunet.evaluation.evaluator import aggregate_scores
from nnunet.evaluation.model_selection import figure_out_what_to_submit
from scipy.ndimage import gaussian_filter

sys.path.insert(0, os.path.dirname(__file__))
import fixture

SEED = 5700
TASK = "Task007_Tiny"
VARIANT = "nnUNetTrainerV2__nnUNetPlansv2.1"
MODELS = ["2d", "3d_fullres"]
SHAPE = (6, 8, 9)
SPACING = (1.0, 1.5, 2.0)
FOLDS = 3


def save(labels, path):
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(path))


def properties():
    return {
        "original_size_of_raw_data": np.array(SHAPE), "size_after_cropping": SHAPE, "crop_bbox": [[0, n] for n in SHAPE],
        "original_spacing": np.array(SPACING[::-1]), "spacing_after_resampling": np.array(SPACING[::-1]),
        "itk_origin": (0.0, 0.0, 0.0), "itk_spacing": SPACING, "itk_direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "list_of_data_files": [], "seg_file": "", "classes": np.arange(3), "crop_offset": None,
    }


def main():
    rng = np.random.default_rng(SEED)
    results = ROOT / "results" / "nnUNet"
    gt = ROOT / "pp" / TASK / "gt_segmentations"
    gt.mkdir(parents=True)
    cases = []
    for fold in range(FOLDS):
        for i in range(2):
            # Names that run against the folds, since nnU-Net averages ensembles fold by fold.
            identifier = f"case_{FOLDS - fold}{i}"
            reference = np.zeros(SHAPE, np.uint8)
            z, y, x = rng.integers(0, 2), rng.integers(0, 3), rng.integers(0, 3)
            reference[z:z + 4, y:y + 4, x:x + 3] = 1
            reference[z + 1:z + 4, y:y + 4, x + 3:x + 6] = 2
            save(reference, gt / f"{identifier}.nii.gz")
            one_hot = np.stack([reference == c for c in range(3)]).astype(float)
            probabilities = {}
            for m, model in enumerate(MODELS):
                noise = np.stack([gaussian_filter(rng.normal(size=SHAPE), 0.6) for _ in range(3)])
                logits = (1.4 + 0.2 * m) * one_hot + 2.0 * noise
                probabilities[model] = (np.exp(logits) / np.exp(logits).sum(0)).astype(np.float16)
            cases.append({"identifier": identifier, "fold": fold, "reference": reference, "probabilities": probabilities})
    for model in MODELS:
        base = results / model / TASK / VARIANT
        shutil.copytree(gt, base / "gt_niftis")
        save_pickle({"all_classes": [1, 2]}, str(base / "plans.pkl"))
        for fold in range(FOLDS):
            folder = base / f"fold_{fold}" / "validation_raw"
            folder.mkdir(parents=True)
            pairs = []
            for case in (c for c in cases if c["fold"] == fold):
                probabilities = case["probabilities"][model]
                path = folder / case["identifier"]
                np.savez_compressed(f"{path}.npz", softmax=probabilities)
                save_pickle(properties(), f"{path}.pkl")
                save(probabilities.argmax(0), f"{path}.nii.gz")
                pairs.append((f"{path}.nii.gz", str(gt / f"{case['identifier']}.nii.gz")))
            aggregate_scores(pairs, labels=[0, 1, 2], json_output_file=str(folder / "summary.json"), num_threads=2)
    printed = io.StringIO()
    sys.argv = ["find_best", "-m", *MODELS, "-t", "7", "-f", *map(str, range(FOLDS))]
    # The reference calls consolidate_folds, which reads fold_0 only for the labels.
    with contextlib.redirect_stdout(printed):
        figure_out_what_to_submit.main()
    ensembles = results / "ensembles" / TASK
    name = next(p.name for p in ensembles.iterdir() if p.is_dir())

    def read(path):
        return path.read_text()

    lines = [line.split() for line in printed.getvalue().splitlines()]
    dice = {line[0]: float(line[1]) for line in lines if len(line) == 2 and line[0] in (*MODELS, name)}
    folders = {**{m: results / m / TASK / VARIANT for m in MODELS}, name: ensembles / name}
    ensembled = [sitk.GetArrayFromImage(sitk.ReadImage(str(ensembles / name / "ensembled_raw" / f"{c['identifier']}.nii.gz"))) for c in cases]
    fixture.write("find-best", "find-best", {
        "task": TASK,
        "models": MODELS,
        "folds": list(range(FOLDS)),
        "shape": list(SHAPE),
        "spacingMm": list(SPACING[::-1]),
        "identifiers": [c["identifier"] for c in cases],
        "foldOfCase": [c["fold"] for c in cases],
        "references": fixture.array(np.stack([c["reference"] for c in cases])),
        "probabilities": {m: fixture.array(np.stack([c["probabilities"][m] for c in cases]).view(np.uint16)) for m in MODELS},
        "ensemble": name,
        "ensembled": fixture.array(np.stack(ensembled)),
        "dice": dice,
        "postprocessing": {n: read(f / "postprocessing.json") for n, f in folders.items()},
        "ensemblesFolder": str(ensembles),
        "commands": read(ensembles / "prediction_commands.txt"),
        "csv": read(ensembles / "summary.csv"),
    }, SEED)
    print(dice, read(ensembles / "summary.csv"), read(ensembles / "prediction_commands.txt"))
    for n, f in folders.items():
        print(n, "".join(read(f / "postprocessing.json").split('"for_which_classes": ')[1].split('"min_valid')[0].split()))
    shutil.rmtree(ROOT)


if __name__ == "__main__":
    main()
