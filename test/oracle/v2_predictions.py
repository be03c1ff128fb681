"""Why labels of a prediction differ from nnU-Net's: margins in its own logits, and what it makes around the ONNX files.

    python v2_predictions.py MODEL_FOLDER FOLDS OURS.nii.gz MIRRORING(0|1) IMAGE_0000 [IMAGE_0001 ...]

Prints JSON: voxels that differ from nnU-Net with PyTorch; how far they are from a tie in its own logits (the difference of
the two best, or for regions the distance of the nearest one from its threshold 0), and that in units of float16; and voxels
that differ from nnU-Net's own code around the ONNX files. Needs onnxruntime besides nnU-Net.
"""
import json
import sys

import numpy as np
import onnxruntime
import SimpleITK as sitk
import torch
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

torch.set_num_threads(2)
model, folds, ours, mirroring, *images = sys.argv[1:]
folds = [int(fold) for fold in folds.split(",")]
labels = sitk.GetArrayFromImage(sitk.ReadImage(ours))


class Onnx(torch.nn.Module):
    """Stands for the network: each set of weights that is loaded is the next fold's ONNX file."""

    def __init__(self):
        super().__init__()
        self.sessions = [onnxruntime.InferenceSession(f"{model}/fold_{fold}/model.onnx", providers=["CPUExecutionProvider"]) for fold in folds]
        self.fold = -1

    def load_state_dict(self, *_):
        self.fold += 1

    def forward(self, x):
        session = self.sessions[self.fold]
        return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def predictor():
    made = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=mirroring == "1", allow_tqdm=False)
    made.initialize_from_trained_model_folder(model, folds, "checkpoint_final.pth")
    return made


nnunet = predictor()
plans, configuration = nnunet.plans_manager, nnunet.configuration_manager
data, _, properties = configuration.preprocessor_class(verbose=False).run_case(images, None, plans, configuration, nnunet.dataset_json)


def segment(logits):
    return np.asarray(convert_predicted_logits_to_segmentation_with_correct_shape(logits, plans, configuration, nnunet.label_manager, properties))


logits = nnunet.predict_logits_from_preprocessed_data(torch.from_numpy(data))
differ = segment(logits) != labels
spacing = [properties["spacing"][axis] for axis in plans.transpose_forward]
target = configuration.spacing if len(configuration.spacing) == 3 else [spacing[0], *configuration.spacing]
size = properties["shape_after_cropping_and_before_resampling"]
resampled = np.asarray(configuration.resampling_fn_probabilities(logits, size, target, spacing)).astype(np.float32)
full = np.full((len(resampled), *properties["shape_before_cropping"]), -np.inf, np.float32)
full[(slice(None), *[slice(*bounds) for bounds in properties["bbox_used_for_cropping"]])] = resampled
full = full.transpose([0, *[axis + 1 for axis in plans.transpose_backward]])
best = np.sort(full[:, differ], 0)
if nnunet.label_manager.has_regions:
    margins = largest = np.abs(best).min(0)
else:
    margins, largest = best[-1] - best[-2], np.abs(best[-1])
units = margins / np.spacing(largest.astype(np.float16)).astype(np.float32)

around = predictor()
around.network = Onnx()
same_network = segment(around.predict_logits_from_preprocessed_data(torch.from_numpy(data)))
print(json.dumps({"differ": int(differ.sum()), "margins": sorted(margins.tolist()), "units": sorted(units.tolist()), "sameNetwork": int((same_network != labels).sum())}))
