"""Each operator of `spanbit.graph` as its definition. Tensors are [channels, height, width].

P = binary_conv(op, bits)       # int32
bits = threshold(op, P)         # bool
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.infer import conv_side
from spanbit.graph.ops import (
    AvgPool,
    BinaryConv,
    Compare,
    Head,
    MaxPool,
    Output,
    OutputKind,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    StemConv,
    Threshold,
)

Bits = NDArray[np.bool_]
Ints = NDArray[np.int32]
Reals = NDArray[np.int16]

_PRELU_POINT = 14


def stem_conv(op: StemConv, image: NDArray[np.uint8]) -> Ints:
    """Image [H, W, C] -> P [O, H', W']."""
    planar = image.transpose(2, 0, 1).astype(np.int64)
    over = op.stride - 1 if op.ceil else 0
    framed = [
        _frame(plane, op.padding, int(pad), over) for plane, pad in zip(planar, op.pad_value, strict=True)
    ]
    sides = zip(image.shape[:2], op.weight.shape[2:], strict=True)
    rows, columns = (conv_side(side, kernel, op.stride, op.padding, op.ceil) for side, kernel in sides)
    return np.ascontiguousarray(_convolve(np.stack(framed), op.weight, op.stride)[:, :rows, :columns])


def binary_conv(op: BinaryConv, bits: Bits) -> Ints:
    """P = sum_k w_k a_k, a = +1 where the bit is set, -1 where it is not, and of `outside` elsewhere."""
    signs = np.where(bits, 1, -1).astype(np.int64)
    outside = op.outside.activation
    return _convolve(np.stack([_frame(plane, op.padding, outside) for plane in signs]), op.weight, op.stride)


def threshold(op: Threshold, numbers: Ints | Reals) -> Bits:
    """One comparison a channel."""
    value = op.value[:, None, None]
    compare = op.compare[:, None, None]
    at_least = (compare == Compare.GE) & (numbers >= value)
    at_most = (compare == Compare.LE) & (numbers <= value)
    bits: Bits = at_least | at_most | (compare == Compare.ALWAYS)
    return bits


def max_pool(op: MaxPool, tensor: NDArray[Any]) -> NDArray[Any]:
    """Maximum of each window (minimum where `take_min`) over its pixels inside the image."""
    take_min = np.zeros(len(tensor), np.bool_) if op.take_min is None else op.take_min
    pooled = np.stack(
        [_pool_plane(op, plane, least=bool(least)) for plane, least in zip(tensor, take_min, strict=True)]
    )
    return pooled.astype(tensor.dtype)


def _pool_plane(op: MaxPool, plane: NDArray[Any], *, least: bool) -> NDArray[np.int64]:
    numbers = -plane.astype(np.int64) if least else plane.astype(np.int64)
    framed = _frame(numbers, op.padding, np.iinfo(np.int64).min, op.stride - 1 if op.ceil else 0)
    windows = np.lib.stride_tricks.sliding_window_view(framed, (op.kernel, op.kernel))
    rows, columns = (conv_side(side, op.kernel, op.stride, op.padding, op.ceil) for side in plane.shape)
    largest: NDArray[np.int64] = windows[:: op.stride, :: op.stride].max(axis=(2, 3))[:rows, :columns]
    return -largest if least else largest


def saturate(numbers: NDArray[np.int64]) -> Reals:
    """The nearest numbers of int16."""
    ends = np.iinfo(np.int16)
    return np.clip(numbers, ends.min, ends.max).astype(np.int16)


def requantize(op: Requantize, sums: Ints) -> Reals:
    """sat((multiplier P + bias) >> shift) of each channel."""
    multiplier, bias, shift = (
        part.astype(np.int64)[:, None, None] for part in (op.multiplier, op.bias, op.shift)
    )
    return saturate((multiplier * sums.astype(np.int64) + bias) >> shift)


def add(one: Reals, other: Reals) -> Reals:
    """The sum, saturated."""
    return saturate(one.astype(np.int64) + other.astype(np.int64))


def prelu(op: PRelu, numbers: Reals) -> Reals:
    """Shifted, PReLU with a slope in units of 2^-14, shifted back."""
    before, slope, after = (part.astype(np.int64)[:, None, None] for part in (op.before, op.slope, op.after))
    shifted = saturate(numbers.astype(np.int64) + before).astype(np.int64)
    below = (slope * shifted + (1 << (_PRELU_POINT - 1))) >> _PRELU_POINT
    return saturate(np.where(shifted >= 0, shifted, below) + after)


def avg_pool(op: AvgPool, numbers: Reals) -> Reals:
    """floor((2 sum + n) / (2 n)) over the n pixels of each window that lie inside."""
    _, height, width = numbers.shape
    rows, columns = op.kernel
    over = op.stride - 1 if op.ceil else 0
    out_rows = (height + over - rows) // op.stride + 1
    out_columns = (width + over - columns) // op.stride + 1
    pooled = np.empty((len(numbers), out_rows, out_columns), np.int64)
    for y in range(out_rows):
        for x in range(out_columns):
            top, left = y * op.stride, x * op.stride
            window = numbers[:, top : top + rows, left : left + columns].astype(np.int64)
            count = window.shape[1] * window.shape[2]
            pooled[:, y, x] = (2 * window.sum(axis=(1, 2)) + count) // (2 * count)
    return saturate(pooled)


def real_conv(op: RealConv, numbers: Reals) -> Reals:
    """1x1 convolution: sat((sum w x + bias) >> shift)."""
    strided = numbers[:, :: op.stride, :: op.stride].astype(np.int64)
    sums = np.einsum("oc,cyx->oyx", op.weight.astype(np.int64), strided)
    bias, shift = op.bias.astype(np.int64), op.shift.astype(np.int64)
    return saturate((sums + bias[:, None, None]) >> shift[:, None, None])


def concat(tensors: list[NDArray[Any]]) -> NDArray[Any]:
    """Channels of all, one after the other."""
    return np.concatenate(tensors)


def head_sums(op: Head, bits: Bits) -> Ints:
    """sum_k w_k a_k of each output, int32 [O]."""
    signs = np.where(bits.reshape(-1), 1, -1).astype(np.int64)
    return (op.weight.astype(np.int64) @ signs).astype(np.int32)


def head(op: Head, bits: Bits) -> NDArray[np.float32]:
    """Logits, float32 [O]: one multiplication and one addition, each rounded."""
    scaled = (head_sums(op, bits).astype(np.float32) * op.scale).astype(np.float32)
    return (scaled + op.bias).astype(np.float32)


def real_head_sums(op: RealHead, numbers: Reals) -> Ints:
    """sum_k w_k x_k of each output, int32 [O]."""
    return (op.weight.astype(np.int64) @ numbers.reshape(-1).astype(np.int64)).astype(np.int32)


def real_head(op: RealHead, numbers: Reals) -> NDArray[np.float32]:
    """Logits, float32 [O]: one multiplication and one addition, each rounded."""
    scaled = (real_head_sums(op, numbers).astype(np.float32) * op.scale).astype(np.float32)
    return (scaled + op.bias).astype(np.float32)


def output(op: Output, sums: Ints) -> NDArray[Any]:
    """P as it is, int16 or int32, or float32: one multiplication and one addition, each rounded."""
    if op.kind is not OutputKind.FLOAT32:
        return sums.astype(np.int16 if op.kind is OutputKind.INT16 else np.int32)
    assert op.scale is not None and op.bias is not None
    scaled = (sums.astype(np.float32) * op.scale[:, None, None]).astype(np.float32)
    return (scaled + op.bias[:, None, None]).astype(np.float32)


def _frame(plane: NDArray[np.int64], padding: int, value: int, over: int = 0) -> NDArray[np.int64]:
    """The plane with `padding` around, and `over` more below and to the right."""
    return np.pad(plane, (padding, padding + over), constant_values=value)


def _convolve(padded: NDArray[np.int64], weight: NDArray[np.int8], stride: int) -> Ints:
    """Cross-correlation, as deep learning calls a convolution.

    In float64, which holds these integers exactly: no sum comes near 2^53, and its matrix product is fast.
    """
    outputs, channels, *kernel = weight.shape
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride, ::stride]
    height, width = windows.shape[1:3]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(channels * kernel[0] * kernel[1], height * width)
    sums: NDArray[np.float64] = weight.reshape(outputs, -1).astype(np.float64) @ columns.astype(np.float64)
    return sums.reshape(outputs, height, width).astype(np.int32)
