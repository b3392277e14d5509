"""Lowers the depth of a minimum spanning tree without changing its total distance.

    parent = shallow_tree(graph)  # parent[c] in 0 .. C, C is the zero vertex

Finding the minimum spanning tree of least depth is NP-hard when many distances tie, so this is a descent
with a stated rule, not an exact search. One move cuts the edge above a vertex v, lets any vertex x of
the subtree below become its top, and hangs x from any vertex u of the rest, where d(x, u) is the weight
of the cut edge: the total distance stays. All such moves of the tree are tried, top down, until none helps.

A move helps when the depths of the channels, sorted from deep to shallow, become lexicographically smaller.
That order is well founded, so the descent ends; what it leaves has no single better exchange. In
particular, where one edge joins the zero vertex to a component and every channel of the component is
as far from zero (a binary layer: all are L away), the component's root is the centre of its tree.

A descent can end beside the best tree, so it is repeated from a few other trees: those that Prim's method
grows when one of the shallowest channels found so far is taken first. On random layers of up to five
channels that finds the least depth of all minimum spanning trees (the tests try every tree).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.tree.spanning import depths, minimum_spanning_tree, tied_edges, top_down

TiedEdges = dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]]
"""The two ends of every edge that a minimum spanning tree may use, in both directions, by weight."""


def shallow_tree(graph: NDArray[np.int32], restarts: int = 8) -> NDArray[np.int32]:
    """Parents [C] of a minimum spanning tree of low depth; `graph` is [C + 1, C + 1], zero vertex last."""
    parent = minimum_spanning_tree(graph)
    edges = edges_by_weight(graph, tied_edges(graph, parent))
    parent = lower_depth(graph, parent, edges)
    depth = depths(parent)
    for first in np.argsort(depth, kind="stable")[:restarts]:
        other = lower_depth(graph, minimum_spanning_tree(graph, int(first)), edges)
        other_depth = depths(other)
        if _shallower(other_depth, depth):
            parent, depth = other, other_depth
    return parent


def edges_by_weight(graph: NDArray[np.int32], tied: NDArray[np.bool_]) -> TiedEdges:
    """The edges `tied` [C + 1, C + 1] in groups, so that a cut only looks at edges that can close it."""
    ends_x, ends_u = np.nonzero(tied)
    weights = graph[ends_x, ends_u]
    order = np.argsort(weights, kind="stable")
    values, starts = np.unique(weights[order], return_index=True)
    groups = zip(values, np.split(order, starts[1:]), strict=True)
    return {int(value): (ends_x[chosen], ends_u[chosen]) for value, chosen in groups}


def _shallower(after: NDArray[np.int64], before: NDArray[np.int64]) -> bool:
    """Is `after`, sorted from deep to shallow, lexicographically smaller than `before`?"""
    after, before = np.sort(after)[::-1], np.sort(before)[::-1]
    changed = np.flatnonzero(after != before)
    return len(changed) > 0 and bool(after[changed[0]] < before[changed[0]])


def lower_depth(graph: NDArray[np.int32], parent: NDArray[np.int32], edges: TiedEdges) -> NDArray[np.int32]:
    """Parents [C] of a tree of the same total distance, after all moves that help."""
    hanging = _Hanging(graph, parent, edges)
    moved = True
    while moved:
        moved = False
        for v in top_down(np.array(hanging.parent, np.int32)):
            moved |= hanging.improve(v)
    return np.array(hanging.parent, np.int32)


class _Hanging:
    """The tree while it is being changed: plain lists, since every move touches few vertices."""

    def __init__(self, graph: NDArray[np.int32], parent: NDArray[np.int32], edges: TiedEdges) -> None:
        self.zero = len(parent)
        self.parent = [int(p) for p in parent]
        self.graph = graph
        self.children: list[set[int]] = [set() for _ in range(self.zero + 1)]
        self.depth = np.zeros(self.zero + 1, np.int64)
        for c in top_down(parent):
            self.children[self.parent[c]].add(c)
            self.depth[c] = self.depth[self.parent[c]] + 1
        self.edges = edges
        self.below = np.zeros(self.zero + 1, np.bool_)  # scratch: members of the cut subtree

    def improve(self, v: int) -> bool:
        """Make the best move that cuts the edge above v, if it helps."""
        p = self.parent[v]
        weight = int(self.graph[v, p])
        if not self.children[v] and self.depth[p] <= 1:  # only the zero vertex could be shallower
            if self.depth[p] == 0 or self.graph[v, self.zero] != weight:
                return False
            self._hang([v], v, self.zero)
            return True
        subtree = self._subtree(v)
        self.below[subtree] = True
        ends_x, ends_u = self.edges[weight]
        across = self.below[ends_x] & ~self.below[ends_u]
        ends_x, ends_u = ends_x[across], ends_u[across]
        self.below[subtree] = False
        # An attachment must beat the present height of the subtree, or equal it with less depth in all.
        radius, spread = self._from_each(subtree)
        base = self.depth[ends_u] + 1
        height = base + radius[ends_x]
        total = base * len(subtree) + spread[ends_x]
        best = int(np.lexsort((ends_u, ends_x, total, height))[0])
        x, u = int(ends_x[best]), int(ends_u[best])
        before = self.depth[subtree]
        if (int(height[best]), int(total[best])) >= (int(before.max()), int(before.sum())):
            return False
        if not _shallower(self._depths_from(subtree, x) + self.depth[u] + 1, before):
            return False
        self._hang(subtree, x, u)
        return True

    def _subtree(self, v: int) -> list[int]:
        """v and all below it, parents first."""
        members = [v]
        for c in members:  # grows while it is walked
            members.extend(self.children[c])
        return members

    def _from_each(self, subtree: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each member: edges to the farthest member, and the sum of edges to all members.

        One walk up and one walk down; entries of other vertices are meaningless.
        """
        radius = np.zeros(self.zero + 1, np.int64)
        spread = np.zeros(self.zero + 1, np.int64)
        size = dict.fromkeys(subtree, 1)
        down = dict.fromkeys(subtree, 0)
        second = dict.fromkeys(subtree, 0)  # the longest way down through another child than the longest
        top = subtree[0]
        for c in reversed(subtree[1:]):
            p = self.parent[c]
            size[p] += size[c]
            way = down[c] + 1
            if way > down[p]:
                down[p], second[p] = way, down[p]
            elif way > second[p]:
                second[p] = way
        up = {top: 0}
        total = {top: int((self.depth[subtree] - self.depth[top]).sum())}
        for c in subtree[1:]:
            p = self.parent[c]
            up[c] = 1 + max(up[p], second[p] if down[p] == down[c] + 1 else down[p])
            total[c] = total[p] + len(subtree) - 2 * size[c]
        for c in subtree:
            radius[c] = max(down[c], up[c])
            spread[c] = total[c]
        return radius, spread

    def _depths_from(self, subtree: list[int], x: int) -> NDArray[np.int64]:
        """Edges from x to every member, in the subtree's own tree."""
        top = subtree[0]
        steps = {x: 0}
        c = x
        while c != top:  # the way up is known first ...
            steps[self.parent[c]] = steps[c] + 1
            c = self.parent[c]
        for c in subtree:  # ... everything else hangs from it
            if c not in steps:
                steps[c] = steps[self.parent[c]] + 1
        return np.array([steps[c] for c in subtree], np.int64)

    def _hang(self, subtree: list[int], x: int, u: int) -> None:
        """Make x the top of the cut subtree and hang it from u."""
        self.children[self.parent[subtree[0]]].discard(subtree[0])
        depths = self._depths_from(subtree, x) + self.depth[u] + 1
        above, c = u, x
        while True:
            old = self.parent[c]
            self.parent[c] = above
            self.children[above].add(c)
            if c == subtree[0]:
                break
            self.children[old].discard(c)
            above, c = c, old
        self.depth[subtree] = depths
