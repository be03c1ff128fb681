"""Which cases and files nnU-Net v2 finds in a raw dataset, and which dataset a number names: test/golden/v2-documents/layout.json.

Run with `python test/oracle/v2_layout.py`.
"""
import json
import os
import pathlib
import shutil
import tempfile

ROOT = pathlib.Path(tempfile.mkdtemp())
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[name] = str(ROOT / name)

from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

import fixture

LISTINGS = [
    (".nii.gz", ["b_0001.nii.gz", "b_0000.nii.gz", "a_0000.nii.gz", "a_0001.nii.gz", "notes.txt"]),
    (".nii.gz", ["a-1_0000.nii.gz", "a_0000.nii.gz", "a_1_0000.nii.gz", "A_0000.nii.gz", "ä_0000.nii.gz", "10_0000.nii.gz", "9_0000.nii.gz"]),
    # Names that are none: what is cut off is not looked at.
    (".nii.gz", ["x.nii.gz", "b_00001.nii.gz", "c_0000.nii", "d_000a.nii.gz", "e_0000.NII.GZ"]),
    (".png", ["case_0001_0000.png", "case_0001_0002.png", "case_0000.png", "case.one_0000.png", "casexone_0000.png"]),
]

DATASETS = {
    "raw": ["Dataset001_A", "Dataset002_B", "Dataset010_X", "Dataset012_P", "Dataset1000_L", "Task003_T"],
    "preprocessed": ["Dataset001_A", "Dataset012_Q", "Dataset005_E"],
    "results": ["Dataset010_X", "Dataset007"],
}


def plain(found, folder):
    def short(path):
        return os.path.relpath(path, folder) if path.startswith(str(folder)) else path

    return [{"identifier": str(k), "images": [short(i) for i in v["images"]], "label": short(v["label"])} for k, v in found.items()]


def listing(ending, files):
    folder = ROOT / "listing"
    (folder / "imagesTr").mkdir(parents=True)
    for file in files:
        (folder / "imagesTr" / file).touch()
    found = get_filenames_of_train_images_and_targets(str(folder), {"file_ending": ending})
    shutil.rmtree(folder)
    return {"ending": ending, "files": files, "cases": plain(found, folder)}


def listed():
    os.environ.update(DATA="/data", EMPTY="")
    folder = ROOT / "listed"
    dataset = {
        "z": {"images": ["$DATA/z.nii.gz", "imagesTr/z1.nii.gz"], "label": "${DATA}/${MISSING}/l.nii.gz"},
        "10": {"images": ["$EMPTY/a", "$DATAx/b"], "label": "$MISSING/c"},
        "2": {"images": ["x$DATA"], "label": "l$"},
    }
    copy = json.loads(json.dumps(dataset))
    found = get_filenames_of_train_images_and_targets(str(folder), {"file_ending": ".nii.gz", "dataset": dataset})
    return {"dataset": copy, "environment": {"DATA": "/data", "EMPTY": ""}, "cases": plain(found, folder)}


def lookups():
    for kind, names in DATASETS.items():
        for name in names:
            (ROOT / f"nnUNet_{kind}" / name).mkdir(parents=True)
    entries = []
    for asked in [1, "2", "002", 5, 7, 10, 12, 100, 3, "Dataset099_New", "x", 1000]:
        try:
            entries.append({"asked": asked, "found": str(maybe_convert_to_dataset_name(asked))})
        except Exception as error:
            entries.append({"asked": asked, "found": None, "error": type(error).__name__})
    return {"folders": DATASETS, "entries": entries}


def prepared():
    folder = ROOT / "prepared"
    folder.mkdir()
    files = ["b.b2nd", "b_seg.b2nd", "b.pkl", "a.b2nd", "a_seg.b2nd", "a.pkl", "x_seg.b2nd", "x_seg_seg.b2nd", "x_seg.pkl", "10.b2nd", "9.b2nd"]
    for file in files:
        (folder / file).touch()
    return {"files": files, "identifiers": sorted(str(i) for i in nnUNetDatasetBlosc2.get_identifiers(str(folder)))}


if __name__ == "__main__":
    fixture.write("v2-documents", "layout", {
        "listings": [listing(*entry) for entry in LISTINGS],
        "listed": listed(),
        "lookups": lookups(),
        "prepared": prepared(),
    })
    shutil.rmtree(ROOT)
