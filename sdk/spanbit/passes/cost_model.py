"""How long a kernel takes for a binary convolution: amounts of work, each with a cost figure of the target.

    amounts = tree_amounts(op, source, result, target.isa)   # {"tree": 65536.0, "node": 20480.0, ...}
    predict(amounts, target.cost)                                   # in target.cost.unit

    tree kernel
      tree      differing taps * vectors of the output plane     one load and one full adder each
      node      channels * (planes + 6) * vectors                load, add, store, compare; begin a node;
                                                                 once for each window of prepared planes
      prepare   vectors of shifted input planes                  moved whole words at a time ...
      gather    rows of shifted input planes                     ... or row by row: stride 2, wide images;
                                                                 a row counts for each 64 bits of it
    dense kernel
      dense     taps * pixels / 128, a window rounded up to 128 taps; ternary: 1.25 times (an AND more)
      tile      channels * (pixels / 16 + 1)                     sums folded, compared; a channel begun
      pack      64-bit words of the packed, padded image, and of the windows where they are gathered

A vector is 128 pixels; an output plane takes whole words of the machine. Where small images share a word
among lanes, it takes in `lanes` taps at once, but each is loaded for itself (_LOAD_SHARE of a tap), and the
lanes' counts are added up before they join the sum, in log2(lanes) steps (_FOLD_PLANES of a node each); from
there on AArch64 works on half of its word. bench/fit_costs.py prints how well this fits.

The model is linear in its figures, so that `spanbit tune` can fit them to a board's times; in a target that
was not tuned all but `tree`, `dense` and `node` are 0. It chooses between kernels, so only ratios matter; it
claims no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from spanbit.graph.ops import BinaryConv, Shape
from spanbit.passes.layout import (
    dense_shape,
    kernel_sides,
    lanes,
    planes_of,
    round_up,
    row_bytes,
    strip_rows,
    window_channels,
)
from spanbit.passes.nodes import reach
from spanbit.targets import Cost, word_bytes

Amounts = Mapping[str, float]
"""Figure of a `Cost` -> how many times a layer pays it."""

_VECTOR_BYTES = 16
_TERNARY = 1.25
# Of a tap of a whole word. AArch64: four lanes take 15 instructions for four taps, a word 9.2 for one. AVX2:
# an adder has 5 operations. Others: 3.8 instructions a tap with two lanes, 4.7 with one.
_LOAD_SHARES = {"neon64": 0.2, "avx2": 0.35}
_LOAD_SHARE = 0.6
_FOLD_PLANES, _BEGIN_PLANES = 4.5, 6
_NARROWED = {"neon64": 0.5}


def predict(amounts: Amounts, cost: Cost) -> float:
    """The time of a layer, in `cost.unit`."""
    return sum(amount * float(getattr(cost, figure)) for figure, amount in amounts.items())


def tree_amounts(op: BinaryConv, source: Shape, result: Shape, isa: str) -> dict[str, float]:
    """What the tree kernel does for a layer that has its tree, on an instruction set of `targets.ISAS`."""
    assert op.tree is not None
    kernel_h, kernel_w = kernel_sides(op)
    word = word_bytes(isa)
    vectors = round_up(result.height * row_bytes(result.width), word) / _VECTOR_BYTES
    sharing = lanes(result, word)
    load = _LOAD_SHARES.get(isa, _LOAD_SHARE)
    tap = load + (1 - load) / sharing
    narrow = vectors * (_NARROWED.get(isa, 1.0) if sharing > 1 else 1.0)
    node = narrow * (planes_of(*reach(op)) + _FOLD_PLANES * math.log2(sharing)) + vectors * _BEGIN_PLANES
    copies = source.channels * kernel_w * op.stride
    strip = strip_rows(op, source, result)
    windows = -(-source.channels // window_channels(op, source, result, strip))
    strips = -(-result.height // strip)
    rows = strips * (strip + (kernel_h - 1) // op.stride)
    row = row_bytes(result.width)
    copy = strips * max(8, rows // strips * row)
    moved = op.stride == 1 and row_bytes(source.width) == row <= 8  # prepare_planes.c decides by it
    return {
        "tree": vectors * op.tree.total_distance * tap,
        "node": len(op.weight) * node * windows,
        "prepare": copies * copy / _VECTOR_BYTES if moved else 0.0,
        "gather": 0.0 if moved else float(copies * rows * -(-row // 8)),
    }


def dense_amounts(op: BinaryConv, source: Shape, result: Shape) -> dict[str, float]:
    """What the dense kernel does for a layer."""
    kernel_h, kernel_w = kernel_sides(op)
    shape = dense_shape(source.channels, kernel_h * kernel_w)
    pixels, channels = result.height * result.width, len(op.weight)
    taps = shape.channel_bytes * 8
    words = (
        (source.height + 2 * op.padding) * (source.width + 2 * op.padding) * max(1, shape.pixel_bytes // 8)
    )
    if shape.gathered:
        words += pixels * shape.channel_bytes // 8
    return {
        "dense": pixels / 128 * channels * taps * (1.0 if op.weight.all() else _TERNARY),
        "tile": channels * (pixels / 16 + 1),
        "pack": float(words),
    }
