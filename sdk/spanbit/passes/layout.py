"""How many bytes things take on the board: the size rules of docs/bundle-format.md, each written once.

plane_bytes(height=14, width=14)    # 32
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Padding, Shape, StemConv
from spanbit.passes.border import axis_classes, border_classes, class_bytes

ARENA_ALIGN = 64
ARENA_SLACK = 64  # kernels load whole vectors: readable bytes behind the last region
PLANE_ALIGN = 32
_COPIES_BYTES_MAX = 0xFFC0  # of a window of prepared copies: offsets into it are 16 bits
PLANES_MAX = 18
WORD_BYTES = (4, 8, 16, 32)  # of the tree kernel on all machines
_LANES_MAX, _LANE_BYTES_MIN = 4, 4
_STRIP_BYTES = 1 << 14  # prepared copies stay in half of a first cache of 32 KiB
_BORDER_WORDS = 256
_DENSE_STEP_BYTES, _DENSE_BLOCK_BYTES, _DENSE_SLACK = 16, 16384, 64
_DENSE_OFFSET_BYTES = 32  # of a border class: an int32 for each channel of a tile, at most 8


def round_up(value: int, to: int) -> int:
    """The least multiple of `to` that is not below `value`."""
    return -(-value // to) * to


def row_bytes(width: int) -> int:
    """Bytes of one row of a plane."""
    for narrow in (8, 16, 32, 64):
        if width <= narrow:
            return narrow // 8
    return round_up(width, 64) // 8


def plane_bytes(height: int, width: int, align: int = PLANE_ALIGN) -> int:
    """Bytes of one channel's plane; planes of firmware are aligned to less."""
    return round_up(height * row_bytes(width), align)


def tensor_bytes(shape: Shape, align: int = PLANE_ALIGN) -> int:
    """Bytes of a bits tensor."""
    return shape.channels * plane_bytes(shape.height, shape.width, align)


@dataclass(frozen=True)
class DenseShape:
    """How the dense kernel lays out pixels and weights."""

    pixel_bytes: int  # a packed pixel, and a place of the kernel in the weights
    channel_bytes: int  # the weights of an output channel, and a window where it is gathered
    gathered: bool  # windows are gathered into consecutive bytes


def dense_shape(channels: int, places: int) -> DenseShape:
    """Of a kernel with so many places (rows times columns): what takes the fewest steps of 128 bits."""
    whole = round_up(channels, 128) // 8
    narrow = next((bits // 8 for bits in (8, 16, 32) if channels <= bits), round_up(channels, 64) // 8)
    window = round_up(narrow * places, _DENSE_STEP_BYTES)
    if window < whole * places:
        return DenseShape(narrow, window, gathered=True)
    return DenseShape(whole, whole * places, gathered=False)


def stem_scratch_bytes(op: StemConv, source: Shape, result: Shape) -> int:
    """The padded planar image and a row of accumulators."""
    kernel_h, kernel_w = kernel_sides(op)
    height, width = (
        max(side + 2 * op.padding, (made - 1) * op.stride + kernel)
        for side, made, kernel in (
            (source.height, result.height, kernel_h),
            (source.width, result.width, kernel_w),
        )
    )
    return round_up(source.channels * height * width * 2, 64) + round_up(result.width, 16) * 4 + 64


def dense_scratch_bytes(op: BinaryConv, source: Shape, result: Shape) -> int:
    """The packed, padded image; a block of gathered windows; with zero padding, a tile's constants."""
    kernel_h, kernel_w = kernel_sides(op)
    places = kernel_h * kernel_w
    shape = dense_shape(source.channels, places)
    height, width = source.height + 2 * op.padding, source.width + 2 * op.padding
    scratch = round_up(height * width * shape.pixel_bytes, 64) + _DENSE_SLACK
    if shape.gathered:
        row = result.width * shape.channel_bytes
        rows = min(result.height, max(1, _DENSE_BLOCK_BYTES // row))
        scratch += round_up(rows * row, 64) + _DENSE_SLACK
    if op.outside is Padding.ZERO:
        scratch += round_up((border_classes(op, source, result) + places) * _DENSE_OFFSET_BYTES, 64)
    return scratch


def head_bytes(source: Shape) -> int:
    """The head's input as one row of bits, and each bit-plane of its weights: whole vectors of 32 bytes."""
    return round_up(source.channels * source.height * source.width, 256) // 8


def kernel_sides(op: BinaryConv | StemConv) -> tuple[int, int]:
    """Rows and columns of the kernel."""
    return int(op.weight.shape[2]), int(op.weight.shape[3])


def strip_rows(op: BinaryConv, source: Shape, result: Shape, copies: int = _STRIP_BYTES) -> int:
    """Output rows whose input planes the tree kernel prepares at a time.

    As many as let the copies stay in `copies` bytes, the first cache, but whole words of every machine: a
    multiple of 32 bytes, or the whole image.
    """
    row = row_bytes(result.width)
    unit = PLANE_ALIGN // math.gcd(row, PLANE_ALIGN)
    rows = unit
    while rows < result.height and copies_bytes(op, source, result, rows + unit) <= copies:
        rows += unit
    return min(rows, result.height)


def copies_bytes(op: BinaryConv, source: Shape, result: Shape, rows: int) -> int:
    """The shifted, padded copies of the input planes for a strip of `rows` output rows."""
    return round_up(source.channels * _channel_copies_bytes(op, result, rows), 64)


def window_channels(op: BinaryConv, source: Shape, result: Shape, rows: int) -> int:
    """Input channels whose copies are a window: as many as offsets reach, at least 1 of any legal shape."""
    return min(source.channels, _COPIES_BYTES_MAX // _channel_copies_bytes(op, result, rows))


def prepared_bytes(op: BinaryConv, source: Shape, result: Shape, rows: int) -> int:
    """All windows: their copies, and zeros behind each."""
    each = window_channels(op, source, result, rows)
    copies = round_up(each * _channel_copies_bytes(op, result, rows), 64)
    zeros = round_up(min(rows, result.height) * row_bytes(result.width), 64) + 64
    return -(-source.channels // each) * (copies + zeros)


def _channel_copies_bytes(op: BinaryConv, result: Shape, rows: int) -> int:
    kernel_h, kernel_w = kernel_sides(op)
    reached = min(rows, result.height) + (kernel_h - 1) // op.stride
    return kernel_w * op.stride * max(8, reached * row_bytes(result.width))


def tree_scratch_bytes(
    op: BinaryConv, source: Shape, result: Shape, slots: int, planes: int, sums: bool
) -> int:
    """What a tree takes while it runs, or while it is loaded: the larger. `sums` are delivered, or bits."""
    rows = strip_rows(op, source, result)
    running = tree_running_bytes(op, source, result, slots, planes, sums, rows)
    return max(running, tree_loading_bytes(op, slots, sums))


def tree_running_bytes(
    op: BinaryConv,
    source: Shape,
    result: Shape,
    slots: int,
    planes: int,
    sums: bool,
    rows: int,
    align: int = PLANE_ALIGN,
) -> int:
    """Prepared copies of strips of `rows` rows, zeros, slots and the mask.

    With zero padding also the words of sets of border classes.
    """
    running = prepared_bytes(op, source, result, rows) + slots * planes * align
    running += round_up(plane_bytes(result.height, result.width, align), 64)
    if op.outside is Padding.ZERO and not sums:
        words = class_bytes(border_classes(op, source, result)) * _BORDER_WORDS * align
        columns = axis_classes(source.width, result.width, kernel_sides(op)[1], op.stride, op.padding)
        running += words + round_up(len(columns) * row_bytes(result.width), 64)
    return running


def tree_loading_bytes(op: BinaryConv, slots: int, sums: bool) -> int:
    """Decoded rows of the slots, and with zero padding or where sums are delivered their weights' sums."""
    loading = slots * 2 * -(-int(op.weight[0].size) // 8)
    kernel_h, kernel_w = kernel_sides(op)
    if op.outside is Padding.ZERO or sums:
        loading = round_up(loading, 4) + slots * 4 * (kernel_h * kernel_w + 2)
    return loading


def lanes(result: Shape, word_bytes: int = WORD_BYTES[-1]) -> int:
    """Taps that a word takes at once: small images share it."""
    sharing = _LANES_MAX
    image = result.height * row_bytes(result.width)
    while sharing > 1 and word_bytes // sharing < max(_LANE_BYTES_MIN, image):
        sharing //= 2
    return sharing


def planes_of(low: NDArray[np.int64], high: NDArray[np.int64]) -> int:
    """Two's complement bits that hold every `low` and `high`."""
    width = max((-int(low.min()) - 1).bit_length(), int(high.max()).bit_length()) if low.size else 0
    return max(0, width) + 1
