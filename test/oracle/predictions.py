"""Scan to label by nnunet 1.7.1 around a network of one formula: test/golden/predictions-v1/cases.json.

What `predict_cases` does for one case, with its own functions: preprocess_test_case, predict_3D, the mean of folds, and
save_segmentation_nifti_from_softmax. The network gives the logits [k (50 - x), k (x - 50)] of channel 0 (a cascade has its
previous stage as a second channel, which counts 40), with k = 0.05 and another factor in each fold.
"""
import os
import tempfile

import numpy as np
import SimpleITK as sitk
import torch
from batchgenerators.augmentations.utils import resize_segmentation
from nnunet.inference.segmentation_export import save_segmentation_nifti_from_softmax
from nnunet.network_architecture.neural_network import SegmentationNetwork
from nnunet.preprocessing.preprocessing import GenericPreprocessor, PreprocessorFor2D
from nnunet.utilities.nd_softmax import softmax_helper
from nnunet.utilities.one_hot_encoding import to_one_hot

import fixture

SEED = 17
torch.set_num_threads(1)

# name, shape z y x, spacing z y x, target, transpose, patch, what differs from the defaults
CASES = [
    ("own grid", (7, 10, 12), (2.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0, 1, 2), (4, 6, 8), {}),
    ("axes turned, resampled", (12, 11, 6), (1.0, 1.25, 2.5), (2.5, 1.5, 1.25), (2, 0, 1), (4, 6, 8), {"folds": 2}),
    ("anisotropic, no mirroring", (5, 14, 13), (5.0, 0.8, 0.8), (5.0, 1.2, 1.2), (0, 1, 2), (4, 8, 8), {"mirror": False}),
    ("one window", (4, 6, 7), (2.0, 1.0, 1.0), (2.0, 1.1, 1.1), (0, 1, 2), (8, 8, 8), {}),
    ("2-D", (5, 12, 11), (3.0, 1.0, 1.0), (3.0, 1.4, 1.4), (0, 1, 2), (8, 6), {}),
    ("regions", (7, 10, 12), (2.0, 1.0, 1.0), (2.0, 1.2, 0.9), (0, 1, 2), (4, 6, 8), {"regions": [1, 2]}),
    ("cascade", (7, 10, 12), (2.0, 1.0, 1.0), (2.0, 1.2, 0.9), (0, 1, 2), (4, 6, 8), {"cascade": True}),
]


class Formula(SegmentationNetwork):
    def __init__(self, axes, k, regions):
        super().__init__()
        self.conv_op = torch.nn.Conv3d if axes == 3 else torch.nn.Conv2d
        self.num_classes = 2
        self.k = k
        self.inference_apply_nonlin = torch.sigmoid if regions else softmax_helper

    def forward(self, x):
        value = x[:, :1] + (40 * x[:, 1:2] if x.shape[1] > 1 else 0)
        return torch.cat([self.k * (50 - value), self.k * (value - 50)], 1)


def image_of(array, spacing):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in spacing[::-1]])
    return image


def predict(folder, scan, stage, spacing, target, transpose, patch, mirror=True, folds=1, regions=None, cascade=False):
    file = os.path.join(folder, "scan.nii.gz")
    sitk.WriteImage(image_of(scan, spacing), file)
    kind = GenericPreprocessor if len(patch) == 3 else PreprocessorFor2D
    data, _, properties = kind({0: "noNorm"}, {0: False}, list(transpose), None).preprocess_test_case([file], np.array(target))
    if cascade:
        # As preprocess_multithreaded, but cropped as the scan is.
        box = properties["crop_bbox"]
        inside = stage[tuple(slice(low, high) for low, high in box)].transpose(transpose)
        data = np.vstack((data, to_one_hot(resize_segmentation(inside, data.shape[1:], 1), [1]))).astype(np.float32)
    softmax = 0
    for fold in range(folds):
        network = Formula(len(patch), 0.05 * (fold + 1), regions).eval()
        axes = tuple(range(len(patch)))
        softmax = softmax + network.predict_3D(data, mirror, axes, True, 0.5, patch, regions, True, "constant", None, False, False, False)[1]
    if folds > 1:
        softmax /= folds
    back = [list(transpose).index(axis) for axis in range(3)]
    softmax = softmax.transpose([0] + [axis + 1 for axis in back])
    out = os.path.join(folder, "label.nii.gz")
    save_segmentation_nifti_from_softmax(softmax, out, properties, 1, regions, verbose=False)
    return sitk.GetArrayFromImage(sitk.ReadImage(out))


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    for name, shape, spacing, target, transpose, patch, options in CASES:
        scan = rng.integers(1, 100, shape).astype(np.int16)
        # Cut off by cropping.
        scan[0] = 0
        scan[:, -1] = 0
        stage = (rng.random(shape) < 0.4).astype(np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            labels = predict(folder, scan, stage, spacing, target, transpose, patch, **options)
        case = {"name": name, "spacing": spacing, "target": target, "transpose": transpose, "patch": patch}
        case |= {"mirror": True, "folds": 1, "regions": None, "cascade": False} | options
        cases.append(case | {"scan": fixture.array(scan), "stage": fixture.array(stage), "labels": fixture.array(labels)})
    fixture.write("predictions-v1", "cases", cases, SEED)


main()
