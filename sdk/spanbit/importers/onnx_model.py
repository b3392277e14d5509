"""An ONNX model as a graph: from PyTorch with Sign nodes, or from Brevitas (QONNX, bipolar quantisers).

    graph = from_onnx(Path("net.onnx").read_bytes(), where="net.onnx", mean=mean, std=std)

The model takes images [N, C, H, W] and gives logits [N, O]. What depends on no image is calculated when it is
read: weights may be signs of something, scaled, transposed. Needs the package `onnx`, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Graph, Shape
from spanbit.importers.assemble import Numbers, assemble, normalisation
from spanbit.importers.elementwise import Elementwise
from spanbit.importers.explain import Explanation
from spanbit.importers.layers import (
    Geometry,
    Place,
    adaptive_mean,
    batch_norm,
    convolution,
    dense,
    max_pool,
    mean_pool,
    numbers_of,
    pixels_of,
    scaled,
)
from spanbit.importers.onnx_functions import BINARY, calculated, function_of, step_of
from spanbit.importers.plan import Note
from spanbit.importers.shapes import before_flattening, framed, joined, mean_of_map, reshaped
from spanbit.importers.values import Affine, Flat, Image, Ordered, Value

ACCEPTED = (
    "Conv, Gemm, MatMul, BatchNormalization, Sign, BipolarQuant, MaxPool, AveragePool, GlobalAveragePool, "
    "Relu, LeakyRelu, PRelu, Clip, Add, Sub, Mul, Div, Concat, Flatten, Reshape, Pad"
)
_LAYERS = ("Conv", "Gemm", "MatMul", "BatchNormalization", "BipolarQuant")
_SAME = ("Identity", "Dropout")
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
_EXTERNAL = onnx.TensorProto.EXTERNAL
_SCOPES = "pkg.torch.onnx.name_scopes"
_RESHAPES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")


def from_onnx(
    data: bytes,
    where: str,
    class_names: Sequence[str] = (),
    *,
    name: str = "network",
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Graph:
    """The graph of an ONNX file's bytes; `where` names the file in errors.

    Args:
        mean, std: one number or one a channel, if the model takes (pixel / 255 - mean) / std; else it
            takes pixels 0..255.

    Raises:
        SpanbitError: not an ONNX model, or UNSUPPORTED_MODEL, naming the node.
    """
    return explain_onnx(data, where, class_names, name=name, mean=mean, std=std).graph


def explain_onnx(
    data: bytes,
    where: str,
    class_names: Sequence[str] = (),
    *,
    name: str = "network",
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Explanation:
    """As `from_onnx`: the graph, what became of every node, and the errors of its numbers."""
    reader = _Reader(_loaded(data, where), where)
    pixel = normalisation(reader.image, mean, std, where)
    end = reader.read(pixel)
    return assemble(end, reader.notes, reader.image, name, class_names, reader.named)


def _loaded(data: bytes, where: str) -> Any:
    try:
        model = onnx.load_from_string(data)
        apart = [part for part in model.graph.initializer if part.data_location == _EXTERNAL]
        if not apart:
            onnx.checker.check_model(model)
    except Exception as failure:  # protobuf's and onnx's own, of many types
        reason = str(failure).partition("\n")[0] or type(failure).__name__
        raise SpanbitError("not an ONNX model", where=where, why=reason, fix="export it again") from failure
    if apart:
        raise SpanbitError(
            "a model whose weights lie in another file",
            where=where,
            fix="read it with onnx.load and write it with onnx.save",
        )
    return model


@dataclass(frozen=True)
class _Node:
    """A node, and its attributes as Python has them."""

    place: Place
    proto: Any
    attributes: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)


class _Reader:
    def __init__(self, model: Any, where: str) -> None:
        self.notes: list[Note] = []
        self.named: dict[Value, str] = {}
        self._graph, self._model, self._where = model.graph, model, where
        self._known: dict[str, Any] = {
            part.name: numpy_helper.to_array(part) for part in model.graph.initializer
        }
        self._ranks: dict[Value, int] = {}
        self._elementwise = Elementwise(lambda array: array, lambda array: array)
        self._input, self.image = self._image()

    def _image(self) -> tuple[str, Shape]:
        inputs = [part for part in self._graph.input if part.name not in self._known]
        sides = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] if len(inputs) == 1 else []
        if len(sides) != 4 or min(sides[1:]) < 1 or len(self._graph.output) != 1:
            raise SpanbitError(
                f"a model of {len(inputs)} inputs, the first {sides}, and {len(self._graph.output)} outputs",
                where=self._where,
                why="it must take images [N, channels, rows, columns] of one size, and give logits alone",
                fix="export it with such an example, sides fixed",
                code=ExitCode.UNSUPPORTED_MODEL,
            )
        return inputs[0].name, Shape(*sides[1:])

    def read(self, pixel: Affine | None) -> Value:
        """The value that the model gives."""
        image = Value("", "image", Image(), (), self.image)
        if pixel is not None:
            image = Value("", "normalisation", pixel, (image,), self.image)
        self._known[self._input] = self._ranked(image, 4)
        for proto in self._graph.node:
            attributes = {part.name: onnx.helper.get_attribute_value(part) for part in proto.attribute}
            node = _Node(_place(proto), proto, attributes)
            made = self._node(node)
            for name, value in zip(proto.output, made if isinstance(made, list) else [made], strict=False):
                self._known[name] = value
                if isinstance(value, Value):
                    self.named.setdefault(value, name)
        end = self._known[self._graph.output[0].name]
        if not isinstance(end, Value):
            Place(self._graph.output[0].name, "output").refuse("it does not depend on the image")
        return end

    def _ranked(self, value: Value, rank: int) -> Value:
        self._ranks[value] = rank
        return value

    def _node(self, node: _Node) -> Any:
        given = [self._known.get(name) for name in node.proto.input]
        values = [part for part in given if isinstance(part, Value)]
        if not values:
            return calculated(node.place, node.proto, given, self._model)
        first = values[0]
        rank = self._ranks[first]
        kind = node.proto.op_type
        if kind == "Shape":
            shape = first.shape
            sides = (1, shape.channels, shape.height, shape.width) if rank == 4 else (1, shape.channels)
            return np.array(sides, np.int64)
        to_float = kind == "Cast" and node.get("to") in _FLOATS
        if kind in _SAME or (to_float and first.label not in BINARY):
            self.notes.append(Note(node.place.path, kind, "changes nothing"))
            return first
        made = self._layer(node, kind, given, first, rank)
        if made is None:
            made = self._pointwise(node, kind, given, values)
        if made not in self._ranks:
            flat = kind in ("Gemm", "MatMul") or isinstance(made.step, Flat)
            self._ranks[made] = 2 if flat else rank
        return made

    def _layer(self, node: _Node, kind: str, given: list[Any], first: Value, rank: int) -> Value | None:
        place = node.place
        match kind:
            case "Conv":
                sides = self._sides(node)
                how = Geometry(
                    node.get("strides", [1, 1]), sides, node.get("dilations", [1, 1]), node.get("group", 1)
                )
                weight = self._constant(node, given, 1)
                return convolution(place, first, weight, self._constant(node, given, 2, None), how)
            case "Gemm" | "MatMul":
                return self._dense(node, kind, given, first, rank)
            case "BatchNormalization":
                gamma, beta, mean, var = (self._constant(node, given, at) for at in range(1, 5))
                return batch_norm(place, first, mean, var, gamma, beta, float(node.get("epsilon", 1e-5)))
            case "MaxPool":
                kernel, strides = node.get("kernel_shape"), node.get("strides", [1, 1])
                dilations, ceil = node.get("dilations", [1, 1]), bool(node.get("ceil_mode", 0))
                return max_pool(place, numbers_of(first), kernel, strides, self._sides(node), dilations, ceil)
            case "AveragePool":
                return self._mean(node, first)
            case "GlobalAveragePool":
                return adaptive_mean(place, numbers_of(first), Shape(first.shape.channels, 1, 1))
            case "ReduceMean":
                axes = node.get("axes") or self._constant(node, given, 1).tolist()
                made = mean_of_map(place, numbers_of(first), axes)
                return self._ranked(made, 4 if node.get("keepdims", 1) else 2)
            case kind if kind in _RESHAPES:
                return self._reshape(node, kind, given, first, rank)
            case "Concat":
                parts = [numbers_of(part) if isinstance(part, Value) else part for part in given]
                return joined(place, parts, node.get("axis") % 4)
            case "Pad":
                amounts = self._constant(node, given, 1).tolist()
                value = self._constant(node, given, 2, 0.0)
                if amounts[:2] != [0, 0] or amounts[4:6] != [0, 0]:
                    place.refuse("it pads other than rows and columns")
                return framed(place, first, (*amounts[2:4], *amounts[6:8]), float(np.asarray(value)))
            case "Softmax" | "LogSoftmax":
                return Value(place.name, place.label, Ordered(), (first,), first.shape)
            case "BipolarQuant":
                return self._bipolar(node, first, self._constant(node, given, 1))
            case "Quant":
                bits_wide = float(np.asarray(self._constant(node, given, 3)))
                place.refuse(
                    f"it quantises numbers to {bits_wide:.0f} bits; a compiled network has bits, -1 and +1",
                    "use a bipolar quantiser (SignedBinaryActPerTensorConst)",
                )
        return None

    def _bipolar(self, node: _Node, first: Value, scale: Any) -> Value:
        """+scale where x >= 0, else -scale."""
        if np.size(scale) != 1 or float(np.reshape(scale, -1)[0]) <= 0:
            node.place.refuse("its scale is not one number above zero", "use one scale a tensor")
        inside = first.source if isinstance(first.step, Flat) else first
        bits = self._elementwise.sign(node.place.name, node.place.label, self._off_image(inside))
        channels = bits.shape.channels
        factor = np.full(channels, float(np.reshape(scale, -1)[0]))
        made = scaled(node.place, bits, Affine(factor, np.zeros(channels)))
        return made if inside is first else Value(made.path, "Flatten", Flat(), (made,), first.shape)

    def _constant(self, node: _Node, given: list[Any], at: int, *default: Any) -> Any:
        part = given[at] if at < len(given) else None
        if isinstance(part, Value):
            node.place.refuse(f"its input {at} depends on the image", "let it be a constant")
        if part is None:
            if not default:
                node.place.refuse(f"it has no input {at}")
            return default[0]
        return part

    def _dense(self, node: _Node, kind: str, given: list[Any], first: Value, rank: int) -> Value:
        weight = self._constant(node, given, 1)
        if rank != 2 and (first.shape.height, first.shape.width) != (1, 1):
            node.place.refuse("it does not stand behind a Flatten", "flatten all but the batch")
        bias = self._constant(node, given, 2, None)
        if kind == "Gemm":
            if node.get("transA", 0):
                node.place.refuse("it transposes its input")
            weight = weight * node.get("alpha", 1.0)
            weight = weight if node.get("transB", 0) else weight.T
            bias = None if bias is None else np.broadcast_to(bias * node.get("beta", 1.0), len(weight))
        else:
            weight = weight.T
        return dense(node.place, first, weight, None, bias)

    def _mean(self, node: _Node, first: Value) -> Value:
        kernel, strides = node.get("kernel_shape"), node.get("strides", [1, 1])
        ceil = bool(node.get("ceil_mode", 0))
        if any(self._sides(node)):
            node.place.refuse("means with padding", "use no padding")
        sides = zip((first.shape.height, first.shape.width), kernel, strides, strict=True)
        rows, columns = ((side + (step - 1) * ceil - size) // step + 1 for side, size, step in sides)
        shape = Shape(first.shape.channels, rows, columns)
        return mean_pool(node.place, numbers_of(first), kernel, strides, 0, ceil, shape)

    def _sides(self, node: _Node) -> list[int]:
        """Padding of rows and columns, as one number each."""
        if node.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            node.place.refuse(f"auto_pad {node.get('auto_pad').decode()}", "export explicit pads")
        pads = list(node.get("pads", [0, 0, 0, 0]))
        if pads[:2] != pads[2:]:
            node.place.refuse(f"its padding {pads} differs between the sides", "pad all sides alike")
        return pads[:2]

    def _reshape(self, node: _Node, kind: str, given: list[Any], first: Value, rank: int) -> Value:
        shape = first.shape
        before = [1, shape.channels, shape.height, shape.width] if rank == 4 else [1, shape.channels]
        array = np.empty(before, np.bool_)
        match kind:
            case "Flatten":
                axis = node.get("axis", 1)
                after = array.reshape((int(np.prod(before[:axis])), -1)).shape
            case "Reshape":
                wanted = [int(side) for side in self._constant(node, given, 1)]
                wanted = [before[at] if side == 0 else side for at, side in enumerate(wanted)]
                try:
                    after = array.reshape(wanted).shape
                except ValueError:
                    node.place.refuse(f"it makes {wanted} of {before}")
            case _:
                axes = node.get("axes") or self._constant(node, given, 1).tolist()
                made = array.squeeze(tuple(axes)) if kind == "Squeeze" else np.expand_dims(array, axes)
                after = made.shape
        return self._ranked_copy(reshaped(node.place, first, tuple(after)), len(after))

    def _ranked_copy(self, value: Value, rank: int) -> Value:
        if self._ranks.get(value, rank) == rank:
            return self._ranked(value, rank)
        # The same value under another rank: a step that changes nothing keeps them apart.
        channels = value.shape.channels
        same = Affine.identity(channels)
        return self._ranked(Value(value.path, value.label, same, (value,), value.shape), rank)

    def _pointwise(self, node: _Node, kind: str, given: list[Any], values: list[Value]) -> Value:
        function = function_of(node.proto, node.attributes)
        if function is None:
            node.place.refuse("there is no such operator in a compiled network", f"use {ACCEPTED}")
        different = list(dict.fromkeys(values))
        shape, rank = different[0].shape, self._ranks[different[0]]
        step = step_of(node.place, kind, node.attributes, given, shape.channels, rank)
        if isinstance(step, Affine) and pixels_of(different[0]) is not None:
            return self._ranked(Value(node.place.name, kind, step, (different[0],), shape), rank)
        maps, step = before_flattening(node.place, different, step)
        stands_for = dict(zip(different, (self._off_image(part) for part in maps), strict=True))

        def run(tensors: dict[Value, Any]) -> Any:
            parts = [
                tensors[stands_for[part]] if isinstance(part, Value) else _uniform(part) for part in given
            ]
            return function(*parts)

        name = node.place.name
        sign = Place(name, "Sign" if kind == "Sign" else f"sign, ending in {kind}")
        made = self._elementwise.value(name, kind, sign, list(stands_for.values()), run, step)
        if maps != different:
            made = Value(made.path, "Flatten", Flat(), (made,), shape)
        return self._ranked(made, rank)

    def _off_image(self, value: Value) -> Value:
        found = numbers_of(value)
        self._ranks.setdefault(found, self._ranks.get(value, 4))
        return found


def _place(proto: Any) -> Place:
    """The module that a node comes from, where PyTorch's exporter says so, else the node's name."""
    scopes = next((part.value for part in proto.metadata_props if part.key == _SCOPES), "")
    names = re.findall(r"'([^']*)'", scopes)
    if len(names) < 2 or not names[-2]:
        return Place(proto.name or str(proto.output[0]), proto.op_type)
    return Place(names[-2], proto.op_type, "" if proto.op_type in _LAYERS else proto.op_type.lower())


def _uniform(constant: NDArray[Any] | None) -> Any:
    if constant is not None and constant.size and (constant == constant.flat[0]).all():
        return constant.flat[0]
    return constant
