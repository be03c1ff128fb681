"""Golden evaluations and decisions of nnU-Net v2: `determine_postprocessing`, which evaluates with
`compute_metrics_on_folder`, on folders of small predictions: labels, regions, an ignore label, a label that is nowhere."""
import base64
import json
import os
import pathlib
import tempfile

for key in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(key, "/nonexistent")

import numpy as np
import SimpleITK as sitk
from nnunetv2.postprocessing.remove_connected_components import determine_postprocessing

import fixture

SEED = 83
SHAPE = (5, 9, 10)
PLANS = {
    "dataset_name": "Dataset001_X", "plans_name": "nnUNetPlans", "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2], "image_reader_writer": "SimpleITKIO", "label_manager": "LabelManager",
    "configurations": {},
}


def write(array, path):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.75, 1.5, 2.0))
    image.SetOrigin((3.5, -4.25, 10.0))
    sitk.WriteImage(image, str(path), True)


def blob(array, label, centre, radius):
    grid = np.indices(array.shape)
    array[sum((g - c) ** 2 for g, c in zip(grid, centre)) <= radius**2] = label


def references(rng, labels, ignore):
    array = np.zeros(SHAPE, np.uint8)
    for label in labels:
        blob(array, label, [rng.randint(1, n - 1) for n in SHAPE], 2.2)
    if ignore is not None:
        blob(array, ignore, [rng.randint(0, n) for n in SHAPE], 1.5)
    return array


def prediction(rng, reference, labels, ignore, islands):
    array = reference.copy()
    if ignore is not None:
        array[array == ignore] = rng.choice(labels)
    for label in labels:
        for _ in range(islands.get(label, 0)):
            blob(array, label, [rng.randint(0, n) for n in SHAPE], 0.8)
    # Holes, so that labels have components by corners only.
    array[rng.rand(*SHAPE) < 0.1] = 0
    return array


def run(name, seed, dataset, islands, absent=(), cases=4):
    rng = np.random.RandomState(seed)
    labels = sorted({l for v in dataset["labels"].values() for l in (v if isinstance(v, list) else [v])} - {0})
    ignore = dataset["labels"].get("ignore")
    labels = [l for l in labels if l != ignore]
    present = [l for l in labels if l not in absent]
    dataset = {"channel_names": {"0": "CT"}, "numTraining": cases, "file_ending": ".nii.gz", **dataset}
    root = pathlib.Path(tempfile.mkdtemp())
    for folder in ("ref", "pred"):
        (root / folder).mkdir()
    content = []
    for i in range(cases):
        reference = references(rng, present, ignore)
        predicted = prediction(rng, reference, present, ignore, islands)
        write(reference, root / "ref" / f"case_{i}.nii.gz")
        write(predicted, root / "pred" / f"case_{i}.nii.gz")
        content.append({"reference": fixture.array(reference), "prediction": fixture.array(predicted)})
    determine_postprocessing(str(root / "pred"), str(root / "ref"), PLANS, dataset, num_processes=1)
    text = lambda path: path.read_text().replace(str(root), "ROOT")
    final = [sitk.GetArrayFromImage(sitk.ReadImage(str(root / "pred" / "postprocessed" / f"case_{i}.nii.gz"))) for i in range(cases)]
    return {
        "name": name,
        "dataset": json.dumps(dataset),
        "cases": content,
        "final": [fixture.array(a) for a in final],
        "summary": text(root / "pred" / "summary.json"),
        "postprocessing": text(root / "pred" / "postprocessing.json"),
        "pickle": base64.b64encode((root / "pred" / "postprocessing.pkl").read_bytes()).decode(),
    }


FLAT = {"labels": {"background": 0, "a": 1, "b": 2, "c": 3}}
REGIONS = {"labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": 3}, "regions_class_order": [1, 2, 3]}

if __name__ == "__main__":
    results = [
        run("islands of one label", 1, FLAT, {2: 3}),
        run("islands of all labels", 2, FLAT, {1: 2, 2: 2, 3: 2}),
        run("no islands", 3, FLAT, {}),
        run("a label that is nowhere", 4, FLAT, {1: 3}, absent=(3,)),
        run("ignore label", 5, {"labels": {**FLAT["labels"], "ignore": 4}}, {1: 2}),
        run("one label", 6, {"labels": {"background": 0, "a": 1}}, {1: 2}),
        run("regions", 7, REGIONS, {1: 2, 3: 2}),
        run("regions, islands of the inner one", 8, REGIONS, {3: 4}),
        run("regions and ignore label", 9, {**REGIONS, "labels": {**REGIONS["labels"], "ignore": 4}}, {2: 3}),
        run("a list of one label", 10, {"labels": {"background": 0, "ab": [1, 2], "c": [3]}, "regions_class_order": [1, 3]}, {3: 2}),
    ]
    for r in results:
        print(r["name"], json.loads(r["postprocessing"])["postprocessing_kwargs"])
    fixture.write("v2-postprocessing", "decisions", results, SEED)
