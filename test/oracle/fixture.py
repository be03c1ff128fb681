"""Writes golden fixtures: JSON files under test/golden/<area>/ that hold arrays as base64 and say how they were made."""
import base64
import json
import pathlib
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
PACKAGES = ["numpy", "scipy", "scikit-image", "nnunet", "nnunetv2", "batchgenerators", "SimpleITK", "nibabel", "MedPy", "torch"]


def versions():
    """Of the packages that this environment has: nnU-Net 1 and 2 live in two of them."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def array(a):
    """One array in the form that test/golden.ts decodes."""
    a = np.ascontiguousarray(a)
    data = base64.b64encode(a.astype(a.dtype.newbyteorder("<")).tobytes()).decode()
    return {"dtype": a.dtype.name, "shape": list(a.shape), "base64": data}


def write(area, name, content, seed=None):
    """Writes test/golden/<area>/<name>.json and notes it, with versions and seed, in test/golden/MANIFEST.json."""
    folder = GOLDEN / area
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.json", "w") as f:
        json.dump(content, f, separators=(",", ":"))
        f.write("\n")
    path = GOLDEN / "MANIFEST.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest[f"{area}/{name}.json"] = {
        "seed": seed,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions(),
    }
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
