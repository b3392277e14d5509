"""Thresholds on P become comparisons of what the tree kernel has: the stored sum S of each node.

    S = sign * R,  R = sum_k w_k A_k with A_k in {0, 1},  P = 2 R - W,  W = sum_k w_k

    P >= t   is   R >= ceil((t + W) / 2)    and for sign = -1   S <= -ceil((t + W) / 2)
    P <= t   is   R <= floor((t + W) / 2)   and for sign = -1   S >= -floor((t + W) / 2)

A comparison that no reachable S can change becomes NEVER or ALWAYS. The kernel has S modulo
2^planes and looks at the sign of S - v (of S - v - 1 for <=), so that is what the planes have to hold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Compare, Padding, Shape, Threshold
from spanbit.passes.border import places_inside
from spanbit.passes.compiled import NodeTable
from spanbit.passes.layout import planes_of


def fold_nodes(op: BinaryConv, threshold: Threshold | None, source: Shape, result: Shape) -> NodeTable:
    """The comparison of each node of `op.tree`, and how many planes the layer's sums need."""
    if threshold is None:  # its sums are delivered
        never = np.full(len(op.weight), Compare.NEVER, np.uint8)
        return NodeTable(planes_of(*reach(op)), never, np.zeros(len(op.weight), np.int32))
    if op.outside is Padding.ZERO:
        return _with_border(op, threshold, places_inside(op, source, result))
    assert op.tree is not None
    tree = op.tree
    rows = op.weight.reshape(len(op.weight), -1)[tree.channel]
    sign = tree.sign.astype(np.int64)
    low, high = reach(op)

    # int64: a threshold saturates at the ends of int32 (graph/fold.py)
    total = threshold.value[tree.channel].astype(np.int64) + rows.sum(axis=1, dtype=np.int64)
    compare = threshold.compare[tree.channel]
    bound = np.where(compare == Compare.GE, -(-total // 2), total // 2)
    value = np.where(sign > 0, bound, -bound)
    turned = np.where(compare == Compare.GE, Compare.LE, Compare.GE)
    fixed = compare >= Compare.NEVER
    compare = np.where(fixed | (sign > 0), compare, turned)

    at_least, at_most = compare == Compare.GE, compare == Compare.LE
    always = (at_least & (value <= low)) | (at_most & (value >= high))
    never = (at_least & (value > high)) | (at_most & (value < low))
    compare = np.where(always, Compare.ALWAYS, np.where(never, Compare.NEVER, compare))
    value = np.where(compare >= Compare.NEVER, 0, value)
    live = compare < Compare.NEVER
    apart = (value + (compare == Compare.LE))[live]
    return NodeTable(
        planes=planes_of(low[live] - apart, high[live] - apart),
        compare=compare.astype(np.uint8),
        value=value.astype(np.int32),
    )


def _with_border(op: BinaryConv, threshold: Threshold, inside: NDArray[np.bool_]) -> NodeTable:
    """With zero padding W, the sum of the weights inside, depends on the pixel: nodes keep thresholds on P.

    The loader makes a constant T for each border class of it, S >= T or not S >= T, and moves a T that no S
    reaches to the end of S's range (runtime_c/src/step_tail.c).
    """
    assert op.tree is not None
    channel, sign = op.tree.channel, op.tree.sign.astype(np.int64)[:, None]
    low, high = (end[:, None] for end in reach(op))
    weights = np.einsum("oijk,bjk->ob", op.weight[channel].astype(np.int64), inside.astype(np.int64))
    value = threshold.value[channel].astype(np.int64)
    compare = threshold.compare[channel]
    greater = (compare == Compare.GE)[:, None]
    total = value[:, None] + weights
    below = greater != (sign > 0)  # on S
    bound = sign * np.where(greater, -(-total // 2), total // 2) + below
    always = (np.where(below, bound > high, bound <= low)).all(axis=1)
    never = (np.where(below, bound <= low, bound > high)).all(axis=1)
    fixed = compare >= Compare.NEVER
    compare = np.where(fixed, compare, np.where(always, Compare.ALWAYS, compare))
    compare = np.where(fixed | always, compare, np.where(never, Compare.NEVER, compare))
    live = compare < Compare.NEVER
    apart = np.clip(bound, low, high + 1)[live]
    return NodeTable(
        planes=planes_of(low[live] - apart, high[live] - apart),
        compare=compare.astype(np.uint8),
        value=np.where(live, value, 0).astype(np.int32),
    )


def reach(op: BinaryConv) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the largest value, 0 between them, of each node's sum S, in order of calculation."""
    assert op.tree is not None
    signed = op.weight.reshape(len(op.weight), -1)[op.tree.channel] * op.tree.sign[:, None]
    below, above = np.count_nonzero(signed < 0, axis=1), np.count_nonzero(signed > 0, axis=1)
    return -below.astype(np.int64), above.astype(np.int64)
