"""Fingerprint of a small cropped dataset by nnU-Net v1's DatasetAnalyzer, and plans made from it, as pickles:
test/golden/fingerprint/*.json.
"""
import base64
import contextlib
import io
import json
import os
import pickle
import shutil
import tempfile
from collections import OrderedDict

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, tempfile.mkdtemp())
with contextlib.redirect_stdout(io.StringIO()):
    import numpy as np
    from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
    from nnunet.experiment_planning.experiment_planner_baseline_2DUNet_v21 import ExperimentPlanner2D_v21
    from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21

import fixture

SEED = 11
# The sorting of "ID.npz" is not that of "ID"; labels out of order; one case without foreground.
IDENTIFIERS = ["a", "a-1", "a_2", "B", "empty"]
MODALITY = {"0": "CT", "1": "T1"}
LABELS = {"0": "background", "2": "second", "1": "first"}


def cases(rng):
    for identifier in IDENTIFIERS:
        shape = rng.integers(5, 12, 3)
        data = np.stack([rng.normal(40, 300, shape).round(), rng.gamma(2, 70, shape)]).astype(np.float32)
        label = rng.integers(-1, 3, shape).astype(np.float32)
        if identifier == "empty":
            label[label > 0] = 0
        properties = OrderedDict()
        properties["original_size_of_raw_data"] = shape + rng.integers(0, 4, 3)
        properties["original_spacing"] = rng.uniform(0.5, 4, 3)
        properties["size_after_cropping"] = tuple(int(n) for n in shape)
        yield identifier, data, label, properties


def analyze(folder, with_ct, data):
    modality = MODALITY if with_ct else {"0": "CTA", "1": "T1"}
    with open(os.path.join(folder, "dataset.json"), "w") as f:
        json.dump({"modality": modality, "labels": LABELS}, f)
    for identifier, arrays, label, properties in data:
        np.savez_compressed(os.path.join(folder, identifier + ".npz"), data=np.vstack((arrays, label[None])))
        with open(os.path.join(folder, identifier + ".pkl"), "wb") as f:
            pickle.dump(properties, f)
    DatasetAnalyzer(folder, overwrite=True, num_processes=1).analyze_dataset(with_ct)


def encode(path):
    with open(path, "rb") as f:
        return base64.b64encode(f.read()).decode()


def main():
    data = list(cases(np.random.default_rng(SEED)))
    out = {
        "modality": MODALITY,
        "labels": json.dumps(LABELS),
        "cases": [
            {
                "identifier": identifier,
                "channels": [fixture.array(c) for c in arrays],
                "label": fixture.array(label.astype(np.int16)),
                "originalSize": properties["original_size_of_raw_data"].tolist(),
                "originalSpacing": properties["original_spacing"].tolist(),
                "sizeAfterCropping": properties["size_after_cropping"],
            }
            for identifier, arrays, label, properties in data
        ],
    }
    for name, with_ct in (("with_ct", True), ("without_ct", False)):
        folder, preprocessed = tempfile.mkdtemp(), tempfile.mkdtemp()
        with contextlib.redirect_stdout(io.StringIO()):
            analyze(folder, with_ct, data)
            planners = [p(folder, "preprocessed") for p in (ExperimentPlanner3D_v21, ExperimentPlanner2D_v21)]
            for planner in planners:
                planner.list_of_cropped_npz_files = [os.path.basename(f) for f in planner.list_of_cropped_npz_files]
                planner.plans_fname = os.path.join(preprocessed, os.path.basename(planner.plans_fname))
                planner.plan_experiment()
        out[name] = {
            "properties": encode(os.path.join(folder, "dataset_properties.pkl")),
            "intensities": encode(os.path.join(folder, "intensityproperties.pkl")) if with_ct else None,
            "plans3d": encode(planners[0].plans_fname),
            "plans2d": encode(planners[1].plans_fname),
        }
        shutil.rmtree(folder)
        shutil.rmtree(preprocessed)
    fixture.write("fingerprint", "small", out, SEED)


if __name__ == "__main__":
    main()
