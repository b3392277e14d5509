"""Weights of each operator as the bundle holds them (docs/bundle-format.md, "Weights by operator").

The tree's stream is tap_stream.py; here are the operators whose weights have a fixed place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph import (
    BinaryConv,
    Head,
    MaxPool,
    Output,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes.layout import dense_shape, head_bytes

_HEAD_PREFIX = 16


def pack_stem(op: StemConv) -> bytes:
    """int8 [out][in][kh][kw], then the pixel outside the image for each input channel."""
    return op.weight.tobytes() + op.pad_value.tobytes()


def pack_threshold(op: Threshold) -> bytes:
    """i32 values, then u8 comparisons."""
    return op.value.astype("<i4").tobytes() + op.compare.tobytes()


def unpack_threshold(data: bytes, channels: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """The inverse of `pack_threshold`."""
    value = np.frombuffer(data, "<i4", channels).astype(np.int32)
    return value, np.frombuffer(data, np.uint8, channels, 4 * channels).copy()


def pack_output(op: Output) -> bytes:
    """f32 scales, then f32 biases; nothing where the sums themselves are delivered."""
    if op.scale is None or op.bias is None:
        return b""
    return op.scale.astype("<f4").tobytes() + op.bias.astype("<f4").tobytes()


def unpack_output(data: bytes, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inverse of `pack_output`, where it is not empty."""
    scale, bias = np.frombuffer(data, "<f4", 2 * channels).reshape(2, channels).astype(np.float32)
    return scale, bias


def pack_dense(op: BinaryConv, binary: bool) -> bytes:
    """Sign bits [out][ky][kx][in], and if a weight is zero the same of `weight is not zero`."""
    sides = [op.weight > 0] if binary else [op.weight > 0, op.weight != 0]
    return b"".join(_channel_bits(side) for side in sides)


def _channel_bits(bits: NDArray[np.bool_]) -> bytes:
    out_channels, in_channels, kernel_h, kernel_w = bits.shape
    shape = dense_shape(in_channels, kernel_h * kernel_w)
    places = np.zeros((out_channels, kernel_h, kernel_w, shape.pixel_bytes * 8), np.bool_)
    places[..., :in_channels] = bits.transpose(0, 2, 3, 1)
    packed = np.packbits(places, axis=-1, bitorder="little").reshape(out_channels, -1)
    channels = np.zeros((out_channels, shape.channel_bytes), np.uint8)
    channels[:, : packed.shape[1]] = packed
    return channels.tobytes()


def unpack_dense(data: bytes, shape: tuple[int, int, int, int], binary: bool) -> NDArray[np.int8] | None:
    """The inverse of `pack_dense`; None if a bit is set where no weight is, or a zero weight has a sign."""
    out_channels, in_channels, kernel_h, kernel_w = shape
    layout = dense_shape(in_channels, kernel_h * kernel_w)
    used_bytes = kernel_h * kernel_w * layout.pixel_bytes
    sides = np.frombuffer(data, np.uint8).reshape(1 if binary else 2, out_channels, layout.channel_bytes)
    places = sides[..., :used_bytes].reshape(*sides.shape[:2], kernel_h, kernel_w, layout.pixel_bytes)
    bits = np.unpackbits(places, axis=-1, bitorder="little").astype(np.bool_)
    plus = bits[0]
    used = np.ones_like(plus) if binary else bits[1]
    if (
        sides[..., used_bytes:].any()
        or bits[..., in_channels:].any()
        or (plus & ~used)[..., :in_channels].any()
    ):
        return None
    weight = np.where(plus, 1, -1) * used
    return np.ascontiguousarray(weight[..., :in_channels].transpose(0, 3, 1, 2), np.int8)


def pack_scale(op: Requantize | RealConv) -> bytes:
    """i32 biases, i16 multipliers (not of a real convolution), u8 shifts."""
    multiplier = op.multiplier.astype("<i2").tobytes() if isinstance(op, Requantize) else b""
    return op.bias.astype("<i4").tobytes() + multiplier + op.shift.tobytes()


def unpack_scale(
    data: bytes, channels: int, *, multiplied: bool
) -> tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.uint8]]:
    """The inverse: multiplier (empty where there is none), bias, shift."""
    bias = np.frombuffer(data, "<i4", channels).astype(np.int32)
    multiplier = np.frombuffer(data, "<i2", channels if multiplied else 0, 4 * channels).astype(np.int16)
    shift = np.frombuffer(data, np.uint8, channels, 4 * channels + 2 * len(multiplier)).copy()
    return multiplier, bias, shift


def pack_prelu(op: PRelu) -> bytes:
    """i16 before, slope, after, each for all channels."""
    return b"".join(part.astype("<i2").tobytes() for part in (op.before, op.slope, op.after))


def unpack_prelu(data: bytes) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """The inverse of `pack_prelu`."""
    before, slope, after = np.frombuffer(data, "<i2").reshape(3, -1).astype(np.int16)
    return before, slope, after


def pack_real_head(op: RealHead) -> bytes:
    """i16 weights, zeros up to a multiple of 4 bytes, f32 scales, f32 biases."""
    weights = op.weight.astype("<i2").tobytes()
    padding = bytes(-len(weights) % 4)
    return weights + padding + op.scale.astype("<f4").tobytes() + op.bias.astype("<f4").tobytes()


def real_head_bytes(outputs: int, inputs: int) -> int:
    """Bytes of what `pack_real_head` makes."""
    return -(-2 * outputs * inputs // 4) * 4 + 8 * outputs


def unpack_real_head(
    data: bytes, outputs: int, inputs: int
) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float32]]:
    """The inverse: weight [O, K], scale, bias."""
    weight = np.frombuffer(data, "<i2", outputs * inputs).reshape(outputs, inputs).astype(np.int16)
    scale, bias = np.frombuffer(data[len(data) - 8 * outputs :], "<f4").reshape(2, outputs).astype(np.float32)
    return weight, scale, bias


def pack_pool(op: MaxPool, channels: int) -> bytes:
    """A bit a channel: it takes the minimum."""
    take_min = op.take_min if op.take_min is not None else np.zeros(channels, np.bool_)
    return np.packbits(take_min, bitorder="little").tobytes()


def unpack_pool(data: bytes, channels: int) -> NDArray[np.bool_] | None:
    """The inverse of `pack_pool`: None where all channels take the maximum, as the passes have it."""
    take_min = np.unpackbits(np.frombuffer(data, np.uint8), count=channels, bitorder="little").astype(
        np.bool_
    )
    return take_min if take_min.any() else None


def pack_head(op: Head, source: Shape) -> bytes:
    """Bits of the weights in two's complement, a row for each, then scale, bias and the weights' sums."""
    bit_count = head_bits(op.weight)
    bits = (op.weight.view(np.uint8)[:, None, :] >> np.arange(bit_count)[:, None] & 1).astype(np.bool_)
    rows = np.zeros((len(op.weight), bit_count, head_bytes(source)), np.uint8)
    packed = np.packbits(bits, axis=-1, bitorder="little")
    rows[..., : packed.shape[-1]] = packed
    parts = (
        bytes([bit_count]).ljust(_HEAD_PREFIX, b"\0"),
        rows.tobytes(),
        op.scale.astype("<f4").tobytes(),
        op.bias.astype("<f4").tobytes(),
        op.weight.sum(axis=1, dtype=np.int64).astype("<i4").tobytes(),
    )
    return b"".join(parts)


def unpack_head(
    data: bytes, outputs: int, source: Shape
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]] | None:
    """weight [O, K], scale, bias; None if the blob's parts do not fit each other."""
    bit_count = data[0]
    begin, row_total = _HEAD_PREFIX, outputs * bit_count * head_bytes(source)
    rows = np.frombuffer(data, np.uint8, row_total, begin).reshape(outputs, bit_count, -1)
    bits = np.unpackbits(rows, axis=-1, bitorder="little")
    inputs = source.channels * source.height * source.width
    if bits[..., inputs:].any() or any(data[1:_HEAD_PREFIX]):
        return None  # a bit is set where no weight is
    values = np.zeros((outputs, inputs), np.int16)
    for bit in range(bit_count):
        place = -(1 << bit) if bit == bit_count - 1 else 1 << bit
        values += bits[:, bit, :inputs].astype(np.int16) * np.int16(place)
    weight = values.astype(np.int8)
    scale, bias, sums = np.frombuffer(data, "<u4", 3 * outputs, begin + row_total).reshape(3, outputs)
    if not np.array_equal(weight.sum(axis=1, dtype=np.int64), sums.view("<i4")):
        return None
    return weight, scale.view("<f4").astype(np.float32), bias.view("<f4").astype(np.float32)


def head_bits(weight: NDArray[np.int8]) -> int:
    """The least two's complement width, 2 to 8, that holds every weight."""
    reach = int(np.maximum(-(weight.astype(np.int16)) - 1, weight).max(initial=0))
    return max(2, reach.bit_length() + 1)
