"""ONNX Runtime, 8-bit integers: QLinearConv, uint8 activations, int8 weights, a scale for each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper
from shapes import Layer

NAME = f"ONNX Runtime {onnxruntime.__version__} int8"
_OPSET = 13


def load(steps: Sequence[Layer], classes: int | None, threads: int) -> Callable[[], object]:
    """A session; the threads share each operator, as a chain wants it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    model = _model(steps, classes).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    first = steps[0]
    shape = (1, first.in_channels, first.size, first.size)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return lambda: session.run(None, {"image": image})


def _model(steps: Sequence[Layer], classes: int | None) -> Any:
    random = np.random.default_rng(1)
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    scale, zero = constant("scale", np.float32(0.02)), constant("zero", np.uint8(0))
    value = "image"
    for layer in steps:
        weight = random.integers(
            -127, 128, (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)
        )
        spread = np.full(layer.out_channels, 0.5 / np.sqrt(layer.taps) / 74, np.float32)
        inputs = [
            value,
            scale,
            zero,
            constant(f"{layer.name}.weight", weight.astype(np.int8)),
            constant(f"{layer.name}.scale", spread),
            constant(f"{layer.name}.zero", np.zeros(layer.out_channels, np.int8)),
            scale,
            zero,
            constant(f"{layer.name}.bias", random.integers(-500, 500, layer.out_channels).astype(np.int32)),
        ]
        geometry: dict[str, Any] = {
            "kernel_shape": [layer.kernel] * 2,
            "pads": [layer.padding] * 4,
            "strides": [layer.stride] * 2,
        }
        nodes.append(helper.make_node("QLinearConv", inputs, [layer.name], **geometry))
        value = layer.name  # uint8 with zero point 0: saturation is the ReLU
        if layer.pool:
            pooled = f"{layer.name}.pool"
            nodes.append(helper.make_node("MaxPool", [value], [pooled], kernel_shape=[2, 2], strides=[2, 2]))
            value = pooled
    kind, last = TensorProto.UINT8, steps[-1]
    side = last.out_size // (2 if last.pool else 1)
    shape = [1, last.out_channels, side, side]
    if classes is not None:
        weight = random.integers(-127, 128, (last.out_channels * side**2, classes)).astype(np.int8)
        nodes.append(helper.make_node("Flatten", [value], ["flat"]))
        head = [
            "flat",
            scale,
            zero,
            constant("head.weight", weight),
            constant("head.scale", np.float32(1e-4)),
            constant("head.zero", np.int8(0)),
            scale,
            zero,
        ]
        nodes.append(helper.make_node("QLinearMatMul", head, ["logits"]))
        value, shape = "logits", [1, classes]
    first = steps[0]
    image = helper.make_tensor_value_info("image", kind, [1, first.in_channels, first.size, first.size])
    graph = helper.make_graph(
        nodes, "peer", [image], [helper.make_tensor_value_info(value, kind, shape)], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    checker.check_model(model)
    return model
