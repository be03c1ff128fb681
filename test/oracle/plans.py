"""Plans of nnU-Net v1's own planners for synthetic datasets: test/golden/plans/*.json.

Run with `python test/oracle/plans.py`. Every dataset is a folder with a dataset_properties.pkl and empty cropped cases,
which is all that the planners read.
"""
import contextlib
import inspect
import io
import json
import os
import pickle
import tempfile
from collections import OrderedDict

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, tempfile.mkdtemp())
with contextlib.redirect_stdout(io.StringIO()):
    import numpy as np
    from nnunet.experiment_planning import experiment_planner_baseline_3DUNet_v21 as v21
    from nnunet.experiment_planning.experiment_planner_baseline_2DUNet_v21 import ExperimentPlanner2D_v21
    from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21

import fixture

SEED = 20240607


def with_min_rule():
    """The 3-D planner with the worst axis compared with the smaller of the other two spacings."""
    source = inspect.getsource(ExperimentPlanner3D_v21.get_target_spacing)
    assert source.count("max(other_spacings)") == 3
    source = "class Base:\n" + source.replace("max(other_spacings)", "min(other_spacings)")
    scope = dict(vars(v21))
    exec(source, scope)
    return type("MinRule", (ExperimentPlanner3D_v21,), {"get_target_spacing": scope["Base"].get_target_spacing})


PLANNERS = {"3d": ExperimentPlanner3D_v21, "3d_min": with_min_rule(), "2d": ExperimentPlanner2D_v21}


def properties(dataset):
    """The dataset_properties of a dataset in short form: groups of cases, modalities, classes."""
    sizes, spacings, reductions = [], [], OrderedDict()
    for size, spacing, reduction in dataset["cases"]:
        reductions["case_%03d" % len(sizes)] = np.float64(reduction)
        sizes.append(tuple(size))
        spacings.append(np.array(spacing, dtype=np.float64))
    return {
        "all_sizes": sizes,
        "all_spacings": spacings,
        "all_classes": list(range(1, dataset["classes"] + 1)),
        "modalities": dict(enumerate(dataset["modalities"])),
        "intensityproperties": None,
        "size_reductions": reductions,
    }


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (np.generic,)):
        return plain(value.item())
    return value


def run(planner, dataset):
    with tempfile.TemporaryDirectory() as folder:
        cropped, preprocessed = os.path.join(folder, "cropped"), os.path.join(folder, "preprocessed")
        os.makedirs(cropped)
        os.makedirs(preprocessed)
        props = properties(dataset)
        with open(os.path.join(cropped, "dataset_properties.pkl"), "wb") as f:
            pickle.dump(props, f)
        for case in props["size_reductions"]:
            open(os.path.join(cropped, case + ".npz"), "wb").close()
            with open(os.path.join(cropped, case + ".pkl"), "wb") as f:
                pickle.dump(OrderedDict(), f)
        with contextlib.redirect_stdout(io.StringIO()):
            p = PLANNERS[planner](cropped, preprocessed)
            p.plan_experiment()
        with open(p.plans_fname, "rb") as f:
            return pickle.load(f)


LEFT_OUT = ("dataset_properties", "original_spacings", "original_sizes", "list_of_npz_files", "preprocessed_data_folder")


def golden(dataset):
    out = {"dataset": dataset, "plans": {}}
    for planner in PLANNERS:
        if planner == "2d" and dataset.get("only_3d"):
            continue
        plans = run(planner, dataset)
        out["plans"][planner] = {k: plain(v) for k, v in plans.items() if k not in LEFT_OUT}
        out["keys"] = out.get("keys") or {}
        out["keys"][planner] = list(plans)
    return out


def dataset(cases, modalities, classes, name):
    return {"name": name, "cases": cases, "modalities": modalities, "classes": classes}


def documented():
    """The six datasets whose plans nnU-Net's behaviour is best known for: head, prostate, liver, heart, hippocampus, 2-D."""
    same = lambda n, size, spacing, reduction=1.0: [[size, spacing, reduction]] * n
    return [
        dataset(same(40, [138, 170, 138], [1, 1, 1], 0.2), ["FLAIR", "T1w", "t1gd", "T2w"], 3, "head, 4 channels"),
        dataset(same(30, [20, 320, 319], [3.6, 0.62, 0.62]), ["T2", "ADC"], 2, "prostate"),
        dataset(same(130, [432, 512, 512], [1, 0.76, 0.76]), ["CT"], 2, "liver"),
        dataset(
            same(150, [9, 256, 216], [10, 1.56, 1.56]) + same(50, [9, 256, 216], [5, 1.37, 1.37]), ["MRI"], 3, "heart"
        ),
        dataset(same(260, [36, 50, 35], [1, 1, 1]), ["MRI"], 2, "hippocampus"),
        dataset(same(20, [1, 500, 600], [999, 1, 1]), ["noNorm"], 1, "two-dimensional"),
    ]


def with_equal_shares():
    """Two axes that are covered equally while the patch shrinks: the planners' argsort decides."""
    sizes = ([256, 128, 128], [128, 256, 128], [128, 128, 256], [345, 230, 230], [230, 230, 345])
    return [dataset([[size, [1, 1, 1], 1.0]] * 5, ["T1"], 1, f"equal shares {size}") for size in sizes]


def at_thresholds():
    """A low resolution that is planned and dropped, and patches at the limit of the 2-D augmentation."""
    cases = (([200, 220, 230], [1, 1, 1]), ([20, 64, 64], [3, 1, 1]), ([16, 48, 48], [3, 1, 1]))
    return [dataset([[size, spacing, 0.75]] * 4, ["T1"], 1, f"threshold {size}") for size, spacing in cases]


NAMES = ["CT", "ct", "CTA", "nonCT", "noNorm", "PET-CT", "T1", "rgb_to_0_1"]


def drawn(rng, i):
    """One random dataset; the kind cycles, so that every kind appears several times."""
    kind = ["isotropic", "anisotropic", "strong", "mixed", "ties", "tiny", "flat", "huge", "long", "steps"][i % 10]
    n = int(rng.integers(1, 12)) if kind != "huge" else int(rng.integers(2, 6))
    axis = int(rng.integers(0, 3))
    base = float(rng.uniform(0.3, 2.5))
    cases = []
    for _ in range(n):
        spacing = np.full(3, base) * (1 if kind == "ties" else rng.uniform(0.8, 1.3, 3))
        size = rng.integers(40, 300, 3)
        if kind == "anisotropic":
            spacing[axis] *= rng.uniform(2, 5)
            size[axis] = rng.integers(15, 60)
        elif kind == "strong":
            spacing[axis] *= rng.choice([1.5, 4, 8, 12])
            size[axis] = rng.integers(5, 25)
        elif kind == "mixed":
            spacing[axis] *= rng.choice([0.5, 8, 9])
            size[axis] = rng.integers(8, 30)
        elif kind == "ties":
            size = np.full(3, int(rng.integers(20, 220)))
        elif kind == "tiny":
            size = rng.integers(2, 18, 3)
        elif kind == "flat":
            spacing[axis] = 999.0
            size[axis] = 1
        elif kind == "huge":
            size = rng.integers(250, 700, 3)
        elif kind == "steps":
            spacing = base * rng.permutation([1, 2.5, 7]) * rng.uniform(0.95, 1.05, 3)
            size = rng.integers(20, 260, 3)
        elif kind == "long":
            size[axis] = rng.integers(600, 1400)
            size[(axis + 1) % 3] = rng.integers(20, 60)
        if rng.random() < 0.5:
            spacing = np.round(spacing, 2)
        reduction = float(rng.choice([0.2, 0.5, 0.75, 0.76, 1.0]))
        cases.append([size.tolist(), spacing.tolist(), reduction])
    if i % 7 == 0:
        for c in cases:
            c[2] = 0.75
    modalities = [str(m) for m in rng.choice(NAMES, int(rng.integers(1, 5)))]
    return dataset(cases, modalities, int(rng.integers(1, 6)), f"{kind} {i}")


def compact(golden):
    """Long runs of equal cases are stored once with a count."""
    runs = []
    for case in golden["dataset"]["cases"]:
        if runs and runs[-1][1:] == case:
            runs[-1][0] += 1
        else:
            runs.append([1, *case])
    golden["dataset"]["cases"] = runs
    return golden


def main():
    rng = np.random.default_rng(SEED)
    fixture.write("plans", "documented", [compact(golden(d)) for d in documented() + with_equal_shares() + at_thresholds()])
    goldens = []
    for i in range(50):
        d = drawn(rng, i)
        try:
            goldens.append(compact(golden(d)))
        except Exception as error:  # the reference cannot plan it either
            print(d["name"], type(error).__name__, error)
            goldens.append(compact({"dataset": d, "error": type(error).__name__}))
    fixture.write("plans", "drawn", goldens, SEED)


if __name__ == "__main__":
    main()
