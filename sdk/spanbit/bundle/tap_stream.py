"""The differing taps of a tree as a bit stream: gaps in Rice code, a sign only where it is not implied.

    data = encode_taps(tree, weight)
    weight = decode_taps(data, nodes, taps, binary)

Format: docs/bundle-format.md, "Tree". `weight` is [C, L]; the stream holds the signed rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.tree import ZERO, ChannelTree

_Bits = NDArray[np.uint8]
_RICE_BITS = 5


class StreamError(ValueError):
    """The stream is malformed; the reader says where."""


def encode_taps(tree: ChannelTree, weight: NDArray[np.int8]) -> bytes:
    """The stream of all nodes in order of calculation; the last byte is padded with 0."""
    signed = weight[tree.channel] * tree.sign[:, None]
    binary = is_binary(weight)
    parts: list[_Bits] = [np.zeros(0, np.uint8)]
    for row, parent in zip(signed, tree.parent, strict=True):
        if parent == ZERO and binary:
            parts.append((row > 0).astype(np.uint8))
        else:
            before = np.zeros_like(row) if parent == ZERO else signed[parent]
            parts.append(_encode_node(before, row, binary))
    return np.packbits(np.concatenate(parts), bitorder="little").tobytes()


def is_binary(weight: NDArray[np.int8]) -> bool:
    """No weight is zero: then the sign of a changed tap follows from its parent's."""
    return bool(weight.all())


def _encode_node(before: NDArray[np.int8], after: NDArray[np.int8], binary: bool) -> _Bits:
    taps = np.flatnonzero(before != after)
    gaps = np.diff(taps, prepend=-1) - 1
    rice = _best_rice(gaps)
    was_zero = before[taps] == 0
    has_sign = was_zero if binary else np.ones_like(was_zero)
    sign = np.where(was_zero, after[taps] > 0, after[taps] != 0)

    quotient = gaps >> rice
    length = quotient + 1 + rice + has_sign
    begin = _RICE_BITS + np.cumsum(length) - length
    bits = np.zeros(_RICE_BITS + int(length.sum()), np.uint8)
    bits[:_RICE_BITS] = rice >> np.arange(_RICE_BITS) & 1
    within = np.arange(int(quotient.sum())) - np.repeat(np.cumsum(quotient) - quotient, quotient)
    bits[np.repeat(begin, quotient) + within] = 1  # unary quotients; the 0 behind each stands already
    for low in range(rice):
        bits[begin + quotient + 1 + low] = gaps >> low & 1
    bits[(begin + length - 1)[has_sign]] = sign[has_sign]
    return bits


def _best_rice(gaps: NDArray[np.int64]) -> int:
    sizes = [int((gaps >> rice).sum()) + rice * len(gaps) for rice in range(16)]
    return int(np.argmin(sizes))


@dataclass(frozen=True)
class StreamNode:
    """What the decoder must know of a node."""

    parent: int  # position, or ZERO
    distance: int


def decode_taps(data: bytes, nodes: Sequence[StreamNode], taps: int, binary: bool) -> NDArray[np.int8]:
    """The signed rows [C, L], by position in the order of calculation.

    Raises:
        StreamError: the stream ends early or late, a tap lies outside the row, a padding bit is set.
    """
    reader = _Reader(data)
    rows = np.zeros((len(nodes), taps), np.int8)
    for at, node in enumerate(nodes):
        row = rows[at]
        if node.parent != ZERO:
            row[:] = rows[node.parent]
        elif binary:
            if node.distance != taps:
                raise StreamError(f"node {at}: a child of zero has {node.distance} of {taps} taps")
            row[:] = [1 if reader.bit() else -1 for _ in range(taps)]
            continue
        _decode_node(reader, row, node.distance, binary, at)
    if reader.bits_left >= 8 or any(reader.bit() for _ in range(reader.bits_left)):
        raise StreamError("bytes are left behind the last node")
    return rows


def _decode_node(reader: _Reader, row: NDArray[np.int8], distance: int, binary: bool, at: int) -> None:
    rice = reader.number(_RICE_BITS)
    tap = -1
    for _ in range(distance):
        quotient = 0
        while reader.bit():
            quotient += 1
            if quotient >= len(row):
                raise StreamError(f"node {at}: a gap is wider than the row")
        tap += 1 + (quotient << rice | reader.number(rice))
        if tap >= len(row):
            raise StreamError(f"node {at}: tap {tap} of {len(row)}")
        before = int(row[tap])
        if before == 0:
            row[tap] = 1 if reader.bit() else -1
        else:
            row[tap] = -before if binary or reader.bit() else 0


class _Reader:
    """Bits, least significant of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").tolist()
        self._at = 0

    @property
    def bits_left(self) -> int:
        return len(self._bits) - self._at

    def bit(self) -> int:
        if self._at >= len(self._bits):
            raise StreamError("the tap stream ends early")
        value: int = self._bits[self._at]
        self._at += 1
        return value

    def number(self, count: int) -> int:
        value = 0
        for place in range(count):
            value |= self.bit() << place
        return value
