"""A minimum spanning tree over the channels and the zero vertex, grown from the zero vertex.

    parent = minimum_spanning_tree(distances.graph())  # parent[c] in 0 .. C, C is the zero vertex
    parent = shallow_tree(distances.graph())           # of no greater depth, see rehang.py

Prim's method: the tree starts as the zero vertex alone and always takes the nearest vertex outside it.
Ties go to the parent of least depth, then to the channel `first`, then to the channel of least number, so
the result depends on nothing but the weights. `tied_edges` lists the edges that some minimum spanning
tree uses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def minimum_spanning_tree(graph: NDArray[np.int32], first: int = 0) -> NDArray[np.int32]:
    """Parent of each channel in a minimum spanning tree of `graph` [C + 1, C + 1], rooted at vertex C.

    Of channels that are equally near to parents of equal depth, `first` is taken before the others.
    """
    channels = len(graph) - 1
    parent = np.full(channels, channels, np.int32)
    depth = np.zeros(channels + 1, np.int64)
    # One key orders (distance, depth of the parent, is not `first`): 2 * (distance * step + depth) + 1.
    step = channels + 2
    late = np.ones(channels, np.int64)
    late[first] = 0
    best = 2 * graph[channels, :channels].astype(np.int64) * step + late
    done = np.iinfo(np.int64).max
    inside = np.zeros(channels, np.bool_)
    for _ in range(channels):
        nearest = int(np.argmin(np.where(inside, done, best)))
        inside[nearest] = True
        depth[nearest] = depth[parent[nearest]] + 1
        key = 2 * (graph[nearest, :channels].astype(np.int64) * step + depth[nearest]) + late
        closer = ~inside & (key < best)
        best[closer] = key[closer]
        parent[closer] = nearest
    return parent


def top_down(parent: NDArray[np.int32]) -> list[int]:
    """The channels, each after its parent; breadth first, children by number."""
    channels = len(parent)
    children: list[list[int]] = [[] for _ in range(channels + 1)]
    for c in range(channels):
        children[int(parent[c])].append(c)
    order = list(children[channels])
    for c in order:  # grows while it is walked
        order.extend(children[c])
    return order


def depths(parent: NDArray[np.int32]) -> NDArray[np.int64]:
    """Edges between each channel and the zero vertex, [C]."""
    result = np.zeros(len(parent) + 1, np.int64)
    for c in top_down(parent):
        result[c] = result[parent[c]] + 1
    return result[:-1]


def tied_edges(graph: NDArray[np.int32], parent: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which edges [C + 1, C + 1] occur in at least one minimum spanning tree.

    An edge does exactly when it is no longer than the longest edge on the tree's path between its ends.
    """
    channels = len(parent)
    longest = np.zeros_like(graph)
    known = np.zeros(channels + 1, np.bool_)
    known[channels] = True
    for c in top_down(parent):
        p = int(parent[c])
        path = np.maximum(longest[p], graph[c, p])
        longest[c, known] = path[known]
        longest[known, c] = path[known]
        known[c] = True
    tied: NDArray[np.bool_] = graph <= longest
    np.fill_diagonal(tied, False)
    return tied
