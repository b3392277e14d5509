"""A minimum spanning tree for every binary convolution that can have one."""

from __future__ import annotations

from dataclasses import replace

from spanbit.graph.ops import BinaryConv, Graph, Op
from spanbit.tree import build_tree

TAPS_MAX = 0xFFFF
"""A distance is a u16 in the bundle: a channel with more taps runs dense."""


def build_trees(graph: Graph) -> Graph:
    """The same graph, each binary convolution of at most `TAPS_MAX` taps with its tree."""
    return replace(graph, ops=tuple(_with_tree(op) for op in graph.ops))


def _with_tree(op: Op) -> Op:
    if not isinstance(op, BinaryConv) or op.weight[0].size > TAPS_MAX:
        return op
    rows = op.weight.reshape(len(op.weight), -1)
    return replace(op, tree=build_tree(rows, where=f"layer {op.name!r}"))
