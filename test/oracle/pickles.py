"""Pickles and npz archives as Python and nnU-Net v1 write them, with the values that they hold."""
import base64
import collections
import io
import os
import pickle
import tempfile
import warnings

import numpy as np

import fixture


def describe(value):
    """A Python value in a form that JSON holds and that keeps every type apart."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        if array.dtype == bool:
            array = array.astype(np.uint8)
        array = np.ascontiguousarray(array).reshape(array.shape)
        data = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
        return {"array": {"dtype": array.dtype.name, "shape": list(array.shape), "base64": data}}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple):
        return {"tuple": [describe(v) for v in value]}
    if isinstance(value, list):
        return {"list": [describe(v) for v in value]}
    if isinstance(value, dict):
        ordered = isinstance(value, collections.OrderedDict)
        return {"dict": [[describe(k), describe(v)] for k, v in value.items()], "ordered": ordered}
    raise TypeError(type(value))


def base64_of(data):
    return base64.b64encode(data).decode()


def plain_values():
    shared = np.arange(3)
    return {
        "none": None,
        "booleans": [True, False, np.bool_(True)],
        "integers": [0, 1, 255, 256, 65535, 65536, -1, -128, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 2**63, -(2**63), 2**64, 10**30, -(10**30)],
        "floats": [0.0, -0.0, 1.0, -2.5, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan")],
        "strings": ["", "a", "it's", 'say "x"', "line\nbreak\\n", "\x00\x7f\xff", "größe", "漢字", "\U0001f600", "x" * 300],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)],
        "dicts": {"a": 1, 2: "b", (0, 1): [3], 2**40: {}, None: False},
        "ordered": collections.OrderedDict([(0, True), (1, False), ("x", collections.OrderedDict())]),
        "scalars": [np.float64(1.5), np.float32(0.1), np.int64(-7), np.int32(3), np.uint8(255), np.float16(1.5), np.uint64(2**63)],
        "arrays": [
            np.arange(6, dtype=np.int64).reshape(2, 3),
            np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
            np.arange(5, dtype=">f4"),
            np.array([1.5, np.inf, -0.0, np.nan, 6e-8], np.float16),
            np.array([], np.float64),
            np.zeros((0, 3), np.int64),
            np.array(3.5),
            np.array([True, False]),
            np.arange(12, dtype=np.uint32)[::3],
        ],
        "shared": [shared, shared, {"again": shared}],
        "nested": [[[[[1]]]], {"a": {"b": {"c": (1, [2, {"d": 3}])}}}],
    }


def pickles():
    values = plain_values()
    entries = []
    for name, value in values.items():
        for protocol in range(6):
            entries.append({"name": name, "protocol": protocol, "base64": base64_of(pickle.dumps(value, protocol))})
    # pickled by Python's slow pickler: other instructions (no frames, DUP, BUILD order) than the C one
    for protocol in (0, 2, 4):
        out = io.BytesIO()
        pickle._Pickler(out, protocol).dump(values["nested"])
        entries.append({"name": "nested", "protocol": protocol, "base64": base64_of(out.getvalue())})
    # as NumPy 1 named its functions
    old = pickle.dumps(values["arrays"], 3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    entries.append({"name": "arrays", "protocol": 3, "base64": base64_of(old)})
    return {"values": {name: describe(value) for name, value in values.items()}, "pickles": entries}


def nnunet_documents():
    """Properties and plans of a small task that nnU-Net itself cropped, planned and preprocessed."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        for variable in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
            os.environ[variable] = os.path.join(folder, variable)
        from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
        from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21
        from nnunet.preprocessing.cropping import ImageCropper

        raw, cropped, out = (os.path.join(folder, name) for name in ("raw", "cropped", "out"))
        for name in (raw, cropped, out, os.path.join(folder, "cropped", "gt_segmentations")):
            os.makedirs(name)
        rng = np.random.default_rng(7)
        cases = []
        for i in range(2):
            shape = (18 + i, 20, 22)
            label = np.zeros(shape, np.uint8)
            label[4:12, 5:12, 6:14] = 1
            label[7:9, 7:9, 8:11] = 2 if i == 0 else 0
            mask = np.zeros(shape, np.int16)
            mask[2:-2, 1:-3, 3:-1] = 1
            files = []
            for c in range(2):
                image = sitk.GetImageFromArray((rng.normal(100, 20, shape) * mask).astype(np.int16))
                image.SetSpacing((0.9765620231628418, 1.1, 2.5))
                image.SetOrigin((-10.5, 20.25, 3.0))
                files.append(os.path.join(raw, f"case_{i}_{c:04d}.nii.gz"))
                sitk.WriteImage(image, files[-1])
            seg = sitk.GetImageFromArray(label)
            seg.CopyInformation(image)
            files.append(os.path.join(raw, f"case_{i}.nii.gz"))
            sitk.WriteImage(seg, files[-1])
            cases.append(files)
        cropper = ImageCropper(1, cropped)
        for i, files in enumerate(cases):
            cropper.load_crop_save(files, f"case_{i}")
        cropped_pickle = open(os.path.join(cropped, "case_0.pkl"), "rb").read()
        with open(os.path.join(cropped, "dataset.json"), "w") as f:
            f.write('{"modality": {"0": "CT", "1": "T1"}, "labels": {"0": "background", "1": "a", "2": "b"}}')
        DatasetAnalyzer(cropped, overwrite=True, num_processes=1).analyze_dataset(True)
        planner = ExperimentPlanner3D_v21(cropped, out)
        planner.plan_experiment()
        planner.run_preprocessing(1)
        stage = os.path.join(out, "nnUNetData_plans_v2.1_stage0")
        documents = {"cropped properties": cropped_pickle}
        for i in range(2):
            documents[f"properties {i}"] = open(os.path.join(stage, f"case_{i}.pkl"), "rb").read()
        documents["dataset properties"] = open(os.path.join(cropped, "dataset_properties.pkl"), "rb").read()
        documents["plans"] = open(os.path.join(out, "nnUNetPlansv2.1_plans_3D.pkl"), "rb").read()
        result = []
        for name, data in documents.items():
            data = data.replace(folder.encode(), b"/" * len(folder))
            result.append({"name": name, "base64": base64_of(data), "value": describe(pickle.loads(data))})
        return result


def archives():
    arrays = {
        "data": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(24, dtype=">i2").reshape(2, 3, 4)),
        "half": np.array([1, -2.5, np.inf, 6e-8, 65504], np.float16),
        "flags": np.array([True, False]),
        "scalar": np.float64(3),
        "empty": np.zeros((0, 3)),
        "big": np.array([2**62, -1], np.int64),
        "unsigned": np.array([2**64 - 1], np.uint64),
        "vector": np.array([7], np.int32),
    }
    files = []
    for name, save in (("savez", np.savez), ("savez_compressed", np.savez_compressed)):
        out = io.BytesIO()
        save(out, **arrays)
        files.append({"name": name, "base64": base64_of(out.getvalue())})
    versions = []
    for version in ((1, 0), (2, 0), (3, 0)):
        out = io.BytesIO()
        np.lib.format.write_array(out, arrays["data"], version)
        versions.append(base64_of(out.getvalue()))
    refused = []
    for array in (np.array(["x"]), np.array([1j]), np.zeros(2, [("a", "i4")]), np.array([None])):
        out = io.BytesIO()
        np.save(out, array)
        refused.append({"dtype": str(array.dtype), "base64": base64_of(out.getvalue())})
    values = {name: describe(np.asarray(a)) for name, a in arrays.items()}
    return {"values": values, "archives": files, "versions": versions, "refused": refused}


warnings.simplefilter("ignore")
fixture.write("pickle", "values", pickles())
fixture.write("pickle", "nnunet", nnunet_documents())
fixture.write("npz", "archives", archives())
