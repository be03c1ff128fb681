"""Draws of NumPy's RandomState and class locations as nnU-Net v1 samples them: test/golden/random/*.json."""
import hashlib

import numpy as np

import fixture

SEED = 77


def fingerprint(a):
    return hashlib.sha256(np.ascontiguousarray(a.astype("<i4")).tobytes()).hexdigest()


def draws():
    out = []
    for seed in (0, 1234, 12345, 2**32 - 1):
        r = np.random.RandomState(seed)
        out.append({
            "seed": seed,
            "raw": [int(x) for x in r.randint(0, 2**32, 700, dtype=np.uint32)],
            "choice": [[n, r.choice(n, 8).tolist()] for n in (1, 2, 3, 1000, 65536, 65537, 2**31)],
            "without": [[n, k, r.choice(n, k, replace=False).tolist()] for n, k in ((1, 1), (2, 2), (20, 6), (7, 3), (300, 5))],
            "shuffled": r.permutation(10).tolist(),
            "after": [int(x) for x in r.randint(0, 2**32, 3, dtype=np.uint32)],
        })
        big = np.arange(65537)
        r.shuffle(big)
        out[-1]["shuffled65537"] = fingerprint(big)
    return out


def locations(label, classes):
    """The lines of GenericPreprocessor._run_internal (nnunet 1.7.1) that sample locations, as calls of NumPy."""
    r = np.random.RandomState(1234)
    out = []
    for c in classes:
        all_locs = np.argwhere(label == c)
        if len(all_locs) == 0:
            out.append([c, 0, None, []])
            continue
        n = max(min(10000, len(all_locs)), int(np.ceil(len(all_locs) * 0.01)))
        chosen = all_locs[r.choice(len(all_locs), n, replace=False)]
        out.append([c, n, fingerprint(chosen), chosen[:5].tolist()])
    return out


def pattern(shape, modulus, rows):
    """A label that a test can rebuild: (7 i + 3 j * j + k) mod modulus, looked up in rows."""
    i, j, k = np.indices(shape)
    return np.array(rows, dtype=np.int16)[(7 * i + 3 * j * j + k) % modulus].astype(np.float32)


def class_locations():
    cases = [
        # an absent class (3), a class with one voxel (5, set below), -1 outside
        ([12, 13, 14], [-1, 0, 1, 2, 1, 4], [1, 2, 3, 4, 5], 77),
        # order of the classes counts
        ([12, 13, 14], [-1, 0, 1, 2, 1, 4], [4, 2, 1], 77),
        # exactly 2^16 and 2^16 + 1 voxels (the extra one replaces a 0)
        ([64, 64, 48], [1, 0, 1], [1], None),
        ([1, 1, 1], [1], [1, 2], None),
        ([3, 1, 2], [0], [1], None),
        # more than 10^6 voxels: the 1 % rule
        ([110, 110, 110], [1, 1, 1, 1, 1, 2], [1, 2], None),
    ]
    out = []
    for shape, rows, classes, single in cases:
        label = pattern(shape, len(rows), rows)
        if single is not None:
            label.reshape(-1)[single] = 5
        out.append({"shape": shape, "rows": rows, "classes": classes, "single": single, "locations": locations(label, classes)})
    for n in (65536, 65537):
        shape = [1, 256, 257]
        label = np.zeros(shape, np.float32)
        label.reshape(-1)[:n] = 1
        out.append({"shape": shape, "first": n, "classes": [1], "locations": locations(label, [1])})
    return out


if __name__ == "__main__":
    fixture.write("random", "draws", draws(), SEED)
    fixture.write("random", "class-locations", class_locations(), 1234)
