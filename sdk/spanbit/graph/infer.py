"""The tensor that one operator makes of others, or why it cannot: the checks of a single operator.

infer(op, [TensorInfo(Kind.BITS, Shape(64, 8, 8))])     # TensorInfo(Kind.INT, ...)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Head,
    Kind,
    MaxPool,
    Op,
    Output,
    OutputKind,
    Padding,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)

MAX_CHANNELS = 4096
MAX_SIDE = 1024
MAX_KERNEL = 7
MAX_SHIFT = 31
MAX_BIAS = 1 << 30
MAX_WEIGHT_SUM = 0xFFFF
"""Of the magnitudes of a row of int16 weights: its sums with int16 numbers stay inside int32."""
_MEAN_SIDE_MAX = 255  # the bundle's field; sums stay far inside int32


@dataclass(frozen=True)
class TensorInfo:
    """What one operator delivers."""

    kind: Kind
    shape: Shape


def conv_side(side: int, kernel: int, stride: int, padding: int, ceil: bool = False) -> int:
    """Output rows (columns) of a convolution or a pool over `side` rows (columns).

    With `ceil` one more where pixels are left, unless that window begins behind the image.
    """
    room = side + 2 * padding - kernel + (stride - 1 if ceil else 0)
    count = room // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= side + padding else count


def refused(op: Op, what: str, fix: str = "") -> SpanbitError:
    """The error of a graph that cannot be, naming the layer."""
    return SpanbitError(what, where=f"layer {op.name!r}", fix=fix, code=ExitCode.UNSUPPORTED_MODEL)


def infer(op: Op, sources: list[TensorInfo]) -> TensorInfo:
    """What `op` makes of tensors like `sources`.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL; the operator does not take them, or its own arrays do not fit.
    """
    if isinstance(op, Add | Concat):
        return _joined(op, sources)
    if len(sources) != 1:
        raise refused(op, f"{type(op).__name__} takes one tensor, it is given {len(sources)}")
    return _single(op, sources[0])


def _joined(op: Add | Concat, sources: list[TensorInfo]) -> TensorInfo:
    first = sources[0] if sources else None
    if first is None or len(sources) < 2 or (isinstance(op, Add) and len(sources) > 2):
        wanted = "two tensors" if isinstance(op, Add) else "two tensors or more"
        raise refused(op, f"{type(op).__name__} takes {wanted}, it is given {len(sources)}")
    for source in sources:
        _expect(op, source, (Kind.REAL,) if isinstance(op, Add) else (Kind.REAL, Kind.BITS))
        sides = (source.shape.height, source.shape.width)
        if source.kind is not first.kind or sides != (first.shape.height, first.shape.width):
            raise refused(op, f"{source.kind.value} {source.shape} beside {first.kind.value} {first.shape}")
    if isinstance(op, Add):
        if sources[1].shape != first.shape:
            raise refused(op, f"a shortcut of {sources[1].shape} onto {first.shape}")
        return first
    channels = sum(source.shape.channels for source in sources)
    if channels > MAX_CHANNELS:
        raise refused(op, f"{channels} channels together", f"use up to {MAX_CHANNELS}")
    return TensorInfo(first.kind, Shape(channels, first.shape.height, first.shape.width))


def _single(op: Op, source: TensorInfo) -> TensorInfo:
    shape = source.shape
    match op:
        case StemConv():
            _expect(op, source, (Kind.U8,))
            if op.pad_value.shape != (shape.channels,):
                raise refused(op, f"pad_value needs {shape.channels} values, got {op.pad_value.shape}")
            return _conv(op, source)
        case BinaryConv():
            _expect(op, source, (Kind.BITS,))
            if not isinstance(op.outside, Padding):
                known = ", ".join(f"Padding.{padding.name}" for padding in Padding)
                raise refused(op, f"padding {op.outside!r}", f"use one of {known}")
            if op.weight.size and (op.weight.min() < -1 or op.weight.max() > 1):
                raise refused(op, "weights must be -1, 0 or +1")
            return _conv(op, source)
        case Threshold():
            _expect(op, source, (Kind.INT, Kind.REAL))
            if op.value.shape != (shape.channels,) or op.compare.shape != (shape.channels,):
                raise refused(op, f"thresholds for {op.value.shape} channels, the input has {shape.channels}")
            return TensorInfo(Kind.BITS, shape)
        case MaxPool():
            return _max_pool(op, source)
        case Requantize():
            _expect(op, source, (Kind.INT,))
            _check_array(op, "multiplier", op.multiplier, np.int16, (shape.channels,))
            _check_scale(op, op.bias, op.shift, shape.channels)
            return TensorInfo(Kind.REAL, shape)
        case PRelu():
            _expect(op, source, (Kind.REAL,))
            for name in ("before", "slope", "after"):
                _check_array(op, name, getattr(op, name), np.int16, (shape.channels,))
            return source
        case AvgPool():
            return _avg_pool(op, source)
        case RealConv():
            return _real_conv(op, source)
        case Output():
            _expect(op, source, (Kind.INT,))
            return TensorInfo(_output(op, shape.channels), shape)
        case Head() | RealHead():
            return _head(op, source)
        case _:
            raise AssertionError(op)


def _conv(op: StemConv | BinaryConv, source: TensorInfo) -> TensorInfo:
    weight = op.weight
    if weight.ndim != 4 or weight.dtype != np.int8:
        raise refused(op, f"weights must be int8 [O, C, kh, kw], got {weight.dtype} {weight.shape}")
    out_channels, in_channels, kernel_h, kernel_w = weight.shape
    if in_channels != source.shape.channels:
        raise refused(
            op, f"weights expect {in_channels} input channels, the input has {source.shape.channels}"
        )
    if not (1 <= kernel_h <= MAX_KERNEL and 1 <= kernel_w <= MAX_KERNEL):
        raise refused(op, f"kernel {kernel_h}x{kernel_w} is outside 1x1 to {MAX_KERNEL}x{MAX_KERNEL}")
    if op.stride not in (1, 2):
        raise refused(op, f"stride {op.stride}", "use stride 1 or 2")
    if not 0 <= op.padding < max(kernel_h, kernel_w):
        raise refused(
            op, f"padding {op.padding} with kernel {kernel_h}x{kernel_w}", "pad by less than the kernel"
        )
    if not 1 <= out_channels <= MAX_CHANNELS:
        raise refused(op, f"{out_channels} output channels", f"use 1 to {MAX_CHANNELS}")
    ceil = isinstance(op, StemConv) and op.ceil
    height = conv_side(source.shape.height, kernel_h, op.stride, op.padding, ceil)
    width = conv_side(source.shape.width, kernel_w, op.stride, op.padding, ceil)
    if height < 1 or width < 1:
        raise refused(op, f"the image {source.shape} is smaller than the kernel {kernel_h}x{kernel_w}")
    return TensorInfo(Kind.INT, Shape(out_channels, height, width))


def _max_pool(op: MaxPool, source: TensorInfo) -> TensorInfo:
    _expect(op, source, (Kind.INT, Kind.BITS, Kind.REAL))
    shape, size = source.shape, op.kernel
    if not (2 <= size <= MAX_KERNEL and 1 <= op.stride <= size and 0 <= op.padding <= size // 2):
        raise refused(
            op,
            f"a pool of {size}x{size} with stride {op.stride} and padding {op.padding}",
            f"use 2 to {MAX_KERNEL}, a stride up to that, a padding up to half of it",
        )
    if source.kind is Kind.INT and (size, op.stride, op.padding, op.ceil) != (2, 2, 0, False):
        raise refused(op, "a pool of integers that is not 2x2 with stride 2", "put it behind the sign")
    if op.take_min is not None and source.kind is Kind.INT:
        raise refused(op, "a pool of integers that takes minima")
    if op.take_min is not None and op.take_min.shape != (shape.channels,):
        raise refused(op, f"take_min for {op.take_min.shape} channels, the input has {shape.channels}")
    height = conv_side(shape.height, size, op.stride, op.padding, op.ceil)
    width = conv_side(shape.width, size, op.stride, op.padding, op.ceil)
    if height < 1 or width < 1:
        raise refused(op, f"cannot pool an image of {shape.height}x{shape.width}", "drop this pool")
    return TensorInfo(source.kind, Shape(shape.channels, height, width))


def _avg_pool(op: AvgPool, source: TensorInfo) -> TensorInfo:
    _expect(op, source, (Kind.REAL,))
    shape, (rows, columns) = source.shape, op.kernel
    if not (1 <= rows <= _MEAN_SIDE_MAX and 1 <= columns <= _MEAN_SIDE_MAX):
        raise refused(op, f"means of {rows}x{columns} pixels", f"use sides up to {_MEAN_SIDE_MAX}")
    if not 1 <= op.stride <= min(rows, columns):
        raise refused(op, f"stride {op.stride} with windows of {rows}x{columns}", "use a stride up to them")
    height = conv_side(shape.height, rows, op.stride, 0, op.ceil)
    width = conv_side(shape.width, columns, op.stride, 0, op.ceil)
    if height < 1 or width < 1:
        raise refused(op, f"cannot pool an image of {shape.height}x{shape.width}", "drop this pool")
    return TensorInfo(Kind.REAL, Shape(shape.channels, height, width))


def _real_conv(op: RealConv, source: TensorInfo) -> TensorInfo:
    _expect(op, source, (Kind.REAL,))
    shape = source.shape
    outputs = len(op.weight)
    _check_array(op, "weights", op.weight, np.int16, (outputs, shape.channels))
    _check_scale(op, op.bias, op.shift, outputs)
    sums = np.abs(op.weight.astype(np.int64)).sum(axis=1) * (1 << 15) + np.abs(op.bias.astype(np.int64))
    if sums.max(initial=0) > np.iinfo(np.int32).max:
        raise refused(op, "sums that can leave int32", "use smaller weights and a smaller shift")
    if op.stride not in (1, 2):
        raise refused(op, f"stride {op.stride}", "use stride 1 or 2")
    if not 1 <= outputs <= MAX_CHANNELS:
        raise refused(op, f"{outputs} output channels", f"use 1 to {MAX_CHANNELS}")
    height, width = conv_side(shape.height, 1, op.stride, 0), conv_side(shape.width, 1, op.stride, 0)
    return TensorInfo(Kind.REAL, Shape(outputs, height, width))


def _head(op: Head | RealHead, source: TensorInfo) -> TensorInfo:
    shape = source.shape
    size = shape.channels * shape.height * shape.width
    _expect(op, source, (Kind.BITS,) if isinstance(op, Head) else (Kind.REAL,))
    if op.weight.ndim != 2 or op.weight.shape[1] != size:
        raise refused(op, f"weights {op.weight.shape} do not fit {size} inputs ({shape})")
    outputs = op.weight.shape[0]
    if isinstance(op, RealHead):
        _check_array(op, "weights", op.weight, np.int16, (outputs, size))
        if np.abs(op.weight.astype(np.int64)).sum(axis=1).max(initial=0) > MAX_WEIGHT_SUM:
            raise refused(op, f"a row of weights whose magnitudes sum to more than {MAX_WEIGHT_SUM}")
    elif op.weight.dtype != np.int8 or (op.weight.size and op.weight.min() == -128):
        raise refused(op, "weights must be int8 and above -128")
    if op.scale.shape != (outputs,) or op.bias.shape != (outputs,):
        raise refused(op, f"scale {op.scale.shape} and bias {op.bias.shape} for {outputs} outputs")
    return TensorInfo(Kind.LOGITS, Shape(outputs, 1, 1))


def _check_array(
    op: Op, name: str, array: NDArray[np.generic], dtype: DTypeLike, shape: tuple[int, ...]
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise refused(op, f"{name} must be {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")


def _check_scale(op: Op, bias: NDArray[np.int32], shift: NDArray[np.uint8], channels: int) -> None:
    _check_array(op, "bias", bias, np.int32, (channels,))
    _check_array(op, "shift", shift, np.uint8, (channels,))
    if np.abs(bias.astype(np.int64)).max(initial=0) > MAX_BIAS or shift.max(initial=0) > MAX_SHIFT:
        raise refused(op, f"a bias beyond {MAX_BIAS} or a shift beyond {MAX_SHIFT}")


_DELIVERED = {
    OutputKind.INT16: Kind.INT16,
    OutputKind.INT32: Kind.INT,
    OutputKind.FLOAT32: Kind.FLOAT,
}


def _output(op: Output, channels: int) -> Kind:
    if op.kind not in _DELIVERED:
        raise refused(op, f"output of kind {op.kind!r}", "use OutputKind.INT16, INT32 or FLOAT32")
    if op.kind is not OutputKind.FLOAT32 and (op.scale is not None or op.bias is not None):
        raise refused(op, f"a scale or a bias for {op.kind.name}", "use OutputKind.FLOAT32")
    for part in (op.scale, op.bias) if op.kind is OutputKind.FLOAT32 else ():
        if part is None or part.shape != (channels,) or part.dtype != np.float32:
            raise refused(op, f"scale and bias must be float32 of {channels} channels")
    return _DELIVERED[op.kind]


def _expect(op: Op, source: TensorInfo, kinds: tuple[Kind, ...]) -> None:
    if source.kind not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        raise refused(
            op, f"{type(op).__name__} takes {wanted}, the layer before it gives {source.kind.value}"
        )
