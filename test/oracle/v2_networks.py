"""Tiny ONNX models for the tests of the runtimes: test/golden/networks/models.json."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import fixture

FLOAT = TensorProto.FLOAT


def model(nodes, inputs, outputs, weights=(), opset=17, domains=()):
    graph = helper.make_graph(nodes, "test", inputs, outputs, [numpy_helper.from_array(array, name) for name, array in weights])
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return np.frombuffer(made.SerializeToString(), np.uint8)


def value(name, channels, axes, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, ["batch", channels, *axes])


def convolution(channels, heads, axes, output="logits"):
    """Head h = (h + 1) * channel 0, by a kernel of one voxel."""
    weights = np.zeros((heads, channels, *[1] * len(axes)), np.float32)
    weights[:, 0] = np.arange(1, heads + 1).reshape(-1, *[1] * len(axes))
    return helper.make_node("Conv", ["image", "w"], [output], kernel_shape=[1] * len(axes)), [("w", weights)]


def main():
    any3, any2 = ["a", "b", "c"], ["a", "b"]
    conv3, w3 = convolution(2, 3, any3)
    conv2, w2 = convolution(1, 2, any2)
    unknown = helper.make_node("Frobnicate", ["image"], ["logits"])
    twice = helper.make_node("Neg", ["logits"], ["more"])
    broken = helper.make_node("Reshape", ["image", "shape"], ["logits"])
    models = {
        "three axes": model([conv3], [value("image", 2, any3)], [value("logits", 3, any3)], w3),
        "two axes": model([conv2], [value("image", 1, any2)], [value("logits", 2, any2)], w2),
        "fixed patch": model([conv3], [value("image", 2, [4, 6, 8])], [value("logits", 3, [4, 6, 8])], w3),
        "two outputs": model([conv3, twice], [value("image", 2, any3)], [value("logits", 3, any3), value("more", 3, any3)], w3),
        "float16 input": model([helper.make_node("Cast", ["image"], ["logits"], to=FLOAT)], [value("image", 2, any3, TensorProto.FLOAT16)], [value("logits", 2, any3)]),
        "unknown operator": model([unknown], [value("image", 2, any3)], [value("logits", 2, any3)]),
        "one axis": model([helper.make_node("Neg", ["image"], ["logits"])], [value("image", 2, ["a"])], [value("logits", 2, ["a"])]),
        "fails at run": model([broken], [value("image", 2, any3)], [value("logits", 2, any3)], [("shape", np.array([1, 2, 7, 7, 7], np.int64))]),
    }
    fixture.write("networks", "models", {name: fixture.array(data) for name, data in models.items()})


main()
