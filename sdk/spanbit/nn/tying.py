"""Tying taps to a tree until it has an exact total distance: the algorithm, numpy only.

    ties = tie_layer(latent, tree, budget=round(0.10 * latent.size), binary=True)
    ties.value                   # int8 [C, K]; along `tree` exactly `budget` taps differ

Each channel starts with the value that its latent weights ask for. Then differing taps are tied, the weakest
first: a tied tap takes its parent's value, and with it all descendants that have the tap from this channel.
A descendant that owned the tap, since it differed, may be equal now and saves its addition too; so what a
tie costs is its loss of utility divided by the additions that it saves at most, 1 + those descendants.

The utility of value x in {-1, 0, +1} for a latent l is x l - |x| tau: tau = 0 where weights are binary; for
ternary ones tau is the magnitude from which a tap is not zero, and a star is pruned by magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.tree import ZERO, ChannelTree

Latent = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ties:
    """Values and owners of a layer's taps, [C, K]."""

    value: NDArray[np.int8]
    owner: NDArray[np.int64]  # a channel, or C: the zero vertex
    flip: NDArray[np.int8]  # value = flip * value of the owner
    distance: int  # taps in which `value` differs along the tree, roots included


def desired(latent: Latent, tau: float) -> NDArray[np.int8]:
    """The value of greatest utility for each tap: its sign, or 0 where it is weaker than tau."""
    value = np.where(latent >= 0, 1, -1).astype(np.int8)
    value[np.abs(latent) < tau] = 0
    return value


def tie_layer(latent: Latent, tree: ChannelTree, budget: int, *, binary: bool, tau: float = 0.0) -> Ties:
    """Tie until at most `budget` taps differ along `tree`; exactly so many, if that many did at first.

    Args:
        latent: float weights [C, K].
        binary: the taps of a root are never tied to zero. `budget` must then be K times the roots at least.
        tau: see above; 0 for binary weights.
    """
    family = _Family(tree)
    # Signed rows, in the order of calculation: tied is equal, the edges have no signs left.
    wish = latent[tree.channel] * tree.sign[:, None]
    start = desired(latent, tau)[tree.channel] * tree.sign[:, None]
    owned = start != family.above(start)
    value = start
    while (surplus := int(owned.sum()) - budget) > 0:
        owner = family.owners(owned)
        heirs = family.heirs(owned, owner)
        inherited = family.above(value)
        loss = (value - inherited) * wish - tau * (np.abs(value) - np.abs(inherited))
        free = owned.copy()
        if binary:
            free[family.roots] = False
        chosen = _cheapest(loss, heirs, free, surplus)
        if not len(chosen):
            raise ValueError(f"a budget of {budget} taps is less than the roots need")
        owned.reshape(-1)[chosen] = False
        value = family.inherit(start, owned)
        owned &= value != family.above(value)
    owner = family.owners(owned)
    return _by_channel(tree, value, owner, int(owned.sum()))


class _Family:
    """Parents and children of a tree's positions, for arrays [C, K] in the order of calculation."""

    def __init__(self, tree: ChannelTree) -> None:
        self.parent = tree.parent
        self.roots = np.flatnonzero(tree.parent == ZERO)

    def above(self, rows: NDArray[np.int8]) -> NDArray[np.int8]:
        """Each position's parent's row; a root's is zero."""
        return np.vstack([rows, np.zeros_like(rows[:1])])[self.parent]

    def inherit(self, start: NDArray[np.int8], owned: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Values where owned taps have those of `start` and the others their parent's."""
        value = np.zeros((len(start) + 1, start.shape[1]), np.int8)  # the last row, ZERO, is zero
        for i, p in enumerate(self.parent):
            value[i] = np.where(owned[i], start[i], value[p])
        return value[:-1]

    def owners(self, owned: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Position of the owner of each tap, C for the zero vertex; the last row is the zero vertex's."""
        count = len(owned)
        owner = np.full((count + 1, owned.shape[1]), count, np.int64)
        for i, p in enumerate(self.parent):
            owner[i] = np.where(owned[i], i, owner[p])
        return owner

    def heirs(self, owned: NDArray[np.bool_], owner: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each owned tap, how many owned taps would otherwise have it as their owner."""
        count, taps = owned.shape
        place = owner[self.parent] * taps + np.arange(taps)
        return np.bincount(place[owned], minlength=(count + 1) * taps).reshape(-1, taps)[:-1]


def _cheapest(
    loss: NDArray[np.float32], heirs: NDArray[np.int64], free: NDArray[np.bool_], surplus: int
) -> NDArray[np.int64]:
    """Flat places to tie, cheapest first, so many that no more than `surplus` additions are saved."""
    places = np.flatnonzero(free)
    saved = 1 + heirs.reshape(-1)[places]
    places, saved = places[saved <= surplus], saved[saved <= surplus]
    order = np.argsort(loss.reshape(-1)[places] / saved, kind="stable")
    return places[order[np.cumsum(saved[order]) <= surplus]]


def _by_channel(tree: ChannelTree, value: NDArray[np.int8], owner: NDArray[np.int64], distance: int) -> Ties:
    """From signed rows in the order of calculation to the channels' own."""
    count, taps = value.shape
    signs = np.append(tree.sign, np.int8(1))
    channel = np.append(tree.channel, count)
    value = value * tree.sign[:, None]
    # What is owned as a zero belongs to the zero vertex: there is no latent behind it.
    owner = np.where(value == 0, count, owner[:-1])
    flip = tree.sign[:, None] * signs[owner]
    result = Ties(np.empty_like(value), np.empty((count, taps), np.int64), np.empty_like(value), distance)
    result.value[tree.channel] = value
    result.owner[tree.channel] = channel[owner]
    result.flip[tree.channel] = flip
    return result
