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

from spanbit.graph.ops import BinaryConv, Compare, Threshold
from spanbit.passes.compiled import NodeTable
from spanbit.passes.layout import planes_of


def fold_nodes(op: BinaryConv, threshold: Threshold) -> NodeTable:
    """The comparison of each node of `op.tree`, and how many planes the layer's sums need."""
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


def reach(op: BinaryConv) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the largest value, 0 between them, of each node's sum S, in order of calculation."""
    assert op.tree is not None
    signed = op.weight.reshape(len(op.weight), -1)[op.tree.channel] * op.tree.sign[:, None]
    below, above = np.count_nonzero(signed < 0, axis=1), np.count_nonzero(signed > 0, axis=1)
    return -below.astype(np.int64), above.astype(np.int64)
