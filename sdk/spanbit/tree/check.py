"""Is this table a spanning tree of these weights, in an order that a kernel can follow?

    check_tree(tree, weight, where="layer 'conv2'")  # raises SpanbitError on the first thing that is wrong

`build_tree` never fails this check; a tree that was read from a file may. It says nothing about
minimality: a longer tree gives the same sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.tree.types import ZERO, ChannelTree


def check_structure(tree: ChannelTree, where: str = "") -> None:
    """Check everything that can be checked without the weights: order, depths, signs and slots.

    Raises:
        SpanbitError: with code BAD_BUNDLE; it names the first position that is wrong.
    """
    channels = len(tree.channel)
    columns = (tree.parent, tree.sign, tree.distance, tree.depth, tree.source_slot, tree.slot)
    if channels < 1 or any(len(column) != channels for column in columns):
        raise _bad(where, "the tree's columns differ in length or are empty")
    if not np.array_equal(np.sort(tree.channel), np.arange(channels)):
        raise _bad(where, "the tree does not calculate every channel exactly once")
    holds: dict[int, int] = {}  # slot -> position whose sum stands in it
    for i in range(channels):
        parent, source, slot = int(tree.parent[i]), int(tree.source_slot[i]), int(tree.slot[i])
        if not ZERO <= parent < i:
            raise _bad(where, f"position {i} has parent {parent}, which is not calculated before it")
        if tree.sign[i] not in (-1, 1):
            raise _bad(where, f"position {i} has sign {tree.sign[i]}")
        if tree.distance[i] < 0:
            raise _bad(where, f"position {i} has distance {tree.distance[i]}")
        depth = 1 if parent == ZERO else int(tree.depth[parent]) + 1
        if tree.depth[i] != depth:
            raise _bad(where, f"position {i} has depth {tree.depth[i]}, its parent asks for {depth}")
        if parent == ZERO and source != ZERO:
            raise _bad(where, f"position {i} is a root and reads slot {source}")
        if parent != ZERO and holds.get(source) != parent:
            raise _bad(where, f"position {i} reads slot {source}, which does not hold its parent {parent}")
        if not 0 <= slot < tree.slot_count:
            raise _bad(where, f"position {i} writes slot {slot} of {tree.slot_count}")
        holds[slot] = i


def check_tree(tree: ChannelTree, weight: NDArray[np.int8], where: str = "") -> None:
    """Check the structure, and every distance against the signed rows of `weight` [C, L].

    Raises:
        SpanbitError: with code BAD_BUNDLE.
    """
    check_structure(tree, where)
    if weight.ndim != 2 or weight.shape[0] != len(tree.channel):
        raise _bad(where, f"a tree of {len(tree.channel)} channels for weights {weight.shape}")
    rows = weight[tree.channel] * tree.sign[:, None]
    for i, parent in enumerate(tree.parent):
        differing = np.count_nonzero(rows[i] != rows[parent] if parent != ZERO else rows[i])
        if differing != tree.distance[i]:
            raise _bad(
                where, f"position {i} claims distance {tree.distance[i]}, its row differs in {differing}"
            )


def _bad(where: str, what: str) -> SpanbitError:
    return SpanbitError(
        what, where=where, fix="build the tree again from the weights", code=ExitCode.BAD_BUNDLE
    )
