"""The reference side of the benchmark: scikit-image, SciPy, NumPy, batchgenerators and nnunet 1.7.1, one thread.

    python scipy_baseline.py versions                   prints versions as JSON
    python scipy_baseline.py serve                      answers one JSON command a line (see `Server`)
    python scipy_baseline.py dataset BASE TASK WORKERS OURS     crops, plans and preprocesses as nnUNet_plan_and_preprocess
    python scipy_baseline.py v2-dataset BASE NAME WORKERS OURS  fingerprint and 3d_fullres as nnUNetv2_plan_and_preprocess
    python scipy_baseline.py compare BASE OTHER         counts differing voxels of two preprocessed folders
    python scipy_baseline.py compression NPZ...         loads all; time and size of numpy.savez_compressed

Threads are limited by the environment (OMP_NUM_THREADS=1 and the like), which the caller sets.
"""
import contextlib
import functools
import importlib.abc
import importlib.machinery
import json
import os
import pathlib
import resource
import sys
import time
import types

import numpy as np

# What nnunet imports on the way to its preprocessing without using it there.
UNUSED = {"torch", "hiddenlayer", "matplotlib", "medpy", "nibabel", "requests"}
# The same of nnunetv2's preprocessing.
UNUSED_BY_V2 = {"httpx", "rich", "pydantic", "batchgeneratorsv2", "dynamic_network_architectures", "einops"}
# The same of nnunetv2's .b2nd files, and what blosc2 imports for remote arrays and tables of text.
UNUSED_BY_B2ND = {"httpx", "rich", "pydantic", "batchgeneratorsv2", "acvl_utils", "dynamic_network_architectures"}


class UnusedPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for packages that nnunet's modules import for training only: any name in them is an empty class."""

    def __init__(self, names=frozenset(UNUSED)):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            # Instances may decorate functions.
            members = {"__init__": lambda self, *_, **__: None, "__call__": lambda self, function=None: function}
            return type(name, (object,), members)

        module = types.ModuleType(spec.name)
        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


@contextlib.contextmanager
def silent():
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        yield


def import_nnunet(base="/nonexistent"):
    """Makes nnunet importable; its folders are taken from the environment at the first import."""
    os.environ["nnUNet_raw_data_base"] = str(base)
    os.environ["nnUNet_preprocessed"] = str(pathlib.Path(base) / "nnUNet_preprocessed")
    os.environ.pop("RESULTS_FOLDER", None)
    sys.meta_path.insert(0, UnusedPackages())


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# Every operation takes the arrays by name and its parameters and returns a function without arguments, which does the
# work once and returns a dict of result arrays.


def cubic(arrays, parameters):
    from skimage.transform import resize

    data, shape = arrays["data"], tuple(parameters["newShape"])

    def run():
        resized = resize(data.astype(float), shape, 3, mode="edge", anti_aliasing=False)
        return {"data": resized.astype(data.dtype)}

    return run


def cubic_itk(arrays, parameters):
    """The same spline by ITK, whose edges and last bits are others."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    data, shape = arrays["data"], parameters["newShape"]
    # x, y, z; both grids fill the same box.
    steps = [n / m for n, m in zip(data.shape[::-1], shape[::-1])]
    starts = [(step - 1) / 2 for step in steps]

    def run():
        image = sitk.GetImageFromArray(data)
        turn = image.GetDirection()
        resized = sitk.Resample(
            image, shape[::-1], sitk.Transform(), sitk.sitkBSpline, starts, steps, turn, 0.0, sitk.sitkFloat32
        )
        return {"data": sitk.GetArrayFromImage(resized)}

    return run


def trilinear_torch(arrays, parameters):
    """Not a spline, only its two nearest neighbours on each axis: what many pipelines resample with."""
    import torch

    torch.set_num_threads(1)
    data, shape = torch.from_numpy(arrays["data"])[None, None], parameters["newShape"]

    def run():
        with torch.no_grad():
            resized = torch.nn.functional.interpolate(data, shape, mode="trilinear", align_corners=False)
        return {"data": resized[0, 0].numpy()}

    return run


def separate_z(arrays, parameters):
    import_nnunet()
    with silent():
        from nnunet.preprocessing.preprocessing import resample_patient
    data, spacing, target = arrays["data"][None], parameters["spacing"], parameters["target"]
    return lambda: {"data": resample_patient(data, None, spacing, target, 3, 1, force_separate_z=None)[0][0]}


def labels(arrays, parameters):
    from batchgenerators.augmentations.utils import resize_segmentation

    label, shape = arrays["label"], tuple(parameters["newShape"])
    return lambda: {"label": resize_segmentation(label.astype(float), shape, 1).astype(label.dtype)}


def nearest(arrays, parameters):
    from batchgenerators.augmentations.utils import resize_segmentation

    data, shape = arrays["data"], tuple(parameters["newShape"])
    return lambda: {"data": resize_segmentation(data, shape, 0)}


def fill_holes(arrays, parameters):
    from scipy.ndimage import binary_fill_holes

    mask = arrays["mask"].view(bool)
    return lambda: {"mask": binary_fill_holes(mask).view(np.uint8)}


def nonzero_box(arrays, parameters):
    import_nnunet()
    with silent():
        from nnunet.preprocessing.cropping import get_bbox_from_mask
    data = [arrays[name] for name in sorted(arrays)]

    def run():
        # create_nonzero_mask of nnunet 1.7.1 without its last line, which is the row fill-holes.
        mask = np.zeros(data[0].shape, dtype=bool)
        for channel in data:
            mask = mask | (channel != 0)
        return {"mask": mask.view(np.uint8), "box": np.array(get_bbox_from_mask(mask, 0), np.int32)}

    return run


def components(arrays, parameters):
    from scipy.ndimage import generate_binary_structure, label

    structure = generate_binary_structure(3, 1 if parameters["connectivity"] == 6 else 3)
    mask = arrays["mask"]
    return lambda: {"labels": label(mask, structure)[0]}


def components_numbering(arrays, parameters):
    """The numbering that 26-connected components are also compared with."""
    from skimage.measure import label

    return {"labels": label(arrays["mask"], connectivity=3).astype(np.int32)}


def mean_std(arrays, parameters):
    values = arrays["values"]
    return lambda: {"moments": np.array([values.mean(), values.std()], np.float32)}


def clip_zscore(arrays, parameters):
    values = arrays["values"]
    low, high, mean, sd = (parameters[name] for name in ("low", "high", "mean", "sd"))

    def run():
        clipped = np.clip(values, low, high)
        return {"values": (clipped - mean) / sd}

    return run


def percentiles(arrays, parameters):
    values, ranks = arrays["values"], np.array(parameters["percentiles"])
    return lambda: {"percentiles": np.percentile(values, ranks)}


def case(arrays, parameters):
    import_nnunet()
    with silent():
        from nnunet.preprocessing.cropping import ImageCropper
        from nnunet.preprocessing.preprocessing import GenericPreprocessor
    data = np.stack([arrays[name] for name in sorted(arrays) if name.startswith("channel")])
    label = arrays["label"][None].astype(np.float32)
    count = len(data)
    properties = {"original_spacing": np.array(parameters["spacing"], float)}
    statistics = parameters["intensityProperties"]
    preprocessor = GenericPreprocessor(
        dict.fromkeys(range(count), parameters["scheme"]),
        dict.fromkeys(range(count), parameters["useMask"]),
        [0, 1, 2],
        None if statistics is None else dict.fromkeys(range(count), statistics),
    )
    target = np.array(parameters["target"], float)

    def run():
        with silent():
            cropped, seg, props = ImageCropper.crop(data, dict(properties), label)
            image, seg, _ = preprocessor.resample_and_normalize(cropped, target, props, seg)
        return {"channels": image, "label": seg[0].astype(np.int16)}

    return run


def v2_case(arrays, parameters):
    sys.meta_path.insert(0, UnusedPackages(UNUSED | UNUSED_BY_V2))
    os.environ.update(nnUNet_raw="/nonexistent", nnUNet_preprocessed="/nonexistent", nnUNet_results="/nonexistent")
    with silent():
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
        from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape as resample
    data = np.stack([arrays[name] for name in sorted(arrays) if name.startswith("channel")])
    label = arrays["label"][None].astype(np.float32)
    rule = {"order_z": 0, "force_separate_z": None}
    configuration = types.SimpleNamespace(
        spacing=list(parameters["target"]),
        normalization_schemes=parameters["schemes"],
        use_mask_for_norm=[parameters["useMask"]] * len(data),
        resampling_fn_data=functools.partial(resample, is_seg=False, order=3, **rule),
        resampling_fn_seg=functools.partial(resample, is_seg=True, order=1, **rule),
    )
    plans = types.SimpleNamespace(
        transpose_forward=[0, 1, 2],
        foreground_intensity_properties_per_channel={str(c): parameters["statistics"] for c in range(len(data))},
        get_label_manager=lambda _: types.SimpleNamespace(
            has_regions=False, has_ignore_label=False, foreground_labels=list(parameters["foreground"])
        ),
    )
    preprocessor = DefaultPreprocessor(verbose=False)

    def run():
        properties = {"spacing": list(parameters["spacing"])}
        image, seg, _ = preprocessor.run_case_npy(data, label, properties, plans, configuration, {})
        return {"channels": image, "label": seg[0].astype(np.int16)}

    return run


@functools.cache
def import_blosc2():
    """blosc2 with one thread, and nnU-Net 2.8's own functions around it."""
    sys.meta_path.insert(0, UnusedPackages(UNUSED | UNUSED_BY_B2ND))
    os.environ.update(nnUNet_raw="/nonexistent", nnUNet_preprocessed="/nonexistent", nnUNet_results="/nonexistent")
    import blosc2

    with silent():
        from nnunetv2.training.dataloading import nnunet_dataset
    blosc2.set_nthreads(1)
    return blosc2, nnunet_dataset


def b2nd_write(arrays, parameters):
    blosc2, nnunet = import_blosc2()
    data, codec, level = arrays["data"], blosc2.Codec.LZ4HC, 5

    def run():
        # save_case of nnunetv2 2.8.1 for the image, with one thread instead of four and without the file.
        blocks, chunks = nnunet.comp_blosc2_params(data.shape, parameters["patchSize"], data.itemsize)
        chosen = nnunet.nnUNetDatasetBlosc2._select_filter(data, blocks, chunks, codec, level)
        settings = {"codec": codec, "filters": [chosen], "nthreads": 1, "clevel": level}
        blosc2.asarray(data, chunks=chunks, blocks=blocks, cparams=settings)
        return {"data": data}

    return run


def b2nd_read(arrays, parameters):
    import tempfile

    blosc2, _ = import_blosc2()
    file = tempfile.NamedTemporaryFile(suffix=".b2nd")
    file.write(cut_frame(arrays["file"]).tobytes())
    file.flush()

    def run():
        return {"data": blosc2.open(file.name, mode="r", dparams={"nthreads": 1})[:]}

    return run


def cut_frame(padded):
    """The file in an array that is longer than it: its length stands at byte 16."""
    return padded[: int.from_bytes(padded[16:24].tobytes(), "big")]


def v2_fingerprint(arrays, parameters):
    sys.meta_path.insert(0, UnusedPackages(UNUSED | UNUSED_BY_B2ND))
    os.environ.update(nnUNet_raw="/nonexistent", nnUNet_preprocessed="/nonexistent", nnUNet_results="/nonexistent")
    with silent():
        from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    images, labels = arrays["images"], arrays["labels"]

    def run():
        # analyze_case and run of nnunetv2 2.8.1 without files and processes; there is nothing to crop.
        samples = int(parameters["draws"] // len(images))
        collect = DatasetFingerprintExtractor.collect_foreground_intensities
        results = [collect(seg, data, num_samples=samples)[0] for data, seg in zip(images, labels)]
        values = np.array([np.concatenate([r[0] for r in results])])[0]
        low, median, high = np.percentile(values, np.array((0.5, 50.0, 99.5)))
        found = [np.mean(values), median, np.std(values), np.min(values), np.max(values), low, high]
        return {"statistics": np.array([float(x) for x in found])}

    return run


def export(arrays, parameters):
    import_nnunet()
    with silent():
        from nnunet.preprocessing.preprocessing import resample_data_or_seg
    softmax, shape = arrays["softmax"], tuple(parameters["newShape"])

    def run():
        # save_segmentation_nifti_from_softmax of nnunet 1.7.1 without crop and file.
        with silent():
            resampled = resample_data_or_seg(softmax, shape, False, None, 1, False, 0)
        return {"labels": resampled.argmax(0).astype(np.uint8)}

    return run


def v2_export(arrays, parameters):
    os.environ.update(nnUNet_raw="/nonexistent", nnUNet_preprocessed="/nonexistent", nnUNet_results="/nonexistent")
    # PyTorch is needed here; acvl_utils is installed.
    sys.meta_path.insert(0, UnusedPackages((UNUSED | UNUSED_BY_V2) - {"torch"}))
    import torch

    torch.set_num_threads(1)
    with silent():
        from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape as convert
        from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape as resample
        from nnunetv2.utilities.label_handling.label_handling import LabelManager
    shape = tuple(parameters["newShape"])
    logits = torch.from_numpy(arrays["logits"].view(np.float16))
    rule = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    configuration = types.SimpleNamespace(
        spacing=list(parameters["spacing"]), resampling_fn_probabilities=functools.partial(resample, **rule)
    )
    plans = types.SimpleNamespace(transpose_forward=[0, 1, 2], transpose_backward=[0, 1, 2])
    names = ["background", *map(str, range(1, parameters["classes"]))]
    labels = LabelManager({name: i for i, name in enumerate(names)}, None)
    properties = {
        "spacing": [1.0, 1.0, 1.0],
        "shape_before_cropping": shape,
        "bbox_used_for_cropping": [[0, n] for n in shape],
        "shape_after_cropping_and_before_resampling": shape,
    }

    def run():
        with silent():
            return {"labels": convert(logits, plans, configuration, labels, properties, num_threads_torch=1)}

    return run


def v2_evaluate(arrays, parameters):
    sys.meta_path.insert(0, UnusedPackages(UNUSED | UNUSED_BY_V2))
    os.environ.update(nnUNet_raw="/nonexistent", nnUNet_preprocessed="/nonexistent", nnUNet_results="/nonexistent")
    import tempfile

    import SimpleITK as sitk

    with silent():
        from nnunetv2.evaluation.evaluate_predictions import compute_metrics
        from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    folder = tempfile.TemporaryDirectory()
    files = {}
    for name in ("reference", "prediction"):
        image = sitk.GetImageFromArray(arrays[name])
        image.SetSpacing((1.0, 1.0, 2.0))
        files[name] = f"{folder.name}/{name}.nii.gz"
        sitk.WriteImage(image, files[name], True)

    def run():
        assert folder is not None  # It is removed with this function.
        found = compute_metrics(files["reference"], files["prediction"], SimpleITKIO(), parameters["labels"])["metrics"]
        counts = [found[label][key] for label in parameters["labels"] for key in ("TP", "FP", "FN", "TN")]
        return {"counts": np.array(counts, np.float64)}

    return run


def accumulate(arrays, parameters):
    precision = np.float16 if parameters["half"] else np.float32
    values, weights = arrays["values"], arrays["weights"]
    sums = np.empty(values.shape, precision)

    def run():
        sums[:] = 0
        # As float16 tensors take float32 ones in PyTorch: float32 in between, rounded once.
        sums[:] = sums.astype(np.float32) + values * weights
        return {"sums": sums.view(np.int16) if parameters["half"] else sums}

    return run


OPERATIONS = {
    f.__name__.replace("_", "-"): f
    for f in (
        cubic,
        cubic_itk,
        trilinear_torch,
        separate_z,
        labels,
        nearest,
        fill_holes,
        nonzero_box,
        components,
        mean_std,
        clip_zscore,
        percentiles,
        export,
        v2_export,
        v2_evaluate,
        accumulate,
        case,
        v2_case,
        b2nd_write,
        b2nd_read,
        v2_fingerprint,
    )
}


def compare(found, expected):
    """Differing values bit by bit (a NaN equals any NaN), and the largest difference in units of `expected`'s range."""
    if found.size != expected.size:
        return {"differing": max(found.size, expected.size), "total": expected.size, "error": None}
    found, expected = found.reshape(-1), np.ascontiguousarray(expected).reshape(-1)
    if found.dtype != expected.dtype:
        found = found.astype(expected.dtype)
    differing, error = 0, 0.0
    low, high = (float(expected.min()), float(expected.max())) if expected.size else (0.0, 0.0)
    # In pieces, so that no array as long as the volume is made.
    for start in range(0, expected.size, 1 << 22):
        a, b = found[start : start + (1 << 22)], expected[start : start + (1 << 22)]
        bits = f"u{a.dtype.itemsize}"
        different = a.view(bits) != b.view(bits)
        if a.dtype.kind == "f":
            different &= ~(np.isnan(a) & np.isnan(b))
        differing += int(np.count_nonzero(different))
        if different.any():
            error = max(error, float(np.abs(a[different].astype(float) - b[different].astype(float)).max()))
    return {"differing": differing, "total": int(expected.size), "error": error / (high - low) if high > low else error}


class Server:
    """One operation in one process. Commands: prepare, cold, turn, compare, finish; each is answered by one line."""

    def __init__(self):
        self.run = None
        self.result = None
        self.arrays = {}
        self.parameters = {}
        self.operation = ""

    def prepare(self, message):
        self.operation = message["operation"]
        self.parameters = message["parameters"]
        self.arrays = {name: np.load(path) for name, path in message["inputs"].items()}
        self.run = OPERATIONS[self.operation](self.arrays, self.parameters)
        return {}

    def timed(self):
        self.result = None
        start = time.perf_counter()
        self.result = self.run()
        return time.perf_counter() - start

    def cold(self, message):
        return {"seconds": self.timed(), "peakBytes": peak_bytes()}

    def turn(self, message):
        samples = []
        while not samples or sum(samples) < message["seconds"]:
            samples.append(self.timed())
        return {"samples": samples}

    def compare(self, message):
        expected = [self.result]
        if self.operation == "components" and self.parameters["connectivity"] == 26:
            expected.append(components_numbering(self.arrays, self.parameters))
        found = {name: np.load(path) for name, path in message["outputs"].items()}
        if self.operation == "b2nd-write":
            import blosc2

            found = {"data": blosc2.ndarray_from_cframe(cut_frame(found["file"]).tobytes())[:]}
        parts = [compare(array, result[name]) for result in expected for name, array in found.items()]
        return {
            "differing": sum(part["differing"] for part in parts),
            "total": sum(part["total"] for part in parts),
            "error": max(part["error"] if part["error"] is not None else float("inf") for part in parts),
        }

    def serve(self):
        # Only replies go to the caller; whatever the functions print goes nowhere.
        replies = os.fdopen(os.dup(1), "w")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for line in sys.stdin:
            message = json.loads(line)
            if message["command"] == "finish":
                break
            try:
                reply = getattr(self, message["command"])(message)
            except Exception as error:
                reply = {"failure": f"{type(error).__name__}: {error}"}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


def run_dataset(base, task, workers):
    """What nnUNet_plan_and_preprocess -t TASK -pl2d None -tl N -tf N does, by the functions that it calls."""
    import_nnunet(base)
    import shutil

    with silent():
        from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
        from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21
        from nnunet.experiment_planning.utils import crop

        cropped = pathlib.Path(base) / "nnUNet_cropped_data" / task
        preprocessed = pathlib.Path(base) / "nnUNet_preprocessed" / task
        crop(task, False, workers)
        modality = json.loads((cropped / "dataset.json").read_text())["modality"].values()
        with_ct = "CT" in modality or "ct" in modality
        DatasetAnalyzer(str(cropped), overwrite=False, num_processes=workers).analyze_dataset(with_ct)
        preprocessed.mkdir(parents=True, exist_ok=True)
        shutil.copy(cropped / "dataset_properties.pkl", preprocessed)
        shutil.copy(cropped / "dataset.json", preprocessed)
        planner = ExperimentPlanner3D_v21(str(cropped), str(preprocessed))
        planner.plan_experiment()
        planner.run_preprocessing((workers, workers))


def import_nnunetv2(base):
    sys.meta_path.insert(0, UnusedPackages(UNUSED | UNUSED_BY_V2))
    os.environ.update(
        nnUNet_raw=f"{base}/nnUNet_raw_data", nnUNet_preprocessed=f"{base}/nnUNet_preprocessed", nnUNet_results=f"{base}"
    )


def run_v2_dataset(base, name, workers, ours):
    """What nnUNetv2_plan_and_preprocess -c 3d_fullres -np N -npfp N does, by the functions that it calls. Planning, which
    takes a moment but needs PyTorch for its estimate of the network's memory, is left out: the plans are taken from `ours`."""
    os.environ["NNPREP_BENCH_BASE"] = str(base)
    import_nnunetv2(base)
    import shutil

    with silent():
        from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor

        preprocessed = pathlib.Path(base) / "nnUNet_preprocessed" / name
        DatasetFingerprintExtractor(name, workers).run(overwrite_existing=True)
        for document in ("dataset.json", "nnUNetPlans.json"):
            shutil.copy(pathlib.Path(ours) / name / document, preprocessed)
        DefaultPreprocessor(verbose=False).run(name, "3d_fullres", "nnUNetPlans", workers)


def load_preprocessed(path):
    if path.suffix == ".npz":
        return np.load(path)["data"]
    blosc2, _ = import_blosc2()
    return blosc2.open(str(path), mode="r")[:]


def compare_folders(base, other):
    """Over every preprocessed array of `base`: how many values differ from those of the same file in `other`."""
    differing = total = files = 0
    patterns = ("*stage*/*.npz", "*/*.b2nd")
    for path in sorted(path for pattern in patterns for path in pathlib.Path(base).rglob(pattern)):
        twin = pathlib.Path(other) / path.relative_to(base)
        expected = load_preprocessed(path)
        files += 1
        if not twin.exists():
            differing += expected.size
            total += expected.size
            continue
        part = compare(load_preprocessed(twin), expected)
        differing += part["differing"]
        total += part["total"]
    return {"differing": differing, "total": total, "files": files}


def compression(paths):
    arrays = [np.load(path)["data"] for path in paths]
    target = pathlib.Path(paths[0]).with_name("numpy.npz")
    start = time.perf_counter()
    np.savez_compressed(target, data=arrays[0])
    writing = time.perf_counter() - start
    start = time.perf_counter()
    np.load(target)["data"]
    reading = time.perf_counter() - start
    size = target.stat().st_size
    target.unlink()
    equal = all(np.array_equal(arrays[0], array) for array in arrays)
    return {"writeSeconds": writing, "readSeconds": reading, "bytes": size, "equal": equal}


def versions():
    import platform
    from importlib.metadata import PackageNotFoundError, version

    packages = ("numpy", "scipy", "scikit-image", "batchgenerators", "nnunet", "simpleitk", "nnunetv2", "blosc2")
    known = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    with contextlib.suppress(PackageNotFoundError):
        known["torch"] = version("torch")
    return known


def main():
    command, *rest = sys.argv[1:]
    if command == "serve":
        Server().serve()
    elif command == "dataset":
        run_dataset(rest[0], rest[1], int(rest[2]))
    elif command == "v2-dataset":
        run_v2_dataset(rest[0], rest[1], int(rest[2]), rest[3])
    elif command == "versions":
        print(json.dumps(versions()))
    elif command == "compare":
        print(json.dumps(compare_folders(rest[0], rest[1])))
    elif command == "compression":
        print(json.dumps(compression(rest)))
    else:
        sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__" and "NNPREP_BENCH_BASE" in os.environ:
    # A process that nnunetv2 starts: what stands in for packages there stands in for them here.
    import_nnunetv2(os.environ["NNPREP_BENCH_BASE"])
