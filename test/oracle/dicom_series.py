"""Compares what nnprep read from DICOM series with SimpleITK and pydicom: python dicom_series.py FOLDER

FOLDER has a .raw and a .json per series, written by dicom-conformance.mjs.
"""
import glob
import json
import os
import sys
import tempfile
import zipfile

import numpy as np
import pydicom
import SimpleITK as sitk

sitk.ProcessObject.SetGlobalWarningDisplay(False)
LOSSY = [".50", ".51", ".53", ".55", ".81", ".91"]


def with_simpleitk(path, sheared, grey):
    if os.path.isfile(path):
        return sitk.ReadImage(path)
    reader = sitk.ImageSeriesReader()
    series = reader.GetGDCMSeriesIDs(path)
    assert len(series) == 1, series
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(path, series[0]))
    reader.SetForceOrthogonalDirection(not sheared)
    if grey:
        reader.SetOutputPixelType(sitk.sitkUInt8)
    return reader.Execute()


def with_pydicom(path):
    paths = [path] if os.path.isfile(path) else [os.path.join(path, name) for name in os.listdir(path)]
    datasets = [pydicom.dcmread(name) for name in paths]
    cosines = np.array(datasets[0].ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    datasets.sort(key=lambda d: np.dot(normal, np.array(d.ImagePositionPatient, float)))
    slices = []
    for dataset in datasets:
        try:
            stored = dataset.pixel_array.astype(np.float64)
        except NotImplementedError:
            return None, dataset.file_meta.TransferSyntaxUID
        slices.append(stored * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0)))
    return np.stack(slices), datasets[0].file_meta.TransferSyntaxUID


def compare_label(ours, image):
    """The label brought onto the series by its voxel centres, against SimpleITK's resampling to the nearest voxel."""
    label = sitk.ReadImage(ours["matched"])
    resampled = sitk.Resample(sitk.ReadImage(ours["label"]), image, sitk.Transform(), sitk.sitkNearestNeighbor, 255)
    different = int((sitk.GetArrayFromImage(label) != sitk.GetArrayFromImage(resampled)).sum())
    distance = max(
        abs(a - b)
        for get in ("GetSpacing", "GetOrigin", "GetDirection")
        for a, b in zip(getattr(label, get)(), getattr(image, get)())
    )
    right = different == 0 and distance < 1e-6
    print(
        f"{'ok  ' if right else 'FAIL'} {ours['path']}: its label lies on the same grid, {different} voxels differ"
        f" from SimpleITK's on the series, geometry {distance:.1e}"
    )
    return right


def compare(name, unpacked):
    ours = json.load(open(name))
    data = np.fromfile(name[:-5] + ".raw", dtype=ours["type"]).reshape(ours["shape"])
    path = ours["full"]
    if path.endswith(".zip"):
        path = os.path.join(unpacked, str(len(os.listdir(unpacked))))
        zipfile.ZipFile(ours["full"]).extractall(path)
        path = os.path.join(path, os.listdir(path)[0])
    image = with_simpleitk(path, "tilt" in ours["allow"], "colour" in ours["allow"])
    theirs = sitk.GetArrayFromImage(image)
    measured, syntax = with_pydicom(path)
    if measured is not None and measured.ndim == 4:
        measured = np.trunc(measured @ [2125.0, 7154.0, 721.0] / 10000.0)
    geometry = ours["geometry"]
    found = geometry["spacingMm"][::-1] + geometry["originMm"] + geometry["direction"]
    expected = list(image.GetSpacing()) + list(image.GetOrigin()) + list(image.GetDirection())
    distance = max(abs(a - b) for a, b in zip(found, expected))
    different = int((data != theirs).sum()) if data.shape == theirs.shape else data.size
    from_pydicom = None if measured is None else np.abs(data.astype(np.float64) - measured)
    lossy = any(syntax.endswith(ending) for ending in LOSSY)
    right = different == 0 and data.dtype == theirs.dtype and distance < 1e-6
    right = right and (lossy or float(from_pydicom.max()) < 1e-9)
    pydicom_says = "cannot read it"
    if from_pydicom is not None:
        pydicom_says = f"{int((from_pydicom > 1e-9).sum())} differ, largest {from_pydicom.max():g}"
    print(
        f"{'ok  ' if right else 'FAIL'} {ours['path']} {' '.join(ours['allow'])} {data.shape} {data.dtype}"
        f" | SimpleITK: {theirs.dtype}, {different} of {data.size} voxels differ, geometry {distance:.1e}"
        f" | pydicom: {pydicom_says}"
        + (" (lossy)" if lossy else "")
    )
    if "label" in ours:
        right = compare_label(ours, image) and right
    return right, data, lossy


results = []
with tempfile.TemporaryDirectory() as unpacked:
    for name in sorted(glob.glob(os.path.join(sys.argv[1], "*.json"))):
        right, data, lossy = compare(name, unpacked)
        path = json.load(open(name))["path"]
        results.append((path, right, data if "one_slice" in path and not lossy else None))
slices = [data for _, _, data in results if data is not None]
same = all(np.array_equal(data, slices[0]) for data in slices)
print(f"{'ok  ' if same else 'FAIL'} one slice in {len(slices)} lossless transfer syntaxes: {'equal' if same else 'differ'}")
wrong = [path for path, right, _ in results if not right]
print(f"{len(results) - len(wrong)} of {len(results)} series as SimpleITK reads them")
sys.exit(1 if wrong or not same else 0)
