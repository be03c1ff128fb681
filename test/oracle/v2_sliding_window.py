"""nnU-Net 2.8.1's own window loop around a network of exact arithmetic: test/golden/sliding-window/*.json.

The network is a sum of shifted inputs with integer weights. Inputs are multiples of 1/4, so every float32 sum has one
right answer, and the fixture holds the rounding of the loop alone.
"""
import hashlib
import math
from decimal import Decimal, getcontext
from types import SimpleNamespace

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window

import fixture

SEED = 15
torch.set_num_threads(1)

# name, (channels, a0, a1, a2), patch, what differs from the defaults
CASES = [
    ("pads no axis", (1, 9, 11, 10), (4, 6, 8), {}),
    ("pads one axis by an odd number", (2, 5, 11, 9), (8, 6, 8), {"mirror": (0, 1, 2)}),
    ("pads two axes", (1, 5, 9, 6), (8, 6, 9), {"mirror": (0, 1, 2), "folds": 2}),
    ("pads three axes", (1, 3, 5, 2), (4, 6, 8), {"mirror": (0, 1, 2), "folds": 3}),
    ("equals the patch", (1, 4, 6, 8), (4, 6, 8), {"mirror": (0, 1, 2)}),
    ("is one voxel larger", (1, 5, 7, 9), (4, 6, 8), {}),
    ("mirrors two of three axes", (1, 7, 8, 9), (4, 6, 8), {"mirror": (0, 2)}),
    ("mirrors the last axis first", (1, 7, 8, 9), (4, 6, 8), {"mirror": (2, 0)}),
    ("mirrors one axis", (1, 7, 8, 9), (4, 6, 8), {"mirror": (1,)}),
    ("windows beside each other", (1, 9, 13, 17), (4, 6, 8), {"step": 1.0, "heads": 1}),
    ("many odd steps", (1, 13, 11, 9), (8, 6, 4), {"step": 0.35, "heads": 1}),
    ("no Gaussian", (1, 9, 8, 11), (4, 6, 8), {"gaussian": False, "heads": 1, "mirror": (0, 1, 2)}),
    ("five folds", (1, 6, 7, 9), (4, 6, 8), {"folds": 5, "heads": 1}),
    ("2-D", (2, 4, 11, 13), (8, 8), {"mirror": (0, 1)}),
    ("2-D, smaller than the patch", (1, 3, 7, 5), (8, 6), {"mirror": (0, 1), "folds": 2}),
    ("2-D, one axis mirrored", (1, 3, 10, 9), (8, 6), {"mirror": (1,), "folds": 3}),
    ("patch of one plane", (1, 3, 9, 10), (1, 6, 8), {"mirror": (0, 1, 2)}),
    ("windows of odd size", (1, 8, 9, 11), (3, 5, 7), {"mirror": (0, 1, 2), "heads": 1}),
    ("values up to the end of float16", (1, 6, 7, 9), (4, 6, 8), {"gain": 60, "heads": 1}),
    ("values beyond float16", (1, 6, 7, 9), (4, 6, 8), {"gain": 4000, "heads": 1}),
]


class Shifts(torch.nn.Module):
    """Head h = gain * ((h + 1) * x - (h + 2) * x one voxel back along axis h modulo the axes), for each channel.

    Later channels count twice, four times ...; what lies before the patch is 0. Fold f has (f + 1) times the gain.
    """

    def __init__(self, heads, gain):
        super().__init__()
        self.heads = heads
        self.gain = torch.nn.Parameter(torch.tensor(float(gain)), requires_grad=False)

    def forward(self, x):
        axes = x.ndim - 2
        weights = torch.tensor([2.0**c for c in range(x.shape[1])]).reshape(1, -1, *[1] * axes)
        x = (x * weights).sum(1, keepdim=True)
        result = []
        for head in range(self.heads):
            axis = head % axes + 2
            back = torch.zeros_like(x)
            back.narrow(axis, 1, x.shape[axis] - 1).copy_(x.narrow(axis, 0, x.shape[axis] - 1))
            result.append(self.gain * ((head + 1) * x - (head + 2) * back))
        return torch.cat(result, 1)


def predict(data, patch, mirror=None, folds=1, heads=2, step=0.5, gaussian=True, gain=1):
    predictor = nnUNetPredictor(
        tile_step_size=step, use_gaussian=gaussian, use_mirroring=mirror is not None, device=torch.device("cpu"), allow_tqdm=False
    )
    network = Shifts(heads, gain)
    predictor.network = network
    predictor.configuration_manager = SimpleNamespace(patch_size=list(patch))
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=heads)
    predictor.allowed_mirroring_axes = mirror
    predictor.list_of_parameters = [{"gain": torch.tensor(float(gain * (f + 1)))} for f in range(folds)]
    return predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data)).numpy()


def windows(rng):
    cases = []
    for name, shape, patch, options in CASES:
        quarters = rng.integers(-60, 61, shape).astype(np.int8)
        case = {"name": name, "patch": patch, "quarters": fixture.array(quarters)}
        case |= {"mirror": None, "folds": 1, "heads": 2, "step": 0.5, "gaussian": True, "gain": 1} | options
        try:
            logits = predict(quarters.astype(np.float32) / 4, patch, **options)
            case["logits"] = fixture.array(logits.view(np.uint16))
        except RuntimeError as error:
            case["error"] = str(error)
        cases.append(case)
    return cases


def steps():
    grid = [(110, 64, 0.5), (129, 128, 0.5), (200, 128, 0.5), (37, 24, 0.5), (100, 32, 0.35), (65, 13, 0.5), (64, 64, 0.5), (9, 1, 0.5)]
    grid += [(size, patch, step) for patch in (5, 16, 28) for size in (patch, patch + 1, 61, 97) for step in (0.1, 0.25, 0.7, 1.0)]
    return [[size, patch, step, compute_steps_for_sliding_window((size,), (patch,), step)[0]] for size, patch, step in grid]


def gaussians(rng):
    patches = [(8, 8), (4, 6, 8), (1, 1, 1), (2, 2, 2), (3, 5, 7), (1, 16, 16), (16, 48, 40), (64, 64, 64), (20, 160, 128), (256, 224)]
    patches += [tuple(int(n) for n in rng.integers(1, 70, 3)) for _ in range(60)]
    patches += [tuple(int(n) for n in rng.integers(1, 300, 2)) for _ in range(60)]
    result = []
    for patch in patches:
        bits = compute_gaussian(patch, 1 / 8, 10, torch.float16, torch.device("cpu")).numpy().view(np.uint16)
        result.append([patch, hashlib.sha256(np.ascontiguousarray(bits, "<u2").tobytes()).hexdigest()])
    return result


def exponentials(rng):
    getcontext().prec = 60
    arguments = [0.0, -1e-300, -2.0**-60, -0.5, -1.0, -8.0, -32.0, -64.0]
    arguments += [-0.5 / (n / 8) ** 2 * x**2 for n in (3, 7, 20, 48, 128) for x in range(0, n // 2 + 1, 5)]
    arguments += [-float(x) for x in rng.uniform(0, 64, 200)]
    # float() of a Decimal is correctly rounded.
    return {"arguments": fixture.array(np.array(arguments)), "values": fixture.array(np.array([float(Decimal(x).exp()) for x in arguments]))}


def main():
    rng = np.random.default_rng(SEED)
    assert math.isclose(float(Decimal(-1).exp()), math.exp(-1))
    fixture.write("sliding-window", "windows", windows(rng), SEED)
    fixture.write("sliding-window", "steps", steps())
    fixture.write("sliding-window", "gaussians", gaussians(rng), SEED)
    fixture.write("sliding-window", "exponentials", exponentials(rng), SEED)


main()
