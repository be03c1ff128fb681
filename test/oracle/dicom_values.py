"""Small DICOM files of many pixel formats and orientations, with what SimpleITK's series reader makes of them.

python test/oracle/dicom_values.py (needs pydicom too)
"""
import base64
import os
import tempfile

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import fixture

sitk.ProcessObject.SetGlobalWarningDisplay(False)
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
PET = "1.2.840.10008.5.1.4.1.1.128"
WORDS = np.array([[0, 1, 4095, 4096], [32767, 32768, 65535, 2048]], np.uint16)
LONG = WORDS.astype(np.uint32) * 65537


def write(path, pixels, stored, signed=0, storage=CT, photometric="MONOCHROME2", position=(0, 0, 0),
          orientation=(1, 0, 0, 0, 1, 0), number=1, spacing=("0.5", "0.7"), **tags):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d = Dataset()
    d.file_meta = meta
    d.SOPClassUID, d.SOPInstanceUID, d.Modality = storage, f"1.2.3.{number}", "CT"
    d.SeriesInstanceUID, d.StudyInstanceUID, d.InstanceNumber = "1.2.4", "1.2.5", number
    d.Rows, d.Columns = pixels.shape
    d.BitsAllocated, d.BitsStored, d.HighBit = 8 * pixels.itemsize, stored, stored - 1
    d.PixelRepresentation, d.SamplesPerPixel, d.PhotometricInterpretation = signed, 1, photometric
    d.ImagePositionPatient, d.ImageOrientationPatient = list(position), list(orientation)
    d.PixelSpacing = list(spacing)
    for name, value in tags.items():
        setattr(d, name, value)
    d.PixelData = pixels.tobytes()
    d["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    d.save_as(path, enforce_file_format=True)


def read(paths, orthogonal=True):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(paths)
    reader.SetForceOrthogonalDirection(orthogonal)
    return reader.Execute()


def entry(name, folder, slices, allow=(), orthogonal=True):
    paths = []
    for path in os.listdir(folder):
        os.remove(os.path.join(folder, path))
    for i, settings in enumerate(slices):
        paths.append(os.path.join(folder, f"{i}.dcm"))
        write(paths[-1], number=i + 1, **settings)
    image = read(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder), orthogonal)
    return {
        "name": name,
        "allow": list(allow),
        "files": [base64.b64encode(open(path, "rb").read()).decode() for path in paths],
        "voxels": fixture.array(sitk.GetArrayFromImage(image)),
        "geometry": {
            "spacing": list(image.GetSpacing()),
            "origin": list(image.GetOrigin()),
            "direction": list(image.GetDirection()),
        },
    }


def rescale(slope, intercept):
    return {"RescaleSlope": slope, "RescaleIntercept": intercept}


FORMATS = {
    "u16/12": dict(stored=12),
    "s16/12": dict(stored=12, signed=1),
    "u16/8": dict(stored=8),
    "s16/8": dict(stored=8, signed=1),
    "u16/16": dict(stored=16),
    "s16/16": dict(stored=16, signed=1),
    "MONOCHROME1 u16": dict(stored=16, photometric="MONOCHROME1"),
    "MONOCHROME1 s16": dict(stored=16, signed=1, photometric="MONOCHROME1"),
    "MONOCHROME1 u12": dict(stored=12, photometric="MONOCHROME1"),
    "MONOCHROME1 u12 - 1024": dict(stored=12, photometric="MONOCHROME1", **rescale(1, -1024)),
    "u12 - 1024": dict(stored=12, **rescale(1, -1024)),
    "u12 * 2": dict(stored=12, **rescale(2, 0)),
    "u12 * 0.5": dict(stored=12, **rescale(0.5, 0)),
    "u12 * -1": dict(stored=12, **rescale(-1, 0)),
    "u12 * -1 + 4095": dict(stored=12, **rescale(-1, 4095)),
    "u12 * 0 + 5": dict(stored=12, **rescale(0, 5)),
    "u12, intercept alone": dict(stored=12, RescaleIntercept=-1024),
    "u12, slope alone": dict(stored=12, RescaleSlope=2),
    "u12, both empty": dict(stored=12, **rescale("", "")),
    "u16 * 65536": dict(stored=16, **rescale(65536, 0)),
    "u16 * 65536 - 1": dict(stored=16, **rescale(65536, -1)),
    "u16 + 5": dict(stored=16, **rescale(1, 5)),
    "s16 - 1024": dict(stored=16, signed=1, **rescale(1, -1024)),
    "MR u12 * 2 + 1": dict(stored=12, storage=MR, **rescale(2, 1)),
    "MR u12 * 2.5 + 1": dict(stored=12, storage=MR, **rescale(2.5, 1)),
    "PET u16 * 0.12345 + 1": dict(stored=16, storage=PET, **rescale("0.12345", 1)),
    "u32": dict(stored=32, pixels=LONG),
    "s32": dict(stored=32, signed=1, pixels=LONG),
    # 24 of 32 bits are left out: GDCM masks them as two 16-bit words.
    "u32 + 1": dict(stored=32, pixels=LONG, **rescale(1, 1)),
    "s32 + 1": dict(stored=32, signed=1, pixels=LONG, **rescale(1, 1)),
    "u8": dict(stored=8, pixels=WORDS.astype(np.uint8)),
    "s8": dict(stored=8, signed=1, pixels=WORDS.astype(np.uint8)),
    "u8 + 1": dict(stored=8, pixels=WORDS.astype(np.uint8), **rescale(1, 1)),
    "SpacingBetweenSlices of a single slice": dict(stored=16, SliceThickness=3, SpacingBetweenSlices=4),
}
OBLIQUE = ("0.999565", "0.027916", "-0.009476", "-0.028354", "0.998364", "-0.049662")
NORMAL = np.cross([float(x) for x in OBLIQUE[:3]], [float(x) for x in OBLIQUE[3:]])
SERIES = {
    "oblique, rounded cosines": ([f"{10 + 3 * i * NORMAL[0]:.6f}\\{20 + 3 * i * NORMAL[1]:.6f}\\{-5 + 3 * i * NORMAL[2]:.6f}".split("\\") for i in range(4)], OBLIQUE),
    "sagittal": ([(3.5 * i, 1, 2) for i in range(3)], (0, 1, 0, 0, 0, -1)),
    "coronal": ([(1, 2.25 * i, 7) for i in range(3)], (1, 0, 0, 0, 0, -1)),
    "cosines not quite at right angles": ([(0, 0, 2 * i) for i in range(3)], (1, 0, 0, "0.0004", 1, 0)),
}

with tempfile.TemporaryDirectory() as folder:
    cases = [entry(name, folder, [{"pixels": WORDS, **settings}]) for name, settings in FORMATS.items()]
    for name, (positions, orientation) in SERIES.items():
        slices = [dict(pixels=WORDS + i, stored=16, position=p, orientation=orientation) for i, p in enumerate(positions)]
        cases.append(entry(name, folder, slices))
    tilted = [dict(pixels=WORDS + i, stored=16, position=(0, i / 2, 5 * i)) for i in range(3)]
    cases.append(entry("gantry tilt", folder, tilted, ["tilt"], orthogonal=False))
    gap = [dict(pixels=WORDS + i, stored=16, position=(0, 0, z)) for i, z in enumerate([0, 5, 10, 20])]
    cases.append(entry("missing slice", folder, gap, ["gap"]))
    slopes = [dict(pixels=WORDS + i, stored=16, position=(0, 0, i), **rescale(0.5 + i, i)) for i in range(3)]
    cases.append(entry("a slope for each slice", folder, slopes))
fixture.write("dicom", "series", cases)
