"""Checks a graph once, at the border, and gives the shape of every tensor in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    BinaryConv,
    Graph,
    Head,
    Kind,
    MaxPool2x2,
    Op,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
)

MAX_CHANNELS = 4096
MAX_SIDE = 1024
MAX_KERNEL = 7


@dataclass(frozen=True)
class TensorInfo:
    """What one operator delivers."""

    kind: Kind
    shape: Shape


def conv_side(side: int, kernel: int, stride: int, padding: int) -> int:
    """Output rows (columns) of a convolution over `side` rows (columns)."""
    return (side + 2 * padding - kernel) // stride + 1


def _fail(op: Op, what: str, fix: str = "") -> SpanbitError:
    return SpanbitError(what, where=f"layer {op.name!r}", fix=fix, code=ExitCode.UNSUPPORTED_MODEL)


def _conv(op: StemConv | BinaryConv, source: TensorInfo) -> TensorInfo:
    weight = op.weight
    if weight.ndim != 4 or weight.dtype != np.int8:
        raise _fail(op, f"weights must be int8 [O, C, kh, kw], got {weight.dtype} {weight.shape}")
    out_channels, in_channels, kernel_h, kernel_w = weight.shape
    if in_channels != source.shape.channels:
        raise _fail(op, f"weights expect {in_channels} input channels, the input has {source.shape.channels}")
    if not (1 <= kernel_h <= MAX_KERNEL and 1 <= kernel_w <= MAX_KERNEL):
        raise _fail(op, f"kernel {kernel_h}x{kernel_w} is outside 1x1 to {MAX_KERNEL}x{MAX_KERNEL}")
    if op.stride not in (1, 2):
        raise _fail(op, f"stride {op.stride}", "use stride 1 or 2")
    if not 0 <= op.padding < max(kernel_h, kernel_w):
        raise _fail(
            op, f"padding {op.padding} with kernel {kernel_h}x{kernel_w}", "pad by less than the kernel"
        )
    if not 1 <= out_channels <= MAX_CHANNELS:
        raise _fail(op, f"{out_channels} output channels", f"use 1 to {MAX_CHANNELS}")
    height = conv_side(source.shape.height, kernel_h, op.stride, op.padding)
    width = conv_side(source.shape.width, kernel_w, op.stride, op.padding)
    if height < 1 or width < 1:
        raise _fail(op, f"the image {source.shape} is smaller than the kernel {kernel_h}x{kernel_w}")
    return TensorInfo(Kind.INT, Shape(out_channels, height, width))


def _step(op: Op, source: TensorInfo) -> TensorInfo:
    shape = source.shape
    match op:
        case StemConv():
            _expect(op, source, (Kind.U8,))
            if op.pad_value.shape != (shape.channels,):
                raise _fail(op, f"pad_value needs {shape.channels} values, got {op.pad_value.shape}")
            return _conv(op, source)
        case BinaryConv():
            _expect(op, source, (Kind.BITS,))
            if not isinstance(op.outside, Padding):
                known = ", ".join(f"Padding.{padding.name}" for padding in Padding)
                raise _fail(op, f"padding {op.outside!r}", f"use one of {known}")
            if op.weight.size and (op.weight.min() < -1 or op.weight.max() > 1):
                raise _fail(op, "weights must be -1, 0 or +1")
            return _conv(op, source)
        case Threshold():
            _expect(op, source, (Kind.INT,))
            if op.value.shape != (shape.channels,) or op.compare.shape != (shape.channels,):
                raise _fail(op, f"thresholds for {op.value.shape} channels, the input has {shape.channels}")
            return TensorInfo(Kind.BITS, shape)
        case MaxPool2x2():
            _expect(op, source, (Kind.INT, Kind.BITS))
            if shape.height < 2 or shape.width < 2:
                raise _fail(op, f"cannot pool an image of {shape.height}x{shape.width}", "drop this pool")
            return TensorInfo(source.kind, Shape(shape.channels, shape.height // 2, shape.width // 2))
        case Output():
            _expect(op, source, (Kind.INT,))
            return TensorInfo(_output(op, shape.channels), shape)
        case Head():
            _expect(op, source, (Kind.BITS,))
            size = shape.channels * shape.height * shape.width
            if op.weight.ndim != 2 or op.weight.shape[1] != size:
                raise _fail(op, f"weights {op.weight.shape} do not fit {size} inputs ({shape})")
            if op.weight.dtype != np.int8 or (op.weight.size and op.weight.min() == -128):
                raise _fail(op, "weights must be int8 and above -128")
            outputs = op.weight.shape[0]
            if op.scale.shape != (outputs,) or op.bias.shape != (outputs,):
                raise _fail(op, f"scale {op.scale.shape} and bias {op.bias.shape} for {outputs} outputs")
            return TensorInfo(Kind.LOGITS, Shape(outputs, 1, 1))


_DELIVERED = {
    OutputKind.INT16: Kind.INT16,
    OutputKind.INT32: Kind.INT,
    OutputKind.FLOAT32: Kind.FLOAT,
}


def _output(op: Output, channels: int) -> Kind:
    if op.kind not in _DELIVERED:
        raise _fail(op, f"output of kind {op.kind!r}", "use OutputKind.INT16, INT32 or FLOAT32")
    if op.kind is not OutputKind.FLOAT32 and (op.scale is not None or op.bias is not None):
        raise _fail(op, f"a scale or a bias for {op.kind.name}", "use OutputKind.FLOAT32")
    for part in (op.scale, op.bias) if op.kind is OutputKind.FLOAT32 else ():
        if part is None or part.shape != (channels,) or part.dtype != np.float32:
            raise _fail(op, f"scale and bias must be float32 of {channels} channels")
    return _DELIVERED[op.kind]


def _check_end(graph: Graph) -> None:
    first, last = (graph.ops[0], graph.ops[-1]) if graph.ops else (None, None)
    if not isinstance(first, StemConv) or not isinstance(last, Head | Output):
        raise SpanbitError(
            "a network must begin with an 8-bit stem convolution and end with a fully connected head, "
            "or with a binary convolution and its output",
            where=graph.name,
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    for op, following in pairwise(graph.ops):
        if isinstance(op, Output):
            raise _fail(op, "an output that is not the last operator", "let it end the network")
        if isinstance(following, Output):
            _check_sums(op, following)


def _check_sums(op: Op, output: Output) -> None:
    if not isinstance(op, BinaryConv):
        raise _fail(output, "an output behind another operator than a binary convolution")
    reach = int(np.count_nonzero(op.weight, axis=(1, 2, 3)).max(initial=0))
    if output.kind is OutputKind.INT16 and reach > np.iinfo(np.int16).max:
        raise _fail(output, f"sums of {reach} taps do not fit int16", "use OutputKind.INT32")


def _expect(op: Op, source: TensorInfo, kinds: tuple[Kind, ...]) -> None:
    if source.kind not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        raise _fail(op, f"{type(op).__name__} takes {wanted}, the layer before it gives {source.kind.value}")


def validate(graph: Graph) -> list[TensorInfo]:
    """The tensor that each operator delivers, one per operator.

    Raises:
        SpanbitError: an operator does not fit the one before it; the message names the layer.
    """
    shape = graph.input
    if not (1 <= shape.channels <= 4 and 1 <= shape.height <= MAX_SIDE and 1 <= shape.width <= MAX_SIDE):
        raise SpanbitError(
            f"an input image of {shape}",
            where=graph.name,
            fix=f"use 1 to 4 channels and sides up to {MAX_SIDE}",
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    _check_end(graph)
    infos: list[TensorInfo] = []
    current = TensorInfo(Kind.U8, shape)
    for op in graph.ops:
        current = _step(op, current)
        infos.append(current)
    return infos
