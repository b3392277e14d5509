"""How large the expanded table of a tree is: the rule of docs/bundle-format.md, "Expanded table".

table_bytes(op, source, result, planes, sums=False)     # for the machine where it is largest
steps_bytes(op, source, result, planes, sums, rows, 4)  # for words of 4 bytes

The loader makes the table; its size depends on how many taps the machine's word takes at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Padding, Shape
from spanbit.passes.border import border_classes, class_bytes
from spanbit.passes.layout import WORD_BYTES, kernel_sides, lanes, round_up, strip_rows, window_channels
from spanbit.tree import ZERO

_STEP_HEADER_BYTES, _OFFSET_BYTES = 32, 2
_BLOCK_WORDS, _BLOCKS_MAX = 32, 6


def table_bytes(op: BinaryConv, source: Shape, result: Shape, planes: int, sums: bool) -> int:
    """Arena bytes that the table of `op`'s tree takes; `sums` are delivered, or bits."""
    rows = strip_rows(op, source, result)
    words = {lanes(result, word): word for word in WORD_BYTES}  # only lanes make a difference
    return round_up(
        max(steps_bytes(op, source, result, planes, sums, rows, word) for word in words.values()), 64
    )


def steps_bytes(
    op: BinaryConv, source: Shape, result: Shape, planes: int, sums: bool, rows: int, word_bytes: int
) -> int:
    """Bytes of the table for one machine's word, with strips of `rows` rows."""
    counts = list_counts(op, window_channels(op, source, result, rows))
    return _bytes(counts, lanes(result, word_bytes), _tail_bytes(op, source, result, planes, sums))


def _tail_bytes(op: BinaryConv, source: Shape, result: Shape, planes: int, sums: bool) -> int:
    """What a step has behind its offsets where a constant depends on the pixel, or sums are delivered."""
    zeros = op.outside is Padding.ZERO
    classes = border_classes(op, source, result) if zeros else 1
    if sums:
        return 8 + 4 * classes
    return round_up(planes * class_bytes(classes), 2) if zeros else 0


def list_counts(op: BinaryConv, channels: int) -> NDArray[np.int64]:
    """Differences of +1, -1, +2, -2 of each node to its parent: int64 [nodes, windows, 4].

    A window is so many input channels.
    """
    tree = op.tree
    assert tree is not None
    rows = op.weight.reshape(len(op.weight), -1)[tree.channel] * tree.sign[:, None]
    before = np.where((tree.parent == ZERO)[:, None], 0, rows[tree.parent])
    differences = rows.astype(np.int16) - before
    kernel_h, kernel_w = kernel_sides(op)
    begins = np.arange(0, differences.shape[1], channels * kernel_h * kernel_w)
    counts = [
        np.add.reduceat(differences == value, begins, axis=1, dtype=np.int64) for value in (1, -1, 2, -2)
    ]
    return np.stack(counts, axis=2)


def _bytes(counts: NDArray[np.int64], sharing: int, tail: int) -> int:
    """Whole words for each list of a window; steps of at most `_BLOCKS_MAX` blocks; one a node at least."""
    words = -(-counts // sharing)
    blocks = words // _BLOCK_WORDS
    weighted = np.stack([words[..., :2].sum(axis=2), words[..., 2:].sum(axis=2)], axis=2)
    blocks = np.stack([blocks[..., :2].sum(axis=2), blocks[..., 2:].sum(axis=2)], axis=2)
    steps = np.where(weighted > 0, np.maximum(1, -(-blocks // _BLOCKS_MAX)), 0)
    count = int(np.maximum(1, steps.sum(axis=(1, 2))).sum())
    return count * (_STEP_HEADER_BYTES + tail) + int(words.sum()) * sharing * _OFFSET_BYTES
