"""Compares two runs of nnU-Net v1's preparation, file by file, and prints a table. Exit code 1 if they differ.

    python test/oracle/compare.py REFERENCE OURS

Both folders hold nnUNet_cropped_data, preprocessed and preprocessed_without_normalization. Cropped data, data before
normalisation, labels and plans have to be equal; normalised data within 1e-6.
"""
import argparse
import pathlib
import pickle
import sys

import numpy as np

NORMALIZED_TOLERANCE = 1e-6


class Comparison:
    def __init__(self, reference, ours):
        self.roots = (str(reference), str(ours))
        self.failures = []
        self.type_notes = set()

    def fail(self, text):
        self.failures.append(text)

    def plain(self, value, root):
        """Paths are compared without the folder of the run."""
        return value.replace(root, "") if isinstance(value, str) else value

    def differing(self, a, b, path=""):
        """Keys under which two unpickled values differ; a tuple and a list, an int and an int64 count as equal."""
        if isinstance(a, dict) and isinstance(b, dict):
            out = [] if list(a) == list(b) else [f"{path}: keys {sorted(map(str, set(a) ^ set(b))) or 'in another order'}"]
            if type(a) is not type(b):
                self.type_notes.add(f"{path}: {type(a).__name__} / {type(b).__name__}")
            for k in a:
                if k in b:
                    out += self.differing(a[k], b[k], f"{path}.{k}" if path else str(k))
            return out
        if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
            if type(a) is not type(b):
                self.type_notes.add(f"{path}: {type(a).__name__} / {type(b).__name__}")
            if len(a) != len(b):
                return [f"{path}: length {len(a)} / {len(b)}"]
            return [d for i, (x, y) in enumerate(zip(a, b)) for d in self.differing(x, y, f"{path}[{i}]")]
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
                self.type_notes.add(f"{path}: {type(a).__name__} / {type(b).__name__}")
            x, y = np.asarray(a), np.asarray(b)
            if x.dtype != y.dtype:
                self.type_notes.add(f"{path}: {x.dtype} / {y.dtype}")
            if x.shape != y.shape:
                return [f"{path}: shape {x.shape} / {y.shape}"]
            equal = np.array_equal(x, y, equal_nan=x.dtype.kind == "f" and y.dtype.kind == "f")
            return [] if equal else [f"{path}: {np.sum(x != y)} of {x.size} values"]
        if type(a) is not type(b):
            self.type_notes.add(f"{path}: {type(a).__name__} / {type(b).__name__}")
        a, b = self.plain(a, self.roots[0]), self.plain(b, self.roots[1])
        both_nan = isinstance(a, (float, np.floating)) and isinstance(b, (float, np.floating)) and a != a and b != b
        return [] if both_nan or a == b else [f"{path}: {a!r} / {b!r}"]


def pickled(path):
    return pickle.loads(path.read_bytes())


def names(folder, ending):
    return {p.name for p in folder.glob("*" + ending)}


def compare_case(c, where, a, b, tolerance):
    """One line of the table."""
    x, y = np.load(a.with_suffix(".npz"))["data"], np.load(b.with_suffix(".npz"))["data"]
    line = [where, a.stem, "x".join(map(str, x.shape))]
    if x.shape != y.shape or x.dtype != y.dtype:
        c.fail(f"{where} {a.stem}: {x.shape} {x.dtype} / {y.shape} {y.dtype}")
        return line + [f"{y.shape} {y.dtype}", "", "", ""]
    different = ~((x[:-1] == y[:-1]) | (np.isnan(x[:-1]) & np.isnan(y[:-1])))
    largest = float(np.max(np.abs(x[:-1].astype(np.float64) - y[:-1]))) if different.any() else 0.0
    labels = int(np.sum(x[-1] != y[-1]))
    keys = c.differing(pickled(a.with_suffix(".pkl")), pickled(b.with_suffix(".pkl")))
    if not largest <= tolerance:
        c.fail(f"{where} {a.stem}: data differ by {largest:.3g}")
    if labels:
        c.fail(f"{where} {a.stem}: {labels} labels differ")
    for key in keys:
        c.fail(f"{where} {a.stem}.pkl: {key}")
    return line + [str(int(different.sum())), f"{largest:.3g}", str(labels), str(len(keys))]


def compare_cases(c, where, a, b, tolerance):
    """Cases of one folder; documents of the whole task are not cases."""
    cases = sorted(names(a, ".npz"))
    if cases != sorted(names(b, ".npz")):
        c.fail(f"{where}: cases {sorted(names(a, '.npz') ^ names(b, '.npz'))} only on one side")
    return [compare_case(c, where, a / n, b / n, tolerance) for n in cases if (b / n).exists()]


def compare_documents(c, where, a, b, rows):
    for name in ("dataset_properties.pkl", "intensityproperties.pkl", *sorted(names(a, "_plans_2D.pkl") | names(a, "_plans_3D.pkl"))):
        if not (a / name).exists():
            continue
        if not (b / name).exists():
            c.fail(f"{where}: {name} is missing")
            continue
        x, y = pickled(a / name), pickled(b / name)
        keys = c.differing(x, y)
        rows.append([where, name, "", "", "", "", str(len(keys))])
        for key in keys:
            c.fail(f"{where} {name}: {key}")
        transposed = x.get("transpose_forward") if isinstance(x, dict) else None
        if transposed is not None:
            stages = [f"{s['patch_size']} @ {np.round(s['current_spacing'], 3)}" for s in x["plans_per_stage"].values()]
            rows[-1][2] = f"transposed {[int(t) for t in transposed]}, " + ", ".join(stages)


def same_bytes(c, where, a, b):
    """Label copies: the same files with the same content."""
    for name in sorted(names(a, ".nii.gz") | names(b, ".nii.gz")):
        if not (a / name).exists() or not (b / name).exists():
            c.fail(f"{where}/{name}: only on one side")
        elif (a / name).read_bytes() != (b / name).read_bytes():
            c.fail(f"{where}/{name}: another file")


def print_table(rows):
    head = ["where", "what", "shape", "differing voxels", "largest difference", "differing labels", "differing keys"]
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())


def print_totals(rows):
    """Cases, values and differences of each kind of folder, over all tasks."""
    totals = {}
    for where, _, shape, voxels, largest, labels, keys in rows:
        kind = "documents" if not voxels else where.split()[1]
        total = totals.setdefault(kind, [0, 0, 0, 0.0, 0, 0])
        total[0] += 1
        total[5] += int(keys or 0)
        if voxels:
            total[1] += int(np.prod([int(n) for n in shape.split("x")]))
            total[2] += int(voxels)
            total[3] = max(total[3], float(largest))
            total[4] += int(labels)
    print()
    for kind, (files, values, voxels, largest, labels, keys) in totals.items():
        print(
            f"{kind}: {files} files, {values / 1e6:.0f} M values, {voxels} voxels differ (at most by {largest:.3g}), "
            f"{labels} labels differ, {keys} keys differ"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("ours", type=pathlib.Path)
    parser.add_argument("--task", action="append", help="compare only this task; may be repeated")
    args = parser.parse_args()
    reference, ours = args.reference.resolve(), args.ours.resolve()
    c = Comparison(reference, ours)
    rows = []
    tasks = sorted(p.name for p in (reference / "preprocessed").iterdir() if p.is_dir())
    tasks = [task for task in tasks if args.task is None or task in args.task]
    for task in tasks:
        parts = [("nnUNet_cropped_data", 0.0), ("preprocessed", NORMALIZED_TOLERANCE), ("preprocessed_without_normalization", 0.0)]
        for part, tolerance in parts:
            a, b = reference / part / task, ours / part / task
            if not a.is_dir():
                continue
            if not b.is_dir():
                c.fail(f"{part}/{task} is missing")
                continue
            where = f"{task[:7]} {part.removeprefix('nnUNet_').replace('_data', '').replace('preprocessed_without', 'without')}"
            if part == "nnUNet_cropped_data":
                rows += compare_cases(c, where, a, b, tolerance)
            if part != "preprocessed_without_normalization":
                compare_documents(c, where, a, b, rows)
                same_bytes(c, f"{where} gt_segmentations", a / "gt_segmentations", b / "gt_segmentations")
            for stage in sorted(p.name for p in a.iterdir() if p.is_dir() and "stage" in p.name):
                suffix = stage.removeprefix("nnUNetData_plans_v2.1_")
                if (b / stage).is_dir():
                    rows += compare_cases(c, f"{where} {suffix}", a / stage, b / stage, tolerance)
                else:
                    c.fail(f"{where} {suffix} is missing")
    print_table(rows)
    print_totals(rows)
    for note in sorted(c.type_notes):
        print(f"other Python type, same value: {note}")
    for failure in c.failures:
        print(f"DIFFERS {failure}")
    print(f"{len(tasks)} tasks, {len(rows)} files compared, {len(c.failures)} differences")
    return 1 if c.failures or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
