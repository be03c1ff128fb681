"""Reads one DICOM folder with SimpleITK or pydicom; prints seconds and peak memory: dicom_series.py READER FOLDER"""
import json
import os
import resource
import sys
import time

import numpy as np

reader, folder = sys.argv[1:]
if reader == "SimpleITK":
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
else:
    import pydicom


def with_simpleitk():
    series = sitk.ImageSeriesReader()
    series.SetFileNames(series.GetGDCMSeriesFileNames(folder, series.GetGDCMSeriesIDs(folder)[0]))
    return sitk.GetArrayViewFromImage(series.Execute()).shape


def with_pydicom():
    slices = [pydicom.dcmread(os.path.join(folder, name)) for name in os.listdir(folder)]
    cosines = np.array(slices[0].ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    slices.sort(key=lambda x: np.dot(normal, np.array(x.ImagePositionPatient, float)))
    return np.stack([x.pixel_array for x in slices]).shape


start = time.perf_counter()
cpu = time.process_time()
shape = with_simpleitk() if reader == "SimpleITK" else with_pydicom()
print(
    json.dumps(
        {
            "shape": list(shape),
            "seconds": time.perf_counter() - start,
            "cpuSeconds": time.process_time() - cpu,
            "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
