"""Decisions and documents of nnU-Net 1.7.1's determine_postprocessing and aggregate_scores on small cross-validations."""
import os
import sys

for name in ("nnUNet_raw_data_base", "nnUNet_preprocessed", "RESULTS_FOLDER"):
    os.environ.setdefault(name, "/tmp/nnunet_oracle")

import contextlib
import io
import pathlib
import tempfile

import numpy as np
import SimpleITK as sitk
from nnunet.evaluation.add_mean_dice_to_json import foreground_mean
from nnunet.evaluation.evaluator import aggregate_scores
from nnunet.evaluation.model_selection.figure_out_what_to_submit import get_mean_foreground_dice
from nnunet.postprocessing.connected_components import determine_postprocessing

sys.path.insert(0, os.path.dirname(__file__))
import fixture

SEED = 5600
SPACING = (0.8, 0.9765625, 2.5)  # x, y, z


def save(array, path):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(path))


def box(array, rng, label, size):
    corner = [int(rng.integers(0, max(1, n - s + 1))) for n, s in zip(array.shape, size)]
    array[tuple(slice(c, c + s) for c, s in zip(corner, size))] = label


def make_case(rng, shape, behaviours):
    """behaviours: label -> how its prediction differs from its reference."""
    reference = np.zeros(shape, np.uint8)
    for label, how in behaviours.items():
        if how == "absent":
            continue
        box(reference, rng, label, (2, 3, 3))
        if how in ("split", "mixed"):
            box(reference, rng, label, (1, 2, 2))
    test = reference.copy()
    for label, how in behaviours.items():
        if how in ("islands", "mixed") or (how == "sometimes" and rng.random() < 0.5):
            for _ in range(2):
                box(test, rng, label, (1, 1, int(rng.integers(1, 4))))
        if how == "shifted":
            test[(np.roll(reference, 1, 2) == label)] = label
    test[rng.random(shape) < 0.01] = 0
    return test, reference


def touching_case(rng):
    """Two classes side by side; islands of both, and a piece of class 1 that only class 2 holds to the rest."""
    reference = np.zeros((6, 9, 12), np.uint8)
    reference[1:4, 2:5, 1:4] = 1
    reference[1:4, 2:5, 4:7] = 2
    test = reference.copy()
    test[2, 3, 7:8 + rng.integers(2)] = 1
    test[5, 7, 1:2 + rng.integers(3)] = 1
    test[5, 0, 9:10 + rng.integers(2)] = 2
    return test, reference


def scenario(name, rng, shape, count, behaviours, advanced=False, with_background=False, make=None, texts_too=False):
    cases = [make(rng) if make else make_case(rng, shape, behaviours) for _ in range(count)]
    shape = cases[0][0].shape
    classes = ([0] if with_background else []) + sorted(behaviours)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        base = pathlib.Path(folder)
        raw, gt = base / "raw", base / "gt"
        raw.mkdir(), gt.mkdir()
        pairs = []
        for i, (test, reference) in enumerate(cases):
            save(test, raw / f"case_{i:02d}.nii.gz")
            save(reference, gt / f"case_{i:02d}.nii.gz")
            pairs.append((str(raw / f"case_{i:02d}.nii.gz"), str(gt / f"case_{i:02d}.nii.gz")))
        aggregate_scores(pairs, labels=classes, json_output_file=str(raw / "summary.json"), num_threads=2)
        determine_postprocessing(folder, str(gt), "raw", final_subf_name="final", processes=2,
                                 advanced_postprocessing=advanced)
        final = [sitk.GetArrayFromImage(sitk.ReadImage(str(base / "final" / pathlib.Path(p).name))) for p, _ in pairs]
        texts = {"postprocessing": (base / "postprocessing.json").read_text()}
        if texts_too:
            texts["folder"] = folder
            texts["rawSummary"] = (raw / "summary.json").read_text()
            texts["finalSummary"] = (base / "final" / "summary.json").read_text()
        spacing = sitk.ReadImage(pairs[0][0]).GetSpacing()[::-1]
        mean_dice = get_mean_foreground_dice(str(raw / "summary.json"))
        if texts_too:
            foreground_mean(str(raw / "summary.json"))
            texts["withForegroundMean"] = (raw / "summary.json").read_text()
    return {
        "name": name,
        "advanced": advanced,
        "labels": classes,
        "shape": list(shape),
        "spacingMm": list(spacing),
        "predictions": packed(np.stack([t for t, _ in cases])),
        "references": packed(np.stack([r for _, r in cases])),
        "final": packed(np.stack(final).astype(np.uint8)),
        "meanForegroundDice": None if np.isnan(mean_dice) else float(mean_dice),
        **texts,
    }


def packed(labels):
    """Two voxels to a byte: labels up to 15."""
    flat = np.append(labels.ravel(), 0)[: (labels.size + 1) // 2 * 2]
    return fixture.array((flat[0::2] << 4 | flat[1::2]).astype(np.uint8))


def main():
    rng = np.random.default_rng(SEED)
    small, wide = (5, 9, 10), (6, 12, 14)
    cases = [
        scenario("all together accepted, then a class", rng, None, 3, {1: "", 2: ""}, make=touching_case),
        scenario("advanced, all together, then a class", rng, None, 3, {1: "", 2: ""}, make=touching_case, advanced=True),
        scenario("one class better, one worse", rng, wide, 3, {1: "islands", 2: "split"}),
        scenario("two classes, background evaluated", rng, small, 9, {1: "islands", 2: "sometimes"}, with_background=True, texts_too=True),
        scenario("nothing helps", rng, wide, 3, {1: "split", 2: "split"}),
        scenario("one class", rng, small, 3, {1: "islands"}),
        scenario("twelve classes", rng, (7, 15, 16), 3, {c: ["islands", "exact", "sometimes", "split"][c % 4] for c in range(1, 13)}, texts_too=True),
        scenario("a class that is nowhere", rng, small, 3, {1: "islands", 2: "absent"}, texts_too=True),
        scenario("labels 3 and 5", rng, small, 9, {3: "mixed", 5: "islands"}),
        scenario("advanced, two classes", rng, wide, 4, {1: "islands", 2: "mixed"}, advanced=True),
        scenario("advanced, one class", rng, small, 3, {1: "islands"}, advanced=True),
        scenario("advanced, a class that is nowhere", rng, small, 3, {1: "sometimes", 2: "absent", 3: "mixed"}, advanced=True),
    ]
    # Random mixtures, for decisions nobody thought of; only the first of each kind of decision is kept.
    seen = set()
    for seed in range(24):
        mix = np.random.default_rng(SEED + 1 + seed)
        kinds = ["islands", "split", "sometimes", "mixed", "shifted", "exact"]
        behaviours = {c: kinds[mix.integers(len(kinds))] for c in range(1, int(mix.integers(2, 5)))}
        one = scenario(f"mixture {seed}", mix, small, 3, behaviours, advanced=bool(seed % 2))
        decision = one["postprocessing"].split('"for_which_classes": ')[1].split('"min_valid')[0].split()
        kind = (seed % 2, "".join(decision))
        if kind not in seen:
            seen.add(kind)
            cases.append(one)
            print(kind, behaviours)
    fixture.write("postprocessing", "decisions", {"cases": cases}, SEED)
    for case in cases:
        print(case["name"], [line.strip() for line in case["postprocessing"].splitlines() if "min_valid" in line],
              "".join(case["postprocessing"].split('"for_which_classes": ')[1].split('"min_valid')[0].split()))


if __name__ == "__main__":
    main()
