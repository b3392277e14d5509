"""Max-pools move behind the threshold, where they are one OR a pixel instead of comparisons of integers.

    max(P) >= t  is  OR  of (P >= t)
    max(P) <= t  is  AND of (P <= t)      (a negative gamma turns the comparison round)

Both are exact, and a channel whose bit never changes is not changed by either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spanbit.graph.ops import Compare, Graph, MaxPool, Op, Threshold


def move_pools(graph: Graph) -> Graph:
    """The same function, with no pool between a convolution and its threshold."""
    ops: list[Op] = list(graph.ops)
    at = 0
    while at + 1 < len(ops):
        pool, following = ops[at], ops[at + 1]
        if isinstance(pool, MaxPool) and isinstance(following, Threshold):
            ops[at : at + 2] = [following, _on_bits(pool, following)]
            at = max(0, at - 1)  # another pool may stand before this one
        else:
            at += 1
    return replace(graph, ops=tuple(ops))


def _on_bits(pool: MaxPool, threshold: Threshold) -> MaxPool:
    turned = threshold.compare == Compare.LE
    before = pool.take_min if pool.take_min is not None else np.zeros_like(turned)
    take_min = before ^ turned
    return replace(pool, take_min=take_min if take_min.any() else None)
