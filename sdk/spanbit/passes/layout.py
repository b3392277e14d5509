"""How many bytes things take on the board: the size rules of docs/bundle-format.md, each written once.

plane_bytes(height=14, width=14)    # 32
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Shape, StemConv

ARENA_ALIGN = 64
ARENA_SLACK = 64  # kernels load whole vectors: readable bytes behind the last region
_PLANE_ALIGN = 32
_TABLE_HEADER_BYTES = 32
_LANE_BYTES_MIN, _WORD_BYTES_MAX = 4, 32


def round_up(value: int, to: int) -> int:
    """The least multiple of `to` that is not below `value`."""
    return -(-value // to) * to


def row_bytes(width: int) -> int:
    """Bytes of one row of a plane."""
    for narrow in (8, 16, 32, 64):
        if width <= narrow:
            return narrow // 8
    return round_up(width, 64) // 8


def plane_bytes(height: int, width: int) -> int:
    """Bytes of one channel's plane."""
    return round_up(height * row_bytes(width), _PLANE_ALIGN)


def tensor_bytes(shape: Shape) -> int:
    """Bytes of a bits tensor."""
    return shape.channels * plane_bytes(shape.height, shape.width)


def dense_words(channels: int) -> int:
    """64-bit words that hold the bits of one pixel or one weight position of the dense kernel."""
    return round_up(channels, 128) // 64


def stem_scratch_bytes(op: StemConv, source: Shape, result: Shape) -> int:
    """The padded planar image and a row of accumulators."""
    height, width = source.height + 2 * op.padding, source.width + 2 * op.padding
    return round_up(source.channels * height * width * 2, 64) + round_up(result.width, 16) * 4 + 64


def dense_scratch_bytes(op: BinaryConv, source: Shape) -> int:
    """The padded image, channels packed in words."""
    height, width = source.height + 2 * op.padding, source.width + 2 * op.padding
    return round_up(height * width * dense_words(source.channels) * 8, 64) + 64


def head_bytes(source: Shape) -> int:
    """The head's input as one row of bits, and each bit-plane of its weights: whole vectors of 32 bytes."""
    return round_up(source.channels * source.height * source.width, 256) // 8


def kernel_sides(op: BinaryConv | StemConv) -> tuple[int, int]:
    """Rows and columns of the kernel."""
    return int(op.weight.shape[2]), int(op.weight.shape[3])


def prepared_bytes(op: BinaryConv, source: Shape, result: Shape) -> int:
    """Shifted, padded copies of the input planes, and the bytes behind them that loads may touch."""
    kernel_h, kernel_w = kernel_sides(op)
    rows = result.height + -(-kernel_h // op.stride)
    copy = round_up(rows * row_bytes(result.width), 8)
    return round_up(source.channels * kernel_w * op.stride * copy, 64) + 64


def tree_scratch_bytes(op: BinaryConv, source: Shape, result: Shape, slots: int, planes: int) -> int:
    """Prepared planes, slots and the mask when running; decoded rows when loading: the larger."""
    taps = int(op.weight[0].size)
    running = prepared_bytes(op, source, result) + slots * planes * _PLANE_ALIGN
    running += round_up(plane_bytes(result.height, result.width), 64)
    return max(running, slots * 2 * -(-taps // 8))


def lanes(result: Shape, word_bytes: int = _WORD_BYTES_MAX) -> int:
    """Taps that a word takes at once: small images share it."""
    lane = _LANE_BYTES_MIN
    while lane < result.height * row_bytes(result.width) and lane < _WORD_BYTES_MAX:
        lane *= 2
    return max(1, word_bytes // lane)


def plane_counts(result: Shape) -> tuple[int, ...]:
    """The widths of sums, in planes, that the tree kernel exists for."""
    return (8, 10, 12, 14, 17) if lanes(result) == 1 else (12, 17)


def planes_of(low: NDArray[np.int64], high: NDArray[np.int64], result: Shape) -> int:
    """The least of these widths that holds every `low` <= 0 and `high` >= 0 in two's complement."""
    width = max(-int(low.min()) - 1, int(high.max())).bit_length() + 1
    return next(count for count in plane_counts(result) if count >= width)


def table_bytes(result: Shape, tap_count: int) -> int:
    """The expanded table of a tree: a header for each node, an offset for each differing tap.

    Each of a node's four lists may leave lanes empty; the widest word has most.
    """
    spare = 4 * (lanes(result) - 1) * result.channels
    return round_up(_TABLE_HEADER_BYTES * result.channels + 4 * (tap_count + spare), 64)
