"""Order of calculation and slots: depth first, so that only one path of sums is alive.

    order, source_slot, slot, slot_count = schedule(parent)  # parent[c] in 0 .. C, C is the zero vertex

A slot holds one channel's sum. A channel needs its parent's sum until the parent's last child is
calculated; that child may overwrite it. The children of a vertex are visited from the one whose
subtree needs the fewest slots to the one that needs the most, and the last inherits the slot:

    need(leaf) = 1
    need(v)    = max(need of the last child, 1 + need of the one before it)

which is the Strahler (Ershov) number: a subtree that needs n slots has at least 2^(n - 1) leaves, so C
channels never need more than floor(log2(C)) + 1. The zero vertex needs no slot.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from spanbit.tree.spanning import top_down
from spanbit.tree.types import ZERO


def slots_needed(parent: NDArray[np.int32]) -> list[int]:
    """Slots that the subtree of each vertex needs; the last entry is the whole tree's."""
    channels = len(parent)
    most = [0] * (channels + 1)  # largest need of a child so far
    next_most = [0] * (channels + 1)
    need = [1] * (channels + 1)
    for c in reversed(top_down(parent)):
        p = int(parent[c])
        most[p], next_most[p] = max(most[p], need[c]), max(next_most[p], min(most[p], need[c]))
        # Only a second child makes its parent's slot stay: a single child overwrites it.
        need[p] = max(most[p], 1 + next_most[p] if next_most[p] else 0)
    need[channels] = max(1, most[channels])  # the roots follow each other, none is kept for the next
    return need


def schedule(
    parent: NDArray[np.int32],
) -> tuple[list[int], NDArray[np.int32], NDArray[np.int32], int]:
    """Channels in order of calculation; slot read and slot written at each position; slots in all."""
    channels = len(parent)
    need = slots_needed(parent)
    children: list[list[int]] = [[] for _ in range(channels + 1)]
    for c in range(channels):
        children[int(parent[c])].append(c)
    for group in children:
        group.sort(key=lambda c: (need[c], c))
    order: list[int] = []
    source_slot = np.full(channels, ZERO, np.int32)
    slot = np.full(channels, ZERO, np.int32)
    held = [ZERO] * (channels + 1)  # by channel
    free: list[int] = []
    slot_count = 0
    stack = children[channels][::-1]
    while stack:
        c = stack.pop()
        p = int(parent[c])
        if p != channels:
            source_slot[len(order)] = held[p]
        if p != channels and c == children[p][-1]:
            held[c] = held[p]
        elif free:
            held[c] = heappop(free)
        else:
            held[c] = slot_count
            slot_count += 1
        slot[len(order)] = held[c]
        order.append(c)
        stack.extend(reversed(children[c]))
        if not children[c]:  # a leaf: the sum is used at once, nobody reads its slot
            heappush(free, held[c])
    return order, source_slot, slot, slot_count
