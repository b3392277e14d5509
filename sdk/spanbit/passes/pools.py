"""Max-pools move behind what makes bits or numbers of sums, where they are one OR a pixel, or a maximum.

    max(P) >= t  is  OR  of (P >= t)
    max(P) <= t  is  AND of (P <= t)      (a negative gamma turns the comparison round)

All are exact: a comparison and a requantisation are monotone, and a channel whose bit never changes is not
changed by either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spanbit.graph.ops import Compare, Graph, MaxPool, Op, Requantize, Threshold


def move_pools(graph: Graph) -> Graph:
    """The same function, with no pool between a convolution and what follows it."""
    ops: list[Op] = list(graph.ops)
    fed = graph.consumers()
    changed = True
    while changed:  # several pools may stand in a row
        changed = False
        for position, pool in enumerate(ops):
            following = fed[position][0] if len(fed[position]) == 1 else position
            maker = ops[following]
            if isinstance(pool, MaxPool) and isinstance(maker, Threshold | Requantize):
                ops[position], ops[following] = maker, _behind(pool, maker)
                changed = True
    return replace(graph, ops=tuple(ops))


def _behind(pool: MaxPool, maker: Threshold | Requantize) -> MaxPool:
    turned = maker.compare == Compare.LE if isinstance(maker, Threshold) else maker.multiplier < 0
    before = pool.take_min if pool.take_min is not None else np.zeros_like(turned)
    take_min = before ^ turned
    return replace(pool, take_min=take_min if take_min.any() else None)
