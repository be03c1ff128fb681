"""Makes a model folder for nnprep out of a trained nnU-Net v1 model: model.onnx in each fold, and inference.json.

    python export_onnx_v1.py MODEL_FOLDER [-f 0 1 2] [-chk model_final_checkpoint] [-o OUT_FOLDER]

MODEL_FOLDER is .../nnUNet/CONFIGURATION/TASK/TRAINER__PLANS, as nnUNet_train makes it: it has plans.pkl and fold_X. By
default the files go into it. Run it where nnU-Net 1.7.1 runs; it needs `pip install onnx onnxruntime` besides. Each network
is exported in evaluation mode with deep supervision off and without its non-linearity, batch and patch size free, and
compared with PyTorch on random input before its file gets its name.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from nnunet.training.model_restore import load_model_and_checkpoint_files

FORMAT = {"format": "nnunet-onnx", "format_version": "1"}
CONFIGURATIONS = ["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]
OPSET = 17
# Largest difference to PyTorch, as a share of the largest logit.
TOLERANCE = 1e-4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="MODEL_FOLDER")
    parser.add_argument("-o", metavar="OUT_FOLDER", help="default: MODEL_FOLDER")
    parser.add_argument("-f", nargs="+", help="folds, 0 ... or all (default: all that are trained)")
    parser.add_argument("-chk", default="model_final_checkpoint", help="checkpoint")
    parser.add_argument("-m", choices=CONFIGURATIONS, help="configuration (default: by the folder's path)")
    return parser.parse_args()


def trained_folds(folder, checkpoint):
    names = sorted(name for name in os.listdir(folder) if name.startswith("fold_") or name == "all")
    return [name.removeprefix("fold_") for name in names if os.path.isfile(os.path.join(folder, name, checkpoint + ".model"))]


def configuration_of(args):
    """nnU-Net v1 notes it nowhere but in the path."""
    parts = os.path.abspath(args.folder).split(os.sep)
    found = [args.m] if args.m else [name for name in CONFIGURATIONS if name in parts]
    if len(found) == 1:
        return found[0]
    raise SystemExit(f"{args.folder}: which configuration? Give -m {'|'.join(CONFIGURATIONS)}")


def activation_of(network):
    """What the trainer turns the network's output into probabilities with."""
    x = torch.tensor([[-1.5, 0.25], [0.5, 3.0]]).reshape(1, 2, 2, 1, 1)
    found = network.inference_apply_nonlin(x)
    for name, expected in (("softmax", torch.softmax(x, 1)), ("sigmoid", torch.sigmoid(x))):
        if torch.allclose(found, expected):
            return name
    raise SystemExit("the trainer's non-linearity is neither softmax nor sigmoid")


def export(network, shape, path):
    image = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    axes = {0: "batch"} | {axis + 2: f"size_{axis}" for axis in range(len(shape) - 1)}
    with torch.no_grad():
        expected = network(image).numpy()
        names = {"input_names": ["image"], "output_names": ["logits"]}
        torch.onnx.export(network, (image,), path, opset_version=OPSET, dynamo=False, dynamic_axes={"image": axes, "logits": axes}, **names)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, FORMAT)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": image.numpy()})[0]
    difference, largest = float(np.abs(found - expected).max()), float(np.abs(expected).max())
    if not difference <= TOLERANCE * largest:
        raise SystemExit(f"the exported network differs from PyTorch's by {difference:g} (largest logit {largest:g}); nothing is written")
    return {"largest_difference": difference, "largest_logit": largest}


def main():
    args = arguments()
    target = args.o or args.folder
    if not os.path.isfile(os.path.join(args.folder, "plans.pkl")):
        raise SystemExit(f"{args.folder}: no plans.pkl; the folder TRAINER__PLANS of a trained model is expected")
    folds = args.f or trained_folds(args.folder, args.chk)
    if not folds:
        raise SystemExit(f"{args.folder}: no fold_X/{args.chk}.model; train the model, or name another checkpoint with -chk")
    configuration = configuration_of(args)
    onnx_name = "model.onnx" if args.chk == "model_final_checkpoint" else args.chk + ".onnx"
    checks = {}
    for fold in folds:
        trainer, parameters = load_model_and_checkpoint_files(args.folder, "all" if fold == "all" else [int(fold)], False, args.chk)
        trainer.load_checkpoint_ram(parameters[0], False)
        network = trainer.network.eval()
        network.do_ds = False
        folder = os.path.join(target, "all" if fold == "all" else f"fold_{fold}")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as workplace:
            path = os.path.join(workplace, "model.onnx")
            checks[fold] = export(network, [trainer.num_input_channels, *(int(n) for n in trainer.patch_size)], path)
            os.replace(path, os.path.join(folder, onnx_name))
        print(f"fold {fold}: differs from PyTorch by {checks[fold]['largest_difference']:.2g} of {checks[fold]['largest_logit']:.3g}")
    mirrors = trainer.data_aug_params["do_mirror"]
    regions = getattr(trainer, "regions_class_order", None)
    content = FORMAT | {
        "generation": "v1",
        "configuration": configuration,
        "stage": int(trainer.stage or 0),
        "trainer": type(trainer).__name__,
        "inference_allowed_mirroring_axes": [int(axis) for axis in trainer.data_aug_params["mirror_axes"]] if mirrors else None,
        "activation": activation_of(network),
        "regions_class_order": None if regions is None else [int(label) for label in regions],
        "opset": OPSET,
        "checks": checks,
    }
    with open(os.path.join(target, "inference.json.part"), "w") as file:
        json.dump(content, file, indent=2)
    os.replace(os.path.join(target, "inference.json.part"), os.path.join(target, "inference.json"))
    for name in ("plans.pkl", "postprocessing.json"):
        source = os.path.join(args.folder, name)
        if os.path.isfile(source) and os.path.abspath(args.folder) != os.path.abspath(target):
            shutil.copyfile(source, os.path.join(target, name))
    print(f"{target} is ready: nnprep predict -i IMAGES -o LABELS -m {target}")


if __name__ == "__main__":
    sys.exit(main())
