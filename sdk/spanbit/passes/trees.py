"""A minimum spanning tree for every binary convolution that can have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spanbit.graph.ops import BinaryConv, Graph, Op, Padding, Shape
from spanbit.graph.validate import validate
from spanbit.passes.border import BORDER_CLASSES_MAX, border_classes
from spanbit.tree import build_tree

TAPS_MAX = 0xFFFF
"""A distance is a u16 in the bundle: a channel with more taps runs dense."""


Progress = Callable[[str, int, int], None]
"""Told what is being made, how many operators are done, and of how many."""


def build_trees(graph: Graph, progress: Progress | None = None) -> Graph:
    """The same graph, each binary convolution that the tree kernel can run with its tree.

    A tree that is there already stays.
    """
    ops: list[Op] = []
    infos = validate(graph)
    for op, info, sources in zip(graph.ops, infos, graph.sources, strict=True):
        if progress is not None:
            progress("trees", len(ops), len(graph.ops))
        if (
            isinstance(op, BinaryConv)
            and op.tree is None
            and not tree_obstacle(op, infos[sources[0]].shape, info.shape)
        ):
            rows = op.weight.reshape(len(op.weight), -1)
            ops.append(replace(op, tree=build_tree(rows, where=f"layer {op.name!r}")))
        else:
            ops.append(op)
    return replace(graph, ops=tuple(ops))


def tree_obstacle(op: BinaryConv, source: Shape, result: Shape) -> str:
    """Why the tree kernel cannot run the layer; "": it can."""
    taps = op.weight[0].size
    if taps > TAPS_MAX:
        return f"{taps} taps a channel are too many for a tree"
    classes = border_classes(op, source, result)
    if op.outside is Padding.ZERO and classes > BORDER_CLASSES_MAX:
        return f"zero padding with {classes} border classes, a tree has at most {BORDER_CLASSES_MAX}"
    return ""
