"""Writes test/golden/b2nd: small .b2nd files by python-blosc2 with their arrays, and nnU-Net's shapes of chunks and blocks.

The arrays are many more than a fixture may hold; they are made from a few formulas that test/io/b2nd-arrays.ts has too.
"""
import base64
import itertools

import blosc2
import fixture
import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params

fixture.PACKAGES = ["numpy", "blosc2", "nnunetv2"]
CODECS = ["BLOSCLZ", "LZ4", "LZ4HC", "ZLIB", "ZSTD"]
FILTERS = {
    "none": [],
    "shuffle": ["SHUFFLE"],
    "bitshuffle": ["BITSHUFFLE"],
    "delta": ["DELTA"],
    "delta, shuffle": ["DELTA", "SHUFFLE"],
    "truncation, shuffle": ["TRUNC_PREC", "SHUFFLE"],
}
SPLITS = ["ALWAYS_SPLIT", "NEVER_SPLIT"]
DTYPES = ["|u1", "|i1", "|b1", "<u2", "<i2", "<i4", "<u4", "<i8", "<f2", "<f4", "<f8"]


def ramp(shape, dtype):
    """Repeats itself, with steps: value i is (i // 3 * 7) % 101, 0 in the last quarter."""
    count = int(np.prod(shape))
    i = np.arange(count)
    values = i // 3 * 7 % 101
    values[count - count // 4 :] = 0
    return (values % 2 if dtype == "|b1" else values).astype(dtype).reshape(shape)


def noise(shape, dtype):
    """Does not repeat itself: the upper bits of a multiplied number, as 0 to 127."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint32)
    values = (i * np.uint32(2654435761)) >> np.uint32(25)
    return (values % 2 if dtype == "|b1" else values).astype(dtype).reshape(shape)


CONTENTS = {"ramp": ramp, "noise": noise}


def encode(array):
    return base64.b64encode(array.to_cframe()).decode()


def entry(name, content, shape, dtype, array):
    return {"name": name, "content": content, "shape": list(shape), "dtype": dtype, "base64": encode(array)}


def compress(name, content, shape, dtype, chunks, blocks, codec="LZ4HC", filters=("SHUFFLE",), split="AUTO_SPLIT", level=5):
    filters = [getattr(blosc2.Filter, f) for f in filters]
    cparams = {
        "codec": getattr(blosc2.Codec, codec),
        "clevel": level,
        "filters": filters,
        "filters_meta": [23 if f == blosc2.Filter.TRUNC_PREC else 0 for f in filters],
        "splitmode": getattr(blosc2.SplitMode, split),
        "nthreads": 4,
    }
    values = CONTENTS[content](shape, dtype)
    array = blosc2.asarray(values, chunks=chunks, blocks=blocks, cparams=cparams)
    assert np.array_equal(array[...], values), name
    return entry(name, content, shape, dtype, array)


def codec_files():
    shape, chunks, blocks = (1, 3, 6, 17), (1, 3, 6, 12), (1, 2, 3, 12)
    for codec, (filters, names), split in itertools.product(CODECS, FILTERS.items(), SPLITS):
        name = f"{codec}, {filters}, {split}"
        yield compress(name, "ramp", shape, "<f4", chunks, blocks, codec, names, split)


def dtype_files():
    shape, chunks, blocks = (3, 7, 33), (3, 7, 20), (2, 4, 20)
    for dtype, content in itertools.product(DTYPES, CONTENTS):
        yield compress(f"{dtype}, {content}", content, shape, dtype, chunks, blocks, filters=["SHUFFLE"])
    for dtype in ("|u1", "<i2", "<f8"):
        for names in (["BITSHUFFLE"], ["DELTA"]):
            yield compress(f"{dtype}, {names[0]}", "ramp", shape, dtype, chunks, blocks, "ZSTD", names)
    yield compress(">f4", "ramp", shape, ">f4", chunks, blocks)


def shape_files():
    for count in (1, 18, 19, 20, 21, 300):
        yield compress(f"{count} chunks", "ramp", (count * 4,), "<i2", (4,), (4,), "BLOSCLZ")
    yield compress("block wider than the array", "ramp", (3, 5), "<f4", (3, 5), (3, 5))
    yield compress("chunk wider than the array", "ramp", (3, 5), "<f4", (8, 8), (4, 4))
    yield compress("blocks of one voxel", "ramp", (3, 5), "<f4", (2, 2), (1, 1))
    yield compress("five axes", "ramp", (2, 3, 2, 3, 4), "<f4", (2, 2, 2, 2, 4), (1, 2, 1, 2, 3))
    yield compress("one value", "ramp", (1,), "<f8", (1,), (1,))
    yield compress("no level", "noise", (6, 50), "<f4", (6, 32), (3, 32), level=0)
    yield compress("level 9", "ramp", (6, 500), "<i2", (6, 500), (3, 500), "ZSTD", level=9)
    # What nnU-Net leaves to blosc2 when it saves a cascade's prediction: Zstd 5, shuffle, streams split.
    for dtype in ("|u1", "<u2"):
        values = ramp((9, 20, 30), dtype)
        yield entry(f"next stage, {dtype}", "ramp", values.shape, dtype, blosc2.asarray(values))
    # nnU-Net 2.6 and 2.7.
    yield compress("nnU-Net 2.7", "ramp", (1, 12, 13, 14), "<f4", (1, 12, 13, 14), (1, 8, 8, 8), "ZSTD", level=8)


def special_files():
    zeros = blosc2.zeros((7, 50), dtype="<f4", chunks=(4, 20), blocks=(2, 10))
    yield entry("zeros", "zeros", (7, 50), "<f4", zeros)
    nans = blosc2.full((7, 50), np.nan, dtype="<f4", chunks=(4, 20), blocks=(2, 10))
    yield entry("NaN", "nans", (7, 50), "<f4", nans)
    nans = blosc2.nans((7, 50), dtype="<f8", chunks=(4, 20), blocks=(2, 10))
    yield entry("NaN by name", "nans", (7, 50), "<f8", nans)
    value = blosc2.full((7, 50), -3, dtype="<i2", chunks=(4, 20), blocks=(2, 10))
    yield entry("one value everywhere", "-3", (7, 50), "<i2", value)
    mixed = blosc2.zeros((8, 40), dtype="<i2", chunks=(4, 20), blocks=(2, 10))
    mixed[0:4, 0:20] = -3
    yield entry("one value in a corner", "corner", (8, 40), "<i2", mixed)
    many = blosc2.zeros((4000,), dtype="|u1", chunks=(2,), blocks=(2,))
    yield entry("2000 chunks of zeros", "zeros", (4000,), "|u1", many)


def shapes():
    images = [
        (432, 512, 512), (138, 170, 138), (20, 320, 319), (18, 256, 216), (1, 500, 600), (36, 50, 35), (123, 423, 645),
        (700, 90, 90), (1, 40, 40), (21, 37, 36), (300, 5, 400), (60, 60, 60), (1, 1, 1), (2, 3, 2000), (512, 512, 512),
        (33, 33, 33), (64, 64, 64), (97, 255, 257),
    ]
    patches = [
        (128, 128, 128), (20, 320, 256), (256, 224), (512, 640), (40, 56, 40), (64, 192, 160), (192, 96, 96), (1, 16, 16),
        (24, 40, 40), (128, 16, 128), (512, 512), (28, 256, 256), (96, 160, 160), (1, 1, 1), (3, 5), (320, 320, 16),
    ]
    for image, patch, size in itertools.product(images, patches, (1, 2, 4)):
        block, chunk = comp_blosc2_params((3, *image), patch, bytes_per_pixel=size)
        yield [image, patch, size, block[1:], chunk[1:]]


files = [*codec_files(), *dtype_files(), *shape_files(), *special_files()]
fixture.write("b2nd", "files", files)
fixture.write("b2nd", "shapes", list(shapes()))
