"""Compares what formats.mjs read and wrote with SimpleITK and nibabel, and prints a table."""

import hashlib
import json
import sys
from pathlib import Path

import nibabel
import numpy
import SimpleITK

LIMIT = 1e-6
# NRRD holds the product of spacing and direction: a direction whose length is not quite 1 is read back as one of length 1.
IDENTITY = {".nii": LIMIT, ".gz": LIMIT, ".mha": 0, ".nrrd": 1e-8}
# SimpleITK refuses these; what they must give instead.
EXPECTED = {
    "test_simple4d_raw.nrrd": {
        "shape": [1, 1, 1],
        "spacing": [1.5, 1.5, 1.0],
        "origin": [0.0, 0.0, 0.0],
        "direction": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
    }
}


def digest(array):
    flat = numpy.ascontiguousarray(array).reshape(-1)
    result = hashlib.sha256()
    for at in range(0, flat.size, 1 << 20):
        result.update(flat[at : at + (1 << 20)].astype("<f8").tobytes())
    return result.hexdigest()


def facts_of(image):
    """Shape, geometry and voxels as three dimensions; None if it has more, or colours."""
    if image.GetNumberOfComponentsPerPixel() > 1:
        return "more than one value per voxel"
    if any(size > 1 for size in image.GetSize()[3:]):
        return "more than three axes"
    n = image.GetDimension()
    m = min(n, 3)
    direction = numpy.eye(3)
    direction[:m, :m] = numpy.array(image.GetDirection()).reshape(n, n)[:m, :m]
    pad = lambda values, fill: list(values)[:3] + [fill] * (3 - m)
    return {
        "shape": pad(image.GetSize(), 1)[::-1],
        "spacing": pad(image.GetSpacing(), 1.0),
        "origin": pad(image.GetOrigin(), 0.0),
        "direction": list(direction.reshape(-1)),
        "hash": digest(SimpleITK.GetArrayViewFromImage(image)),
    }


def read(path):
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        return facts_of(reader.Execute())
    except RuntimeError as error:
        return "SimpleITK: " + str(error).strip().splitlines()[-1].strip()[:70]


def geometry_difference(ours, theirs):
    flat = lambda g: numpy.array([*g["spacing"], *g["origin"], *g["direction"]])
    return float(numpy.max(numpy.abs(flat(ours) - flat(theirs)) / numpy.maximum(1, numpy.abs(flat(theirs)))))


def nibabel_facts(path):
    image = nibabel.load(path)
    data = numpy.asanyarray(image.dataobj)
    if image.header["scl_slope"] not in (0, 1) or image.header["scl_inter"] not in (0,):
        data = data.astype(numpy.float32)
    header = image.header
    codes = (int(header["qform_code"]), int(header["sform_code"]))
    return digest(data.T), image.affine, codes


def without_simpleitk(record, path):
    """The truth on a file that SimpleITK does not read: nibabel's, or what is known of it."""
    if path.name in EXPECTED:
        return {**EXPECTED[path.name], "hash": record["hash"]}
    if not is_nifti(path.name):
        return None
    voxels, affine, _ = nibabel_facts(path)
    spacing = numpy.sqrt((affine[:3, :3] ** 2).sum(0))
    lps = numpy.diag([-1, -1, 1]) @ affine[:3]
    return {
        "shape": list(nibabel.load(path).shape[:3])[::-1],
        "spacing": list(spacing),
        "origin": list(lps[:, 3]),
        "direction": list((lps[:, :3] / spacing).reshape(-1)),
        "hash": voxels,
    }


def is_nifti(name):
    return name.endswith((".nii", ".nii.gz", ".hdr"))


def check(record, scans):
    """The cells of one row, and whether all is well."""
    path = Path(scans) / record["file"]
    theirs = read(path)
    if "error" in record:
        ok = isinstance(theirs, str)
        return [record["error"]["code"], "", "", "", theirs if ok else "read by SimpleITK"], ok
    note = ""
    if isinstance(theirs, str):
        note = theirs
        theirs = without_simpleitk(record, path)
        if theirs is None:
            return ["read", "", "", "", note], False
    same = record["hash"] == theirs["hash"] and record["shape"] == theirs["shape"]
    geometry = geometry_difference(record, theirs)
    problems = []
    for copy in record["copies"]:
        name = copy["copy"]
        again = read(name)
        if not copy["same"] or copy["geometry"] > IDENTITY[Path(name).suffix]:
            problems.append(f"{Path(name).suffix} is read back otherwise ({copy['geometry']:.1e})")
        if isinstance(again, str) or again["hash"] != record["hash"] or geometry_difference(record, again) > LIMIT:
            problems.append(f"{Path(name).suffix} is read otherwise by SimpleITK")
    nib = ""
    if is_nifti(record["file"]):
        original = nibabel_facts(path)
        copy = nibabel_facts(record["copies"][0]["copy"])
        nib = "equal"
        if original[0] != record["hash"] or copy[0] != record["hash"]:
            nib = "voxels differ"
        elif not numpy.allclose(original[1], copy[1], rtol=1e-6, atol=1e-6) or original[2] != copy[2]:
            nib = f"affine or codes {original[2]} {copy[2]}"
    ok = same and geometry <= LIMIT and not problems and nib in ("", "equal")
    copies = "; ".join(problems) or "equal"
    return ["equal" if same else "DIFFER", f"{geometry:.0e}", copies, nib, note], ok


def main(scans, report):
    records = json.loads(Path(report).read_text())
    rows, bad = [], []
    for record in records:
        cells, ok = check(record, scans)
        rows.append([record["file"], *cells])
        if not ok:
            bad.append(record["file"])
    anatomy = {record["canonical"] for record in records if "canonical" in record}
    print("| file | voxels | geometry | written and read again | nibabel | note |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(f"\n{len(rows) - len(bad)} of {len(rows)} files as SimpleITK and nibabel read them")
    told = "equal" if len(anatomy) == 1 else f"{len(anatomy)} different ones (FAIL)"
    print(f"orientations of one brain: {told} once their axes are in one order")
    for name in bad:
        print(f"not as expected: {name}")
    sys.exit(1 if bad or len(anatomy) > 1 else 0)


main(*sys.argv[1:])
