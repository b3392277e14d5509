"""Each operator of `spanbit.graph` as its definition. Tensors are [channels, height, width].

P = binary_conv(op, bits)       # int32
bits = threshold(op, P)         # bool
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Compare, Head, MaxPool2x2, Output, OutputKind, StemConv, Threshold

Bits = NDArray[np.bool_]
Ints = NDArray[np.int32]


def stem_conv(op: StemConv, image: NDArray[np.uint8]) -> Ints:
    """Image [H, W, C] -> P [O, H', W']."""
    planar = image.transpose(2, 0, 1).astype(np.int64)
    framed = [_frame(plane, op.padding, int(pad)) for plane, pad in zip(planar, op.pad_value, strict=True)]
    return _convolve(np.stack(framed), op.weight, op.stride)


def binary_conv(op: BinaryConv, bits: Bits) -> Ints:
    """P = sum_k w_k a_k, a = +1 where the bit is set, -1 where it is not, and of `outside` elsewhere."""
    signs = np.where(bits, 1, -1).astype(np.int64)
    outside = op.outside.activation
    return _convolve(np.stack([_frame(plane, op.padding, outside) for plane in signs]), op.weight, op.stride)


def threshold(op: Threshold, sums: Ints) -> Bits:
    """One comparison a channel."""
    value = op.value[:, None, None]
    compare = op.compare[:, None, None]
    at_least = (compare == Compare.GE) & (sums >= value)
    at_most = (compare == Compare.LE) & (sums <= value)
    bits: Bits = at_least | at_most | (compare == Compare.ALWAYS)
    return bits


def max_pool(op: MaxPool2x2, tensor: NDArray[Any]) -> NDArray[Any]:
    """Maximum of 2x2 (minimum where `take_min`); an odd last row or column is dropped."""
    channels, height, width = tensor.shape
    windows = tensor[:, : height // 2 * 2, : width // 2 * 2].reshape(channels, height // 2, 2, width // 2, 2)
    largest, least = windows.max(axis=(2, 4)), windows.min(axis=(2, 4))
    take_min = np.zeros(channels, np.bool_) if op.take_min is None else op.take_min
    pooled: NDArray[Any] = np.where(take_min[:, None, None], least, largest)
    return pooled


def head_sums(op: Head, bits: Bits) -> Ints:
    """sum_k w_k a_k of each output, int32 [O]."""
    signs = np.where(bits.reshape(-1), 1, -1).astype(np.int64)
    return (op.weight.astype(np.int64) @ signs).astype(np.int32)


def head(op: Head, bits: Bits) -> NDArray[np.float32]:
    """Logits, float32 [O]: one multiplication and one addition, each rounded."""
    scaled = (head_sums(op, bits).astype(np.float32) * op.scale).astype(np.float32)
    return (scaled + op.bias).astype(np.float32)


def output(op: Output, sums: Ints) -> NDArray[Any]:
    """P as it is, int16 or int32, or float32: one multiplication and one addition, each rounded."""
    if op.kind is not OutputKind.FLOAT32:
        return sums.astype(np.int16 if op.kind is OutputKind.INT16 else np.int32)
    assert op.scale is not None and op.bias is not None
    scaled = (sums.astype(np.float32) * op.scale[:, None, None]).astype(np.float32)
    return (scaled + op.bias[:, None, None]).astype(np.float32)


def _frame(plane: NDArray[np.int64], padding: int, value: int) -> NDArray[np.int64]:
    return np.pad(plane, padding, constant_values=value)


def _convolve(padded: NDArray[np.int64], weight: NDArray[np.int8], stride: int) -> Ints:
    """Cross-correlation, as deep learning calls a convolution; int64 inside, so nothing can wrap."""
    kernel = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
    strided = windows[:, ::stride, ::stride]
    sums: NDArray[np.int64] = np.einsum("cyxij,ocij->oyx", strided, weight.astype(np.int64), optimize=True)
    return sums.astype(np.int32)
