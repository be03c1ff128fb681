"""Compares .b2nd files that nnprep wrote with those of nnU-Net that they were made from; see v2-b2nd.mjs.

    python test/oracle/v2_b2nd_files.py THEIRS OURS
"""
import pathlib
import sys

import blosc2
import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class

theirs, ours = map(pathlib.Path, sys.argv[1:])
random = np.random.default_rng(1)
checks = differing = 0


def check(name, expected, found):
    """Both are arrays; counts values that are not the same bits."""
    global checks, differing
    checks += 1
    same = expected.shape == found.shape and expected.dtype == found.dtype
    count = int((expected.view(f"u{expected.itemsize}") != found.view(f"u{found.itemsize}")).sum()) if same else expected.size
    differing += count
    if count > 0:
        print(f"{name}: {count} of {expected.size} values differ")


def patches(shape):
    """Boxes of all channels, some of one voxel, some up to the end of an axis."""
    for _ in range(20):
        low = [int(random.integers(0, n)) for n in shape[-3:]]
        high = [int(random.integers(a + 1, n + 1)) for a, n in zip(low, shape[-3:])]
        yield (Ellipsis, *(slice(a, b) for a, b in zip(low, high)))


def compare(name, expected, path):
    for options in ({}, {"mmap_mode": "r"}):
        found = blosc2.open(str(path), mode="r", **options)
        check(name, expected, found[:])
        for box in patches(expected.shape):
            check(f"{name} {box}", np.ascontiguousarray(expected[box]), np.ascontiguousarray(found[box]))
    copy = blosc2.open(str(path)).copy()
    check(f"{name}, recompressed", expected, copy[:])


sizes = [0, 0]
for path in sorted(theirs.rglob("*.b2nd")):
    name = path.relative_to(theirs)
    expected = blosc2.open(str(path))[:]
    compare(name, expected, ours / name)
    sizes = [sizes[0] + path.stat().st_size, sizes[1] + (ours / name).stat().st_size]
for folder in sorted({path.parent for path in ours.rglob("*.pkl")}):
    pair = [infer_dataset_class(str(f))(str(f)) for f in (theirs / folder.relative_to(ours), folder)]
    assert pair[0].identifiers == pair[1].identifiers and len(pair[0].identifiers) > 0
    for identifier in pair[0].identifiers:
        (data, seg, _, properties), (data2, seg2, _, properties2) = (dataset.load_case(identifier) for dataset in pair)
        assert properties.keys() == properties2.keys()
        check(f"{folder.name}/{identifier}", data[:], data2[:])
        check(f"{folder.name}/{identifier}, labels", seg[:], seg2[:])
        for box in patches(data.shape):
            check(f"{folder.name}/{identifier} {box}", np.ascontiguousarray(data[box]), np.ascontiguousarray(data2[box]))
print(f"{checks} comparisons, {differing} values differ; bytes of nnU-Net's files {sizes[0]}, of nnprep's {sizes[1]}")
sys.exit(differing > 0)
