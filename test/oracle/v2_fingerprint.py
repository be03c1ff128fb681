"""Fingerprints by nnU-Net v2's own DatasetFingerprintExtractor: test/golden/v2-fingerprint/*.json.

Run with `python test/oracle/v2_fingerprint.py`. The small datasets draw fewer values than the 1e8 of nnU-Net (which is an
attribute of the extractor), so that one fixture tries many layouts of the pooled sum; one draws them all.
"""
import json
import os
import pathlib
import shutil
import tempfile

ROOT = pathlib.Path(tempfile.mkdtemp())
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[name] = str(ROOT / name)

import numpy as np
import SimpleITK as sitk
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor

import fixture

SEED = 20282


class Extractor(DatasetFingerprintExtractor):
    """One process; `draws` values in all."""

    def __init__(self, name, draws):
        super().__init__(name, 1)
        self.show_progress_bar = False
        self.num_foreground_voxels_for_intensitystats = draws


def image(rng, kind, shape):
    if kind == "ct":
        return rng.normal(60, 300, shape).clip(-1024, 3000).astype(np.int16)
    if kind == "float":
        return rng.gamma(2, 150, shape).astype(np.float32)
    if kind == "small":
        return (rng.normal(0, 1, shape) * 1e-3).astype(np.float32)
    if kind == "few":
        return rng.integers(-2, 3, shape).astype(np.int16)
    return np.full(shape, 7.25, np.float32)


def case(rng, kinds, shape, foreground, margin):
    box = tuple(slice(m, n - m) for m, n in zip(margin, shape))
    images = []
    for kind in kinds:
        a = np.zeros_like(image(rng, kind, (1, 1, 1)), shape=shape)
        a[box] = image(rng, kind, a[box].shape)
        images.append(a)
    label = np.zeros(shape, np.int16)
    flat = label.reshape(-1)
    # Also outside of the box of what is not 0: nnU-Net loses those.
    flat[rng.choice(flat.size, foreground, replace=False)] = rng.integers(1, 4, foreground)
    spacing = np.round(rng.uniform(0.5, 3, 3), 4).tolist()
    return {"images": images, "label": label, "spacing": spacing}


# name, channels, (shape, foreground voxels, margin) per case, draws
DATASETS = [
    ("one CT", ["ct"], [((9, 11, 13), 300, (1, 2, 0))], 20000),
    ("two channels, three cases", ["ct", "float"], [((6, 9, 8), 120, (0, 1, 1)), ((5, 8, 9), 1, (0, 0, 0)), ((7, 7, 7), 343, (1, 1, 1))], 50001),
    ("a case without foreground", ["float", "few"], [((6, 9, 8), 120, (0, 1, 1)), ((5, 8, 9), 0, (0, 0, 0)), ((7, 7, 7), 200, (1, 1, 1))], 30011),
    ("the first without foreground", ["ct"], [((5, 5, 5), 0, (0, 0, 0)), ((6, 6, 6), 65, (0, 0, 0))], 1999),
    ("constant", ["constant"], [((5, 5, 5), 30, (1, 1, 1)), ((5, 6, 5), 64, (0, 0, 0))], 999),
    ("few draws, many cases", ["small"], [((4, 5, 6), 20 + i, (0, 1, 0)) for i in range(30)], 1000),
    ("fewer than eight draws a case", ["float"], [((4, 5, 6), 10, (0, 0, 0)) for _ in range(7)], 40),
    ("two-dimensional", ["few", "small"], [((1, 20, 21), 100, (0, 2, 3)), ((1, 22, 19), 33, (0, 0, 0))], 12345),
    ("all of the draws", ["ct"], [((20, 30, 28), 9001, (1, 2, 0)), ((25, 30, 20), 5000, (0, 0, 0)), ((12, 10, 10), 777, (0, 0, 0))], None),
]


def write_dataset(number, channels, cases):
    name = f"Dataset{number:03d}_Made"
    folder = ROOT / "nnUNet_raw" / name
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(parents=True)
    for i, entry in enumerate(cases):
        for a, file in [(a, f"imagesTr/c{i:02d}_{c:04d}.mha") for c, a in enumerate(entry["images"])] + [(entry["label"], f"labelsTr/c{i:02d}.mha")]:
            volume = sitk.GetImageFromArray(a)
            volume.SetSpacing(entry["spacing"][::-1])
            sitk.WriteImage(volume, str(folder / file))
    (folder / "dataset.json").write_text(json.dumps({
        "channel_names": {str(c): kind for c, kind in enumerate(channels)},
        "labels": {"background": 0, "a": 1, "b": 2, "c": 3},
        "numTraining": len(cases),
        "file_ending": ".mha",
    }))
    return name


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    entries = []
    for number, (title, channels, shapes, draws) in enumerate(DATASETS, 1):
        cases = [case(rng, channels, *shape) for shape in shapes]
        name = write_dataset(number, channels, cases)
        extractor = Extractor(name, 10e7 if draws is None else draws)
        extractor.run(overwrite_existing=True)
        text = (ROOT / "nnUNet_preprocessed" / name / "dataset_fingerprint.json").read_text()
        entries.append({
            "title": title,
            "draws": 100_000_000 if draws is None else draws,
            "cases": [{"spacing": c["spacing"], "images": [fixture.array(a) for a in c["images"]], "label": fixture.array(c["label"].astype(np.int8))} for c in cases],
            "text": text,
        })
    fixture.write("v2-fingerprint", "datasets", {"entries": entries}, SEED)
    shutil.rmtree(ROOT)
