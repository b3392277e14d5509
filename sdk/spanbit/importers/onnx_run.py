"""An ONNX model as ONNX Runtime takes it, with inner tensors among its results.

    data = with_results(Path("net.onnx").read_bytes(), ["conv1_out", "sign1_out"])

QONNX's quantisers are no operators of ONNX: those of constants are calculated here, a bipolar one of numbers
is written as a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spanbit.importers.layers import Place
from spanbit.importers.onnx_functions import calculated

_QUANTISERS = ("BipolarQuant", "Quant")


def with_results(data: bytes, names: Sequence[str]) -> bytes:
    """The model, `names` behind its own results."""
    model = onnx.load_from_string(data)
    graph = model.graph
    constants = {part.name: numpy_helper.to_array(part) for part in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if all(name in constants or not name for name in node.input):
            made = calculated(Place(node.name, node.op_type), node, _given(node, constants), model)
            found = made if isinstance(made, list) else [made]
            constants |= {name: np.asarray(part) for name, part in zip(node.output, found, strict=False)}
        elif node.op_type == "BipolarQuant":
            nodes += _bipolar(node)
        else:
            nodes.append(node)
    quantised = {name for node in graph.node if node.op_type in _QUANTISERS for name in node.output}
    used = {name for node in nodes for name in node.input if name in constants}
    known = {part.name for part in graph.initializer}
    graph.initializer.extend(
        numpy_helper.from_array(_single(constants[name]) if name in quantised else constants[name], name)
        for name in sorted(used - known)
    )
    del graph.node[:]
    graph.node.extend(nodes)
    there = {part.name for part in graph.output}
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    return bytes(model.SerializeToString())


def _given(node: Any, constants: dict[str, Any]) -> list[Any]:
    return [constants.get(name) for name in node.input]


def _single(array: Any) -> Any:
    return np.asarray(array, np.float32)


def _bipolar(node: Any) -> list[Any]:
    """+scale where x >= 0, else -scale."""
    x, scale = node.input
    (result,) = node.output
    zero, less, turned = (f"{result}.{part}" for part in ("zero", "less", "turned"))
    return [
        helper.make_node("Constant", [], [zero], value=numpy_helper.from_array(np.float32(0))),
        helper.make_node("Less", [x, zero], [less]),
        helper.make_node("Neg", [scale], [turned]),
        helper.make_node("Where", [less, turned, scale], [result]),
    ]
