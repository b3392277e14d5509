"""Lowers the depth of a minimum spanning tree without changing its total distance.

    parent = lower_depth(graph, parent, tied_edges(graph, parent))

Finding the minimum spanning tree of least depth is NP-hard when many distances tie, so this is a descent
with a stated rule, not an exact search. One move cuts the edge above a vertex v, lets any vertex x of
the subtree below become its top, and hangs x from any vertex u of the rest, where d(x, u) is the weight
of the cut edge: the total distance stays. All such moves of the tree are tried, top down, until none helps.

A move helps when the depths of the channels, sorted from deep to shallow, become lexicographically smaller.
That order is well founded, so the descent ends; what it leaves has no single better exchange. In
particular, where one edge joins the zero vertex to a component and every channel of the component is
as far from zero (a binary layer: all are L away), the component's root is the centre of its tree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.tree.spanning import top_down


def lower_depth(
    graph: NDArray[np.int32], parent: NDArray[np.int32], tied: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Parents [C] of a tree of the same total distance, that no single exchange of edges makes shallower.

    `graph` and `tied` are [C + 1, C + 1] with the zero vertex last (see spanning.py).
    """
    hanging = _Hanging(graph, parent, tied)
    moved = True
    while moved:
        moved = False
        for v in top_down(np.array(hanging.parent, np.int32)):
            moved |= hanging.improve(v)
    return np.array(hanging.parent, np.int32)


class _Hanging:
    """The tree while it is being changed: plain lists, since every move touches few vertices."""

    def __init__(self, graph: NDArray[np.int32], parent: NDArray[np.int32], tied: NDArray[np.bool_]) -> None:
        self.zero = len(parent)
        self.parent = [int(p) for p in parent]
        self.graph = graph
        self.children: list[set[int]] = [set() for _ in range(self.zero + 1)]
        self.depth = np.zeros(self.zero + 1, np.int64)
        for c in top_down(parent):
            self.children[self.parent[c]].add(c)
            self.depth[c] = self.depth[self.parent[c]] + 1
        # The tied edges of each weight, so that a cut only looks at edges that can close it.
        ends_x, ends_u = np.nonzero(tied)
        weights = graph[ends_x, ends_u]
        order = np.argsort(weights, kind="stable")
        values, starts = np.unique(weights[order], return_index=True)
        self.edges: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        for value, chosen in zip(values, np.split(order, starts[1:]), strict=True):
            self.edges[int(value)] = ends_x[chosen], ends_u[chosen]
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
        before = np.sort(self.depth[subtree])[::-1]
        if (int(height[best]), int(total[best])) >= (int(before[0]), int(before.sum())):
            return False
        after = np.sort(self._depths_from(subtree, x) + self.depth[u] + 1)[::-1]
        changed = np.flatnonzero(after != before)
        if len(changed) == 0 or after[changed[0]] > before[changed[0]]:
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
