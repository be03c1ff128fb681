"""nnunet 1.7.1's own window loop around a network of exact arithmetic: test/golden/sliding-window/windows-v1.json.

The network and its inputs are those of v2_sliding_window.py; what its head gives is taken for probabilities as it is, so
that the fixture holds the rounding of the loop alone. Without a GPU nnU-Net adds up in float32. Folds as `predict_cases`
adds them.
"""
import numpy as np
import torch
from nnunet.network_architecture.neural_network import SegmentationNetwork

import fixture

SEED = 16
torch.set_num_threads(1)

# name, (channels, a0, a1, a2), patch, what differs from the defaults
CASES = [
    ("pads no axis", (1, 9, 11, 10), (4, 6, 8), {"heads": 1}),
    ("pads one axis by an odd number", (2, 5, 9, 9), (8, 6, 8), {"mirror": (0, 1, 2)}),
    ("pads two axes", (1, 5, 9, 6), (8, 6, 9), {"mirror": (0, 1, 2), "folds": 2}),
    ("pads three axes: one window", (1, 3, 5, 2), (4, 6, 8), {"mirror": (0, 1, 2), "folds": 3}),
    ("equals the patch: one window", (1, 4, 6, 8), (4, 6, 8), {"mirror": (0, 1, 2)}),
    ("is one voxel larger", (1, 5, 7, 9), (4, 6, 8), {"folds": 5, "heads": 1}),
    ("mirrors two of three axes", (1, 7, 8, 9), (4, 6, 8), {"mirror": (0, 2)}),
    ("mirrors one axis", (1, 7, 8, 9), (4, 6, 8), {"mirror": (1,), "heads": 1}),
    ("many odd steps", (1, 13, 11, 9), (8, 6, 4), {"step": 0.35, "heads": 1}),
    ("2-D", (2, 4, 11, 13), (8, 8), {"mirror": (0, 1)}),
    ("2-D, one window a slice", (1, 3, 7, 5), (8, 6), {"mirror": (0, 1), "folds": 2}),
    ("2-D, one axis mirrored", (1, 3, 10, 9), (8, 6), {"mirror": (1,), "folds": 3, "heads": 1}),
]


class Shifts(SegmentationNetwork):
    """Head h = gain * ((h + 1) * x - (h + 2) * x one voxel back along axis h modulo the axes), for each channel.

    Later channels count twice, four times ...; what lies before the patch is 0. Fold f has (f + 1) times the gain.
    """

    def __init__(self, axes, heads, gain):
        super().__init__()
        self.conv_op = torch.nn.Conv3d if axes == 3 else torch.nn.Conv2d
        self.num_classes = heads
        self.gain = gain

    def forward(self, x):
        axes = x.ndim - 2
        weights = torch.tensor([2.0**c for c in range(x.shape[1])]).reshape(1, -1, *[1] * axes)
        x = (x * weights).sum(1, keepdim=True)
        result = []
        for head in range(self.num_classes):
            axis = head % axes + 2
            back = torch.zeros_like(x)
            back.narrow(axis, 1, x.shape[axis] - 1).copy_(x.narrow(axis, 0, x.shape[axis] - 1))
            result.append(self.gain * ((head + 1) * x - (head + 2) * back))
        return torch.cat(result, 1)


def predict(data, patch, mirror=None, folds=1, heads=2, step=0.5):
    softmax = None
    for fold in range(folds):
        network = Shifts(len(patch), heads, float(fold + 1)).eval()
        axes = tuple(range(len(patch))) if mirror is None else mirror
        found = network.predict_3D(
            data, mirror is not None, axes, True, step, patch, None, True, "constant", {"constant_values": 0}, False, False, False
        )[1]
        if softmax is None:
            softmax = found
        else:
            softmax += found
    if folds > 1:
        softmax /= folds
    return softmax


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    for name, shape, patch, options in CASES:
        quarters = rng.integers(-60, 61, shape).astype(np.int8)
        case = {"name": name, "patch": patch, "quarters": fixture.array(quarters)}
        case |= {"mirror": None, "folds": 1, "heads": 2, "step": 0.5} | options
        case["sums"] = fixture.array(np.ascontiguousarray(predict(quarters.astype(np.float32) / 4, patch, **options)))
        cases.append(case)
    fixture.write("sliding-window", "windows-v1", cases, SEED)


main()
