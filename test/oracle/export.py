"""Golden exports: nnU-Net 1.7.1 `save_segmentation_nifti_from_softmax` on small seeded softmax arrays, `merge_files`
on members of an ensemble, `resample_and_save` of the cascade."""
import os

for key in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(key, "/nonexistent")

import contextlib
import copy
import io
import pathlib
import pickle
import tempfile

import numpy as np
import SimpleITK as sitk
from batchgenerators.augmentations.utils import resize_segmentation
from nnunet.inference.ensemble_predictions import merge_files
from nnunet.inference.segmentation_export import save_segmentation_nifti_from_softmax
from nnunet.training.cascade_stuff.predict_next_stage import resample_and_save

import fixture

SEED = 35
rng = np.random.RandomState(SEED)
FOLDER = pathlib.Path(tempfile.mkdtemp())


def quietly(function, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **kwargs)


def softmax(shape, scale=1.0, dtype=np.float32):
    e = np.exp(rng.randn(*shape) * scale)
    return (e / e.sum(0)).astype(dtype)


def sigmoid(shape, scale=1.0, dtype=np.float32):
    return (1 / (1 + np.exp(-rng.randn(*shape) * scale))).astype(dtype)


def one_hot(labels, classes, dtype=np.float32):
    return (np.arange(classes)[:, None, None, None] == labels).astype(dtype)


def blobs(classes, shape, dtype=np.float32):
    """Smooth fields: mostly one clear class, as networks give."""
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    fields = []
    for _ in range(classes):
        centre = rng.uniform(-1, 1, 3)
        fields.append(-12 * sum((g - c) ** 2 for g, c in zip(grid, centre)))
    e = np.exp(4 * np.array(fields))
    e += 1e-30
    return (e / e.sum(0)).astype(dtype)


def properties(after, before=None, low=(0, 0, 0), spacing=(1.0, 1.0, 1.0), target=None, **more):
    before = before or after
    props = {
        "original_size_of_raw_data": np.array(before),
        "original_spacing": np.array(spacing),
        "list_of_data_files": ["a.nii.gz"],
        "seg_file": None,
        "itk_origin": (-3.25, 4.5, 1.125),
        "itk_spacing": tuple(float(s) for s in spacing[::-1]),
        "itk_direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "crop_bbox": [[int(l), int(l + n)] for l, n in zip(low, after)],
        "size_after_cropping": tuple(after),
        "spacing_after_resampling": np.array(target if target is not None else spacing),
    }
    props.update(more)
    return props


def read(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def export(probabilities, props, regions=None):
    out = FOLDER / "out.nii.gz"
    quietly(save_segmentation_nifti_from_softmax, probabilities, str(out), copy.deepcopy(props), region_class_order=regions,
            verbose=False)
    return read(out)


CASES = []


def case(name, probabilities, props, regions=None):
    try:
        expected = fixture.array(export(probabilities, props, regions))
    except Exception as error:  # noqa: BLE001 what the reference refuses is part of the fixture
        print(name, "refused:", repr(error))
        return
    half = probabilities.dtype == np.float16
    bits = probabilities.view(np.uint16) if half else probabilities
    CASES.append({
        "name": name,
        "probabilities": fixture.array(bits),
        "half": bool(half),
        "before": [int(n) for n in props["original_size_of_raw_data"]],
        "after": [int(n) for n in props["size_after_cropping"]],
        "box": [[int(a), int(b)] for a, b in props["crop_bbox"]],
        "spacing": [float(s) for s in props["original_spacing"]],
        "target": [float(s) for s in props["spacing_after_resampling"]],
        "regions": regions,
        "expected": expected,
    })


case("noise up", softmax((5, 5, 6, 7)), properties((9, 11, 13)))
case("noise down", softmax((4, 7, 8, 9)), properties((3, 5, 4)))
case("mixed", softmax((3, 9, 5, 13)), properties((5, 11, 13)))
case("two classes", softmax((2, 6, 5, 9)), properties((11, 9, 17)))
case("one class", np.ones((1, 3, 3, 3), np.float32), properties((5, 5, 5)))
case("nine classes, saturated", softmax((9, 5, 7, 6), 40), properties((10, 14, 12)))
case("same size", softmax((6, 5, 6, 9)), properties((5, 6, 9)))
case("same size, ties", (rng.randint(0, 3, (6, 5, 6, 9)) / 4).astype(np.float32), properties((5, 6, 9)))
case("equal everywhere", np.full((5, 3, 4, 5), 0.2, np.float32), properties((6, 7, 5)))
case("all zero", np.zeros((5, 3, 4, 5), np.float32), properties((6, 7, 5)))
case("axis of 1", softmax((3, 1, 6, 7)), properties((1, 9, 12)))
case("axis of 1 grown", softmax((3, 1, 6, 7)), properties((3, 9, 12)))
case("to one voxel", softmax((3, 4, 6, 7)), properties((1, 1, 1)))
case("from one voxel", softmax((3, 1, 1, 1)), properties((2, 3, 4)))
for dtype, name in ((np.float32, "float32"), (np.float16, "float16")):
    case(f"factor 2 of one-hot, {name}: ties", one_hot(rng.randint(0, 5, (5, 4, 6)), 5, dtype), properties((10, 8, 12)))
    case(f"half of one-hot, {name}: ties", one_hot(rng.randint(0, 5, (6, 8, 6)), 5, dtype), properties((3, 4, 3)))
    case(f"smooth, {name}", blobs(6, (5, 7, 8), dtype), properties((9, 12, 13)))
    case(f"noise, {name}", softmax((7, 4, 5, 6), 1, dtype), properties((7, 9, 11)))
    case(f"nearly equal, {name}", (0.2 + rng.randn(5, 4, 5, 6) * 1e-7).astype(dtype), properties((7, 9, 11)))
    case(f"few values, {name}", (rng.randint(0, 4, (5, 4, 5, 6)) / 8).astype(dtype), properties((8, 10, 11)))
    case(f"logits, {name}", (rng.randn(5, 4, 5, 6) * 30).astype(dtype), properties((8, 10, 11)))
    case(f"regions, {name}", sigmoid((3, 4, 5, 6), 2, dtype), properties((8, 10, 11)), [1, 2, 3])
    case(f"regions around 0.5, {name}", (0.5 + rng.randn(3, 4, 5, 6) * 3e-7).astype(dtype), properties((8, 10, 11)), [1, 2, 3])
case("five classes of 1 among NaN", np.where(rng.rand(5, 4, 5, 6) < 0.02, np.nan, softmax((5, 4, 5, 6))).astype(np.float32),
     properties((6, 7, 9)))
case("infinities", np.where(rng.rand(5, 4, 5, 6) < 0.02, np.inf, softmax((5, 4, 5, 6))).astype(np.float32), properties((6, 5, 9)))
case("NaN in one plane of a longer volume", np.where(np.arange(8)[None, :, None, None] == 3, np.nan, softmax((3, 8, 3, 3), 9)).astype(np.float32),
     properties((15, 5, 5)))
case("NaN in one plane, which its neighbours take with weight zero",
     np.where(np.arange(6)[None, :, None, None] == 3, np.nan, softmax((3, 6, 3, 3), 9)).astype(np.float32), properties((6, 5, 5)))
case("huge", (softmax((5, 4, 5, 6)) * 3e38).astype(np.float32), properties((6, 5, 9)))
case("tiny", (softmax((5, 4, 5, 6)) * 1e-44).astype(np.float32), properties((6, 5, 9)))
case("regions overwrite in their own order", sigmoid((4, 4, 5, 6), 2), properties((8, 10, 11)), [3, 1, 4, 2])
case("fewer regions than channels", sigmoid((4, 4, 5, 6), 2), properties((8, 10, 11)), [2, 1])
case("regions, same size, exactly 0.5", (rng.randint(0, 5, (3, 5, 6, 9)) / 4).astype(np.float32), properties((5, 6, 9)), [1, 2, 3])
case("regions, factor 2: ties at 0.5", one_hot(rng.randint(0, 3, (5, 4, 6)), 3), properties((10, 8, 12)), [1, 2, 3])
case("region labels up to 255", sigmoid((2, 3, 3, 3)), properties((5, 5, 5)), [255, 200])
case("crop touching the low borders", softmax((3, 4, 5, 6)), properties((7, 9, 8), (12, 14, 13)))
case("crop touching the high borders", softmax((3, 4, 5, 6)), properties((7, 9, 8), (12, 14, 13), (5, 5, 5)))
case("crop inside", blobs(3, (4, 5, 6)), properties((7, 9, 8), (12, 14, 13), (1, 2, 3)))
case("crop that ends beyond its box", softmax((3, 7, 9, 8)), properties((7, 9, 8), (12, 14, 13), (1, 2, 3), crop_bbox=[[1, 5], [2, 5], [3, 5]]))
for axis in range(3):
    spacing = [1.0, 1.0, 1.0]
    spacing[axis] = 5.0
    case(f"separate axis {axis}", softmax((4, 4, 5, 3)), properties((6, 8, 7), spacing=spacing))
    case(f"separate axis {axis}, kept", softmax((4, 4, 5, 3)), properties([4 if axis == 0 else 6, 5 if axis == 1 else 8, 3 if axis == 2 else 7], spacing=spacing))
    case(f"separate axis {axis} by the target spacing", softmax((4, 4, 5, 3)), properties((6, 8, 7), target=spacing))
    case(f"separate axis {axis}, in plane unchanged", softmax((4, 6, 7, 5)), properties([3 if axis == 0 else 6, 15 if axis == 1 else 7, 9 if axis == 2 else 5], spacing=spacing))
    case(f"separate axis {axis}, regions", sigmoid((3, 6, 5, 4)), properties((4, 8, 7), spacing=spacing), [1, 2, 3])
case("separate axis kept, float16", softmax((4, 6, 7, 5), 1, np.float16), properties((6, 11, 13), spacing=(5.0, 1.0, 1.0)))
case("two equal worst axes", softmax((4, 4, 5, 3)), properties((6, 8, 7), spacing=(5.0, 5.0, 1.0)))
case("ratio exactly 3", softmax((4, 4, 5, 3)), properties((6, 8, 7), spacing=(3.0, 1.0, 1.0)))
case("original spacing decides before the target", softmax((4, 4, 5, 3)), properties((6, 8, 7), spacing=(5.0, 1.0, 1.0), target=(1.0, 1.0, 5.0)))
case("wide rows", softmax((2, 2, 2, 70)), properties((3, 3, 131)))
case("39 classes", softmax((39, 2, 3, 4)), properties((3, 5, 7)))


def weights(n, m, k):
    cc = (k + 0.5) * (n / m) - 0.5
    w = 1 - (cc - np.floor(cc))
    return w, 1 - w


def nearly_a_tie():
    """Class 0 comes out half way between two float32 within 1e-17 at one voxel, class 1 is the upper one everywhere: the
    label tells how the reference rounds, and so in which order it multiplies and adds."""
    target, k = (3, 5, 7), (1, 1, 2)
    w = [weights(2, m, i) for m, i in zip(target, k)]
    product = np.einsum("i,j,k", *w)
    taps = (0.5 + rng.rand(2, 2, 2) / 4).astype(np.float32)
    taps[1, 1, 0] = taps[0, 1, 1] = taps[1, 0, 1] = 0
    upper = np.float32((taps.astype(float) * product).sum())
    upper = np.nextafter(upper, np.float32(1))
    half_way = (float(upper) + float(np.nextafter(upper, np.float32(0)))) / 2
    for where in ((1, 1, 0), (0, 1, 1), (1, 0, 1)):
        rest = half_way - (taps.astype(float) * product).sum()
        taps[where] = rest / product[where] * (0.999999 if where != (1, 0, 1) else 1)
    return np.stack([taps, np.full((2, 2, 2), upper, np.float32)])


for i in range(16):
    case(f"nearly half way between two float32, {i}", nearly_a_tie(), properties((3, 5, 7)))
fixture.write("export", "cases", CASES, SEED)

# The network's frame: what predict.py does before it calls the export.
TRANSPOSED = []
for tf in ((0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)):
    for spacing, regions, dtype in (((1.0, 1.0, 1.0), None, np.float32),
                                    ((1.0, 6.0, 1.0), None, np.float32), ((1.0, 1.0, 1.0), [2, 1, 3], np.float32)):
        tb = [tf.index(i) for i in range(3)]
        network = softmax((3, 3, 4, 5), 1, dtype) if regions is None else sigmoid((3, 3, 4, 5))
        # Few distinct values: many ties, so that the order of summation shows.
        if dtype == np.float32:
            network = (np.round(network * 16) / 16 * np.float32(0.7)).astype(np.float32)
        after = [6, 8, 7]
        file = network.transpose([0] + [i + 1 for i in tb])
        if spacing[1] == 6.0:
            after[1] = 4
        props = properties(tuple(after), (8, 10, 8), (1, 2, 0), spacing)
        bits = network.view(np.uint16) if dtype == np.float16 else network
        TRANSPOSED.append({
            "axes": list(tf),
            "probabilities": fixture.array(bits),
            "before": [8, 10, 8],
            "box": props["crop_bbox"],
            "spacing": list(spacing),
            "regions": regions,
            "expected": fixture.array(export(np.ascontiguousarray(file), props, regions)),
        })
fixture.write("export", "transposed", TRANSPOSED, SEED)


# Ensembles: float16 members on the grid after cropping, and what they are exported to.
ENSEMBLES = []
for members, scale in ((2, 1), (3, 1), (5, 3), (7, 0.1)):
    arrays = [softmax((4, 5, 6, 7), scale, np.float16) for _ in range(members)]
    props = properties((5, 6, 7), (8, 9, 9), (1, 2, 0))
    files, pickles = [], []
    for i, a in enumerate(arrays):
        files.append(str(FOLDER / f"m{i}.npz"))
        pickles.append(str(FOLDER / f"m{i}.pkl"))
        np.savez_compressed(files[-1], softmax=a)
        with open(pickles[-1], "wb") as f:
            pickle.dump(props, f)
    out = str(FOLDER / "merged.nii.gz")
    quietly(merge_files, files, pickles, out, True, True)
    merged = np.load(FOLDER / "merged.npz")["softmax"]
    assert merged.dtype == np.float16
    ENSEMBLES.append({
        "members": [fixture.array(a.view(np.uint16)) for a in arrays],
        "mean": fixture.array(merged.view(np.uint16)),
        "expected": fixture.array(read(out)),
    })
# float16 with subnormals, halves that lie between, overflow
special = np.concatenate([np.arange(0, 0x7C00, 37, dtype=np.uint16), np.array([0, 1, 2, 0x3FF, 0x400, 0x7BFF, 0x8001], np.uint16)])
a, b = special.view(np.float16), rng.permutation(special).view(np.float16)
with np.errstate(over="ignore"):
    mean = np.mean(np.vstack([a[None], b[None]]), 0)
ENSEMBLES.append({"members": [fixture.array(x.view(np.uint16)) for x in (a, b)], "mean": fixture.array(mean.view(np.uint16)), "expected": None})
fixture.write("export", "ensembles", ENSEMBLES, SEED)

values = np.concatenate([
    rng.randn(500), rng.rand(500), rng.rand(200) * 6e-8, 2.0 ** rng.uniform(-26, 17, 500), -(2.0 ** rng.uniform(-26, 17, 300)),
    (np.arange(200) + 0.5) * 2.0**-24, 1 + (np.arange(200) + 0.5) * 2.0**-10, [0.0, -0.0, np.inf, -np.inf, 65504, 65519.996, 65520, 1e30, 2.0**-25, np.nextafter(np.float32(2.0**-25), np.float32(1))],
]).astype(np.float32)
with np.errstate(over="ignore"):
    fixture.write("export", "halves", {"values": fixture.array(values), "halves": fixture.array(values.astype(np.float16).view(np.uint16))}, SEED)

# Cascade
CASCADE = []
for shape, target in (((4, 5, 6, 7), (9, 11, 12)), ((3, 6, 6, 6), (6, 6, 6)), ((2, 1, 9, 9), (1, 17, 13))):
    probabilities = softmax(shape)
    out = str(FOLDER / "next.npz")
    quietly(resample_and_save, probabilities, target, out)
    with np.load(out) as npz:
        data = npz["data"]
    assert data.dtype == np.uint8
    CASCADE.append({"probabilities": fixture.array(probabilities), "target": list(target), "expected": fixture.array(data)})
fixture.write("export", "cascade", CASCADE, SEED)

# Cascade, prediction: the previous stage's segmentation as nnU-Net stretches it, and with the crop that it forgets.
PREVIOUS = []
for tf, box, target in (((0, 1, 2), None, (9, 6, 11)), ((1, 0, 2), [[1, 6], [2, 7], [0, 6]], (7, 9, 8)), ((2, 0, 1), [[0, 4], [1, 7], [3, 8]], (7, 6, 5))):
    seg = rng.randint(0, 4, (6, 7, 8)).astype(np.uint8)
    b = box or [[0, n] for n in seg.shape]
    cropped = seg[tuple(slice(*s) for s in b)]
    PREVIOUS.append({
        "axes": list(tf),
        "box": b,
        "segmentation": fixture.array(seg),
        "target": list(target),
        "uncropped": fixture.array(resize_segmentation(seg.transpose(tf), target, order=1)),
        "cropped": fixture.array(resize_segmentation(cropped.transpose(tf), target, order=1)),
    })
fixture.write("export", "previous_stage", PREVIOUS, SEED)

# Axes were transposed and only the target spacing is anisotropic: what nnU-Net makes of the properties as they are, and
# of a target spacing that is turned back to the file's axes.
TARGET_AXIS = []
for tf, shape, after, target in (((1, 0, 2), (4, 3, 5), (6, 18, 8), (6.0, 1.5, 1.6)), ((2, 0, 1), (4, 5, 3), (6, 8, 19), (6.5, 1.5, 1.6))):
    probabilities = (np.round(softmax((3, *shape)) * 16) / 16).astype(np.float32)
    props = properties(after, target=target, size_after_resampling=tuple(shape[i] for i in tf))
    turned = {**props, "spacing_after_resampling": np.array(target)[[tf.index(i) for i in range(3)]]}
    TARGET_AXIS.append({
        "axes": list(tf),
        "probabilities": fixture.array(probabilities),
        "before": list(after),
        "target": list(target),
        "afterResampling": [shape[i] for i in tf],
        "asItIs": fixture.array(export(probabilities, props)),
        "turned": fixture.array(export(probabilities, turned)),
    })
    assert not np.array_equal(export(probabilities, props), export(probabilities, turned))
fixture.write("export", "target_axis", TARGET_AXIS, SEED)
