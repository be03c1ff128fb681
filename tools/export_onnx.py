"""Makes a model folder for nnprep out of a trained nnU-Net v2 model: model.onnx in each fold, and inference.json.

    python export_onnx.py RESULTS_FOLDER [OUT_FOLDER] [-f 0 1 2] [-chk checkpoint_final.pth] [--float16]
    python export_onnx.py -d 4 -c 3d_fullres [-tr nnUNetTrainer] [-p nnUNetPlans] [OUT_FOLDER]

RESULTS_FOLDER is TRAINER__PLANS__CONFIGURATION, as nnUNetv2_train makes it; by default the files go into it. Run it
where nnU-Net runs; it needs `pip install onnx onnxruntime` besides. Each network is exported in evaluation mode with deep
supervision off, batch and patch size free, and compared with PyTorch on random input before its file gets its name.
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
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

FORMAT = {"format": "nnunet-onnx", "format_version": "1"}
OPSET = 17
# Largest difference to PyTorch, as a share of the largest logit.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2}
DOCUMENTS = ["plans.json", "dataset.json", "dataset_fingerprint.json"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="RESULTS_FOLDER OUT_FOLDER")
    parser.add_argument("-d", help="dataset, in nnUNet_results; then only OUT_FOLDER is given")
    parser.add_argument("-c", help="configuration")
    parser.add_argument("-tr", default="nnUNetTrainer", help="trainer")
    parser.add_argument("-p", default="nnUNetPlans", help="plans")
    parser.add_argument("-f", nargs="+", help="folds, 0 ... or all (default: all that are trained)")
    parser.add_argument("-chk", default="checkpoint_final.pth", help="checkpoint")
    parser.add_argument("--float16", action="store_true", help="store weights in half the space, with a small error")
    args = parser.parse_args()
    folders = list(args.folders)
    if args.d is not None:
        if args.c is None:
            parser.error("-d needs -c, the configuration")
        from nnunetv2.utilities.file_path_utilities import get_output_folder

        folders.insert(0, get_output_folder(args.d, args.tr, args.p, args.c))
    if len(folders) not in (1, 2):
        parser.error("give the folder of a trained model, or -d and -c; and perhaps a folder for the result")
    args.source, args.target = folders[0], folders[-1]
    return args


def trained_folds(source, checkpoint):
    names = sorted(name[5:] for name in os.listdir(source) if name.startswith("fold_"))
    return [name for name in names if os.path.isfile(os.path.join(source, f"fold_{name}", checkpoint))]


def load(source, fold, checkpoint):
    """The network of one fold in evaluation mode, and what the checkpoint says besides."""
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    fold = fold if fold == "all" else int(fold)
    predictor.initialize_from_trained_model_folder(source, (fold,), checkpoint)
    path = os.path.join(source, f"fold_{fold}", checkpoint)
    stored = torch.load(path, map_location="cpu", weights_only=False)
    mirroring = stored.get("inference_allowed_mirroring_axes")
    facts = {
        "trainer": predictor.trainer_name,
        "configuration": stored["init_args"]["configuration"],
        "inference_allowed_mirroring_axes": None if mirroring is None else [int(axis) for axis in mirroring],
    }
    return predictor.network.eval(), predictor.configuration_manager, facts


def input_channels(network):
    """Channels that the first convolution takes, those of a previous stage included."""
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d)):
            return module.in_channels
    raise SystemExit("the network has no convolution: how many channels does it take?")


def without_copies(model):
    """Weights that occur twice are exported as Identity nodes, which some runtimes copy: users get the original."""
    original = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Identity"}
    kept = [node for node in model.graph.node if node.op_type != "Identity"]
    for node in kept:
        for position, name in enumerate(node.input):
            node.input[position] = original.get(name, name)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def halve_weights(model):
    """Stores float32 weights as float16, which are widened when the model is opened; arithmetic stays float32."""
    casts = []
    for index, tensor in enumerate(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 64:
            continue
        name = tensor.name
        model.graph.initializer[index].CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name + "_half"))
        casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def export(network, shape, path, float16):
    image = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    axes = {0: "batch"} | {axis + 2: f"size_{axis}" for axis in range(len(shape) - 1)}
    with torch.no_grad():
        expected = network(image).numpy()
        torch.onnx.export(
            network,
            (image,),
            path,
            opset_version=OPSET,
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": axes, "logits": axes},
        )
    model = onnx.load(path)
    without_copies(model)
    if float16:
        halve_weights(model)
    onnx.helper.set_model_props(model, FORMAT)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": image.numpy()})[0]
    difference, largest = float(np.abs(found - expected).max()), float(np.abs(expected).max())
    weights = "float16" if float16 else "float32"
    if not difference <= TOLERANCE[weights] * largest:
        raise SystemExit(f"the exported network differs from PyTorch's by {difference:g} (largest logit {largest:g}); nothing is written")
    return {"weights": weights, "largest_difference": difference, "largest_logit": largest}


def write_json(path, content):
    with open(path + ".part", "w") as file:
        json.dump(content, file, indent=2)
    os.replace(path + ".part", path)


def main():
    args = arguments()
    if not os.path.isfile(os.path.join(args.source, "plans.json")):
        raise SystemExit(f"{args.source}: no plans.json; the folder TRAINER__PLANS__CONFIGURATION of a trained model is expected")
    folds = args.f or trained_folds(args.source, args.chk)
    if not folds:
        raise SystemExit(f"{args.source}: no fold_X/{args.chk}; train the model, or name another checkpoint with -chk")
    onnx_name = "model.onnx" if args.chk == "checkpoint_final.pth" else os.path.splitext(args.chk)[0] + ".onnx"
    facts, checks = None, {}
    for fold in folds:
        network, configuration, of_fold = load(args.source, fold, args.chk)
        if facts not in (None, of_fold):
            raise SystemExit(f"fold_{fold} is {of_fold}, but the folds before it are {facts}")
        facts = of_fold
        folder = os.path.join(args.target, f"fold_{fold}")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as workplace:
            path = os.path.join(workplace, "model.onnx")
            checks[fold] = export(network, [input_channels(network), *configuration.patch_size], path, args.float16)
            os.replace(path, os.path.join(folder, onnx_name))
        check = checks[fold]
        print(f"fold_{fold}/{onnx_name}: {check['weights']} weights, differs from PyTorch by {check['largest_difference']:.2g} of {check['largest_logit']:.3g}")
    known = set(trained_folds(args.target, onnx_name))
    write_json(os.path.join(args.target, "inference.json"), FORMAT | facts | {"folds": sorted(known), "opset": OPSET, "checks": checks})
    for name in DOCUMENTS:
        source = os.path.join(args.source, name)
        if os.path.isfile(source) and os.path.abspath(args.source) != os.path.abspath(args.target):
            shutil.copyfile(source, os.path.join(args.target, name))
    print(f"{args.target} is ready: nnprep predict -i IMAGES -o LABELS -m {args.target}")


if __name__ == "__main__":
    sys.exit(main())
