"""From the weights of a layer to its tree: the one call that the compiler and the training make.

    tree = build_tree(weight)       # int8 [C, L], values -1, 0, +1
    tree_cost(tree, taps=L)         # differing taps as a share of C * L

The tree spans the channels and the zero vertex, which is its root: a channel that hangs off it is
calculated from nothing. The edge weight is the smaller of the distances to a row and to its negative;
where both are equal, the row itself is taken. Total distance is the least possible; depth is lowered by
the rule in rehang.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.tree.distance import SignedDistances, distance_matrix
from spanbit.tree.order import schedule
from spanbit.tree.rehang import shallow_tree
from spanbit.tree.types import ZERO, ChannelTree


def build_tree(weight: NDArray[np.int8], where: str = "", restarts: int = 8) -> ChannelTree:
    """The minimum spanning tree of the rows of `weight` [C, L] and the zero vertex.

    `restarts` buys depth with time (0.1 s at 0, 0.3 s at 8 for 512 x 4608); the total distance does not
    depend on it, so training, which wants the distance only, passes 0.

    Raises:
        SpanbitError: the weights are not int8 [C >= 1, L >= 1] in {-1, 0, +1}; `where` names the layer.
    """
    distances = distance_matrix(weight, where)
    return tree_from_parents(shallow_tree(distances.graph(), restarts), distances)


def tree_from_parents(parent: NDArray[np.int32], distances: SignedDistances) -> ChannelTree:
    """The table of a spanning tree given as parent[c] in 0 .. C, where C is the zero vertex."""
    channels = len(parent)
    order, source_slot, slot, slot_count = schedule(parent)
    position = np.full(channels + 1, ZERO, np.int32)
    position[order] = np.arange(channels, dtype=np.int32)
    sign = np.ones(channels + 1, np.int8)
    depth = np.zeros(channels + 1, np.int32)
    distance = np.zeros(channels, np.int32)
    for c in order:
        p = int(parent[c])
        depth[c] = depth[p] + 1
        if p == channels:
            distance[c] = distances.zero[c]
            continue
        same, flipped = int(distances.same[c, p]), int(distances.flipped[c, p])
        distance[c] = min(same, flipped)
        sign[c] = sign[p] if same <= flipped else -sign[p]
    return ChannelTree(
        channel=np.array(order, np.int32),
        parent=position[parent[order]],
        sign=sign[order],
        distance=distance[order],
        depth=depth[order],
        source_slot=source_slot,
        slot=slot,
        slot_count=slot_count,
    )


def tree_cost(tree: ChannelTree, taps: int) -> float:
    """Differing taps of the tree, roots included, over channels * taps: 1.0 is a layer without a tree."""
    return tree.total_distance / (len(tree.channel) * taps)
