"""Masks, holes, components and crops from scipy.ndimage, scikit-image and nnU-Net 1.7.1: test/golden/masks/*.json."""
import os

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, "/nonexistent")

import copy

import numpy as np
from nnunet.postprocessing.connected_components import remove_all_but_the_largest_connected_component
from nnunet.preprocessing.cropping import ImageCropper, create_nonzero_mask
from scipy import ndimage
from skimage import measure

import fixture

SEED = 20
WIDTHS = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129]


def smooth(rng, shape, share):
    """Blobs: the voxels above a quantile of smoothed noise."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1)
    return noise > np.quantile(noise, 1 - share)


def random_masks(rng):
    for width in WIDTHS:
        for density in (0.2, 0.5, 0.8):
            yield rng.random((4, 4, width)) < density
        yield smooth(rng, (4, 5, width), 0.5)
        yield smooth(rng, (5, 4, width), 0.8)
    for shape in [(1, 1, 1), (1, 1, 70), (1, 9, 1), (9, 1, 1), (1, 12, 17), (12, 1, 17), (12, 17, 1), (2, 8, 9), (8, 2, 9), (8, 9, 2)]:
        for density in (0.5, 0.85):
            yield rng.random(shape) < density
    for _ in range(24):
        shape = tuple(int(n) for n in rng.integers(3, 11, 3))
        yield rng.random(shape) < rng.uniform(0.3, 0.95)


def special_masks():
    yield np.ones((3, 4, 65), bool)
    yield np.zeros((3, 4, 65), bool)
    box = np.zeros((7, 7, 7), bool)
    box[1:6, 1:6, 1:6] = True
    box[2:5, 2:5, 2:5] = False
    yield box.copy()  # enclosed hole
    leak = box.copy()
    leak[1, 1, 1] = False
    yield leak  # touches the hole only over a corner
    edge = box.copy()
    edge[1, 1, 3] = False
    yield edge  # touches the hole only over an edge
    face = box.copy()
    face[1, 3, 3] = False
    yield face  # open through a face
    tube = np.zeros((6, 7, 7), bool)
    tube[:, 1:6, 1:6] = True
    tube[:, 3, 3] = False
    yield tube  # open at both ends
    cap = tube.copy()
    cap[0] = cap[-1] = True
    yield cap  # closed at both ends
    ring = np.zeros((1, 9, 9), bool)
    ring[0, 2:7, 2:7] = True
    ring[0, 4, 4] = False
    yield ring
    diagonal = np.zeros((5, 5, 5), bool)
    diagonal[range(5), range(5), range(5)] = True
    yield diagonal
    comb = np.zeros((3, 6, 40), bool)
    comb[1, :, ::2] = True
    comb[1, -1] = True
    yield comb  # many runs that meet late
    spiral = np.zeros((3, 11, 11), bool)
    spiral[1] = np.array([[int(c) for c in row] for row in [
        "11111111111", "00000000001", "11111111101", "10000000101", "10111110101", "10100010101",
        "10101110101", "10100000101", "10111111101", "10000000001", "11111111111"]], bool)
    yield spiral


def small(labels):
    return labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.uint16)


def masks():
    rng = np.random.default_rng(SEED)
    cases = []
    for mask in [*random_masks(rng), *special_masks()]:
        filled = ndimage.binary_fill_holes(mask)
        six, count6 = ndimage.label(mask.astype(int))
        all26, count26 = measure.label(mask, return_num=True)
        cases.append({
            "shape": list(mask.shape),
            "mask": fixture.array(np.packbits(mask)),
            "filled": fixture.array(np.packbits(filled)),
            # labels of the set voxels in C order; the others are 0
            "labels6": fixture.array(small(six[mask])),
            "count6": int(count6),
            "labels26": fixture.array(small(all26[mask])),
            "count26": int(count26),
        })
    fixture.write("masks", "masks", {"cases": cases}, SEED)


def crop_case(name, data, seg):
    data = data.astype(np.float32)
    before = None if seg is None else seg.astype(np.float32)[None]
    properties = {"original_spacing": [1, 1, 1]}
    cropped, label, properties = ImageCropper.crop(data.copy(), properties, copy.deepcopy(before))
    return {
        "name": name,
        "shape": list(data.shape[1:]),
        "channels": [fixture.array(c) for c in data],
        "label": None if seg is None else fixture.array(seg.astype(np.int16)),
        "mask": fixture.array(np.packbits(create_nonzero_mask(data))),
        "box": properties["crop_bbox"],
        "classes": [float(c) for c in properties["classes"]],
        "croppedShape": list(properties["size_after_cropping"]),
        "croppedChannels": [fixture.array(c.astype(np.float32)) for c in cropped],
        "croppedLabel": fixture.array(label[0].astype(np.int16)),
    }


def crops():
    rng = np.random.default_rng(SEED + 1)

    def noise(*shape):
        return rng.normal(size=shape)

    cases = []
    body = np.zeros((6, 9, 11))
    body[1:5, 2:8, 2:10] = noise(4, 6, 8)
    body[3, 5, 5:7] = 0  # a hole
    seg = np.zeros(body.shape, int)
    seg[2:4, 4:7, 4:8] = 1
    seg[4, 5, 5] = 300
    seg[0, 0, 0] = 7  # outside the box: lost
    cases.append(crop_case("body with a hole", body[None], seg))
    cases.append(crop_case("without a label", body[None], None))

    shell = np.where(rng.random((5, 6, 33)) < 0.4, noise(5, 6, 33), 0)
    shell[0] = shell[-1] = shell[:, 0] = shell[:, :, 30:] = 0
    seg = rng.integers(-4, 3, shell.shape)
    cases.append(crop_case("labels in the zero region and below -1", shell[None], seg))
    cases.append(crop_case("sparse without a label", shell[None], None))

    one, two = np.zeros((6, 7, 8)), np.zeros((6, 7, 8))
    one[1, 2, 3] = 5
    two[4, 5, 6] = -5
    cases.append(crop_case("two channels with disjoint voxels", np.stack([one, two]), np.zeros(one.shape, int)))
    cases.append(crop_case("one voxel", one[None], np.ones(one.shape, int)))

    odd = np.full((5, 6, 7), -0.0)
    odd[2, 3, 4] = 1
    cases.append(crop_case("-0 is background", odd[None], np.zeros(odd.shape, int)))
    odd = np.zeros((5, 6, 7))
    odd[1, 1, 1], odd[3, 1, 1], odd[1, 4, 2], odd[2, 2, 5] = np.nan, np.inf, -np.inf, 1e-42
    cases.append(crop_case("NaN, infinity and a denormal are set", odd[None], np.zeros(odd.shape, int)))
    faces = np.zeros((4, 5, 6))
    faces[0, 2, 2], faces[-1, 2, 2], faces[2, 0, 2], faces[2, -1, 2], faces[2, 2, 0], faces[2, 2, -1] = [1] * 6
    cases.append(crop_case("touches all faces", faces[None], rng.integers(0, 2, faces.shape)))
    cases.append(crop_case("constant background", np.full((4, 5, 6), -1024.0)[None], rng.integers(0, 3, (4, 5, 6))))
    ring = np.zeros((1, 9, 17))
    ring[0, 2:7, 2:15] = 3
    ring[0, 4, 5:9] = 0
    cases.append(crop_case("ring in one slice", ring[None], np.zeros(ring.shape, int)))
    cases.append(crop_case("extreme labels", np.ones((1, 1, 9))[None], np.array([-32768, -2, -1, 0, 1, 2, 255, 256, 32767]).reshape(1, 1, 9)))
    four = np.where(rng.random((4, 6, 7, 5)) < 0.02, noise(4, 6, 7, 5), 0)
    four[:, :2] = 0
    cases.append(crop_case("four sparse channels", four, rng.integers(0, 4, (6, 7, 5))))
    fixture.write("masks", "crops", {"cases": cases}, SEED + 1)


def components():
    rng = np.random.default_rng(SEED + 2)
    cases = []

    def add(image, classes, volume=1.0, minimum=None):
        result, removed, kept = remove_all_but_the_largest_connected_component(
            image.copy(), copy.deepcopy(classes), volume, copy.deepcopy(minimum))

        def sizes(d):
            return [[list(k) if isinstance(k, tuple) else [int(k)], None if v is None else float(v)] for k, v in d.items()]

        cases.append({
            "shape": list(image.shape),
            "image": fixture.array(image.astype(np.uint8)),
            "classes": classes,
            "volume": volume,
            "minimum": None if minimum is None else sizes(minimum),
            "result": fixture.array(result.astype(np.uint8)),
            "removed": sizes(removed),
            "kept": sizes(kept),
        })

    for shape in [(6, 7, 8), (1, 8, 33), (3, 4, 65)]:
        image = rng.integers(0, 4, shape)
        add(image, None)
        add(image, [1, 2], 0.7)
        add(image, [[1, 2, 3]], 1.1)
        add(image, [[1, 2], 3, 2], 0.3)
        add(image, [1, 3], 2.0, {1: 5.0, 3: 3.0})
        add(image, [(1, 3)], 1.0, {(1, 3): 2.0})
    ties = np.zeros((5, 5, 5), int)
    ties[0, 0, :2], ties[4, 4, 3:], ties[2, 2, 2], ties[0, 4, 4] = 1, 1, 1, 2
    add(ties, None)
    add(ties, [1, 2, 3])
    add(ties, [1], 1.0, {1: 1.0})  # as large as the minimum: kept
    corner = np.zeros((3, 4, 4), int)
    corner[0, 0, 0], corner[1, 1, 1], corner[1, 2, 1] = 1, 1, 1
    add(corner, [1])
    add(np.zeros((2, 3, 4), int), None)
    fixture.write("masks", "components", {"cases": cases}, SEED + 2)


if __name__ == "__main__":
    masks()
    crops()
    components()
