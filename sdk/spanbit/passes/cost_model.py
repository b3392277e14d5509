"""How long a kernel takes for a binary convolution: amounts of work, each with a cost figure of the target.

    amounts = tree_amounts(op, source, result)      # {"tree": 65536.0, "node": 20480.0, ...}
    predict(amounts, target.cost)                   # in target.cost.unit

    tree kernel
      tree      differing taps * vectors of the output plane     one load and one full adder each
      node      channels * planes * vectors                      load, settle, store, compare
      prepare   vectors of shifted input planes                  moved whole words at a time ...
      gather    rows of shifted input planes                     ... or row by row (stride 2, wide images)
    dense kernel
      dense     taps * pixels / 128, channels rounded up to 128; ternary: 1.25 times (an AND more)
      tile      channels * pixels / 16                           a tile's sums: folded, compared, scattered
      pack      64-bit words of the packed, padded image

A vector is 128 pixels, whatever the machine's own word. The model is linear in its figures, so that
`spanbit tune` can fit them to a board's times; in a target that was not tuned all but `tree`, `dense` and
`node` are 0. It chooses between kernels, so only ratios matter; it claims no time.
"""

from __future__ import annotations

from collections.abc import Mapping

from spanbit.graph.ops import BinaryConv, Shape
from spanbit.passes.layout import dense_words, kernel_sides, plane_bytes, round_up, row_bytes
from spanbit.targets import Cost

Amounts = Mapping[str, float]
"""Figure of a `Cost` -> how many times a layer pays it."""

_VECTOR_BYTES = 16
_TERNARY = 1.25


def predict(amounts: Amounts, cost: Cost) -> float:
    """The time of a layer, in `cost.unit`."""
    return sum(amount * float(getattr(cost, figure)) for figure, amount in amounts.items())


def tree_amounts(op: BinaryConv, source: Shape, result: Shape) -> dict[str, float]:
    """What the tree kernel does for a layer that has its tree."""
    assert op.tree is not None
    kernel_h, kernel_w = kernel_sides(op)
    vectors = plane_bytes(result.height, result.width) // _VECTOR_BYTES
    planes = max(1, int(op.weight[0].size)).bit_length()
    copies = source.channels * kernel_w * op.stride
    rows = result.height + -(-kernel_h // op.stride)
    moved = op.stride == 1 and row_bytes(source.width) == row_bytes(result.width) <= 8
    copy_vectors = round_up(rows * row_bytes(result.width), 8) / _VECTOR_BYTES
    return {
        "tree": float(vectors * op.tree.total_distance),
        "node": float(vectors * len(op.weight) * planes),
        "prepare": copies * copy_vectors if moved else 0.0,
        "gather": 0.0 if moved else float(copies * rows),
    }


def dense_amounts(op: BinaryConv, source: Shape, result: Shape) -> dict[str, float]:
    """What the dense kernel does for a layer."""
    kernel_h, kernel_w = kernel_sides(op)
    words = dense_words(source.channels)
    pixels, channels = result.height * result.width, len(op.weight)
    taps = words * 64 * kernel_h * kernel_w
    padded = (source.height + 2 * op.padding) * (source.width + 2 * op.padding)
    return {
        "dense": pixels / 128 * channels * taps * (1.0 if op.weight.all() else _TERNARY),
        "tile": channels * pixels / 16,
        "pack": float(padded * words),
    }
