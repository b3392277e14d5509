"""What single ONNX nodes calculate, in numpy: constants, elementwise functions, the steps that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from spanbit.importers.layers import Place, floats
from spanbit.importers.values import Affine, Clamp, Floats, Opaque, Slope, Step, Sum, Value

CONSTANT_LIMIT = 1 << 28
"""Elements of a constant that is calculated with while reading: far above those of any weight."""
BINARY = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not", "And", "Or")
"""Nodes that give truth values."""

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Sign": np.sign,
    "Abs": np.abs,
    "Neg": np.negative,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Tanh": np.tanh,
    "Relu": lambda x: np.maximum(x, 0),
    "PRelu": lambda x, slope: np.where(x < 0, slope * x, x),
    "Clip": lambda x, low=None, high=None: np.clip(
        x, -np.inf if low is None else low, np.inf if high is None else high
    ),
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Equal": np.equal,
    "Not": np.logical_not,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Where": np.where,
    "Min": np.minimum,
    "Max": np.maximum,
}


def calculated(place: Place, proto: Any, given: list[Any], model: Any) -> Any:
    """What a node makes of constants alone."""
    if proto.op_type == "BipolarQuant":
        return np.where(given[0] >= 0, 1.0, -1.0) * given[1]
    if proto.op_type == "Quant":
        return _quantised(proto, *given)
    names = [name for name, part in zip(proto.input, given, strict=True) if part is not None]
    parts = [part for part in given if part is not None]
    if any(part.size > CONSTANT_LIMIT for part in parts):
        place.refuse("a constant too large to calculate with", "fold constants before the export")
    info = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(part.dtype), list(part.shape)
        )
        for name, part in zip(names, parts, strict=True)
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
    graph = onnx.helper.make_graph([proto], "one", info, outputs)
    single = onnx.helper.make_model(graph, opset_imports=model.opset_import)
    try:
        return list(ReferenceEvaluator(single).run(None, dict(zip(names, parts, strict=True))))
    except Exception as failure:  # the evaluator's, of many types
        place.refuse(f"its constants cannot be calculated: {str(failure).partition(chr(10))[0]}")


def function_of(proto: Any, attributes: dict[str, Any]) -> Callable[..., Any] | None:
    """The node as a function of arrays, if it is elementwise."""
    if proto.op_type == "Cast":
        kind = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
        # In float64 throughout: the cast of a truth value is what matters.
        return lambda x: x.astype(kind).astype(np.float64) if kind != np.bool_ else x.astype(kind)
    if proto.op_type == "LeakyRelu":
        slope = attributes.get("alpha", 0.01)
        return lambda x: np.where(x < 0, slope * x, x)
    if proto.op_type == "Clip" and ("min" in attributes or "max" in attributes):
        low, high = attributes.get("min", -np.inf), attributes.get("max", np.inf)
        return lambda x: np.clip(x, low, high)
    return _FUNCTIONS.get(proto.op_type)


def step_of(
    place: Place, kind: str, attributes: dict[str, Any], given: list[Any], channels: int, rank: int
) -> Step | None:
    """The step that an elementwise node is on its own; `rank` is that of its value."""
    zeros, ones = np.zeros(channels), np.ones(channels)
    values = [part for part in given if isinstance(part, Value)]
    match kind:
        case "Relu":
            return Slope(zeros)
        case "LeakyRelu":
            return Slope(np.full(channels, float(attributes.get("alpha", 0.01))))
        case "PRelu":
            return Slope(_per_channel(place, given[1], channels, rank))
        case "Clip":
            low, high = attributes.get("min"), attributes.get("max")
            if len(given) > 1 and given[1] is not None:
                low = float(given[1].reshape(-1)[0])
            if len(given) > 2 and given[2] is not None:
                high = float(given[2].reshape(-1)[0])
            return Clamp(-np.inf if low is None else low, np.inf if high is None else high)
        case "Neg":
            return Affine(-ones, zeros)
        case "Add" | "Sub" | "Mul" | "Div":
            if len(values) == 2:
                if values[0] is values[1]:
                    return Affine(2 * ones, zeros) if kind == "Add" else Opaque()
                return Sum() if kind == "Add" and values[0].shape == values[1].shape else Opaque()
            value_is_left = isinstance(given[0], Value)
            number = _per_channel(place, given[1 if value_is_left else 0], channels, rank)
            if kind == "Add":
                return Affine(ones, number)
            if kind == "Sub":
                return Affine(ones, -number) if value_is_left else Affine(-ones, number)
            if kind == "Mul":
                return Affine(number, zeros)
            return Affine(1 / number, zeros) if value_is_left and number.all() else Opaque()
    return None


def _per_channel(place: Place, constant: NDArray[Any], channels: int, rank: int) -> Floats:
    """A number, or one a channel, as [C]."""
    wide = constant.reshape((1,) * (rank - constant.ndim) + constant.shape)
    sides: tuple[int, ...] = wide.shape
    if wide.size not in (1, channels) or (wide.size > 1 and sides[1] != channels):
        place.refuse(
            f"a constant of shape {list(constant.shape)} for {channels} channels", "use one number a channel"
        )
    return floats(place, np.broadcast_to(wide.reshape(-1), channels))


def _quantised(proto: Any, x: Any, scale: Any, zero: Any, width: Any) -> Any:
    """QONNX's Quant of a constant."""
    attributes = {part.name: onnx.helper.get_attribute_value(part) for part in proto.attribute}
    bits = float(np.asarray(width))
    signed, narrow = bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0))
    lowest = -(2 ** (bits - 1)) + narrow if signed else 0.0
    highest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    mode = attributes.get("rounding_mode", b"ROUND").decode().upper()
    rounded = {"FLOOR": np.floor, "CEIL": np.ceil, "ROUND_TO_ZERO": np.trunc}.get(mode, np.rint)
    return (np.clip(rounded(x / scale + zero), lowest, highest) - zero) * scale
