"""Clusters around Steiner channels: an idea for training that was measured and is not in the product.

    compressor = AroundCentres(cost=0.10)     # training_ablation.py has its rows

Every cluster of channels has a centre, a row that is calculated but not output. A channel hangs from its
centre, or from the zero vertex if that is cheaper; the centres hang from the zero vertex. Taps are tied as
`spanbit.nn.tie` ties them, weakest first, over channels and centres together, and the centres' own taps count
in the cost. Where a centre owns a tap, the gradient of all who share it goes to the strongest of them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.tie import Tie, shared_budget
from spanbit.nn.tied import Tied
from spanbit.nn.tying import Latent, Ties, desired, tie_layer
from spanbit.tree.build import tree_from_parents
from spanbit.tree.distance import distance_matrix

CHANNELS_A_CENTRE = 8
ROUNDS = 4  # of assignment and majority
SLACK = 1.6  # so many times the budget are non-zero before anything is tied to a centre

Rows = NDArray[np.int8]


class AroundCentres(Tie):
    """Ternary weights, tied to centres of clusters and to zero; one budget over all layers."""

    def __init__(self, cost: float) -> None:
        super().__init__(cost, mixed=True)
        self.distance = 0

    def _tie(self, passed: float) -> None:
        rest = 1 - min(max(passed, 0.0), 1.0)
        self._tie_to(self.cost + (1 - self.cost) * rest**3)

    def step(self, progress: float) -> None:
        if progress >= self.settled_at and not self._settled:
            self._settle()
        super().step(progress)

    def finish(self) -> None:
        if not self._settled:
            self._settle()
        super().finish()

    @property
    def tree_cost(self) -> float:
        """Differing taps, those of the centres included, over all taps."""
        return self.distance / sum(layer.weight.numel() for layer in self.layers)

    def _settle(self) -> None:
        self._tie_to(self.cost)
        for layer in self.layers:
            assert layer.tied is not None
            layer.tied = layer.tied.freeze(layer.weight)
        self._settled = True

    @torch.no_grad()
    def _tie_to(self, share: float) -> None:
        total = round(share * sum(layer.weight.numel() for layer in self.layers))
        self.distance = 0
        for layer, budget in zip(self.layers, shared_budget(self.layers, total), strict=True):
            ties = _ties(layer, budget)
            layer.tied = Tied.of(ties, layer.weight.device)
            self.distance += ties.distance


def _ties(layer: BinaryConv2d, budget: int) -> Ties:
    rows = layer.weight.detach().flatten(1).numpy()
    latent: Latent = rows / np.float32(np.abs(rows).mean())
    kept = min(round(SLACK * budget), latent.size)
    tau = float(np.sort(np.abs(latent), axis=None)[::-1][max(kept, 1) - 1])
    wish = desired(latent, tau)
    centre, member = _clusters(wish, max(1, len(wish) // CHANNELS_A_CENTRE))
    channels, zero = len(wish), len(wish) + len(centre)
    parent = np.full(zero, zero, np.int32)
    nearer = (wish != centre[member]).sum(1) < (wish != 0).sum(1)
    parent[:channels][nearer] = channels + member[nearer]
    # A centre's tap is worth what its heirs lose with it: it is not output itself.
    value = np.zeros(centre.shape, np.float32)
    for place in range(len(centre)):
        heirs = nearer & (member == place)
        shared = heirs[:, None] & (wish == centre[place])
        value[place] = np.where(shared, np.abs(latent) - tau, 0).sum(0)
    own = centre * (tau + value)
    tree = tree_from_parents(parent, distance_matrix(np.vstack([wish, centre])))
    # The signs of edges are all +1 here: a centre is a majority of rows as they are.
    return _by_members(tie_layer(np.vstack([latent, own]), tree, budget, binary=False, tau=tau), latent)


def _clusters(rows: Rows, count: int) -> tuple[Rows, NDArray[np.int64]]:
    """Centres [count, K], zero but where most members agree, and each row's cluster."""
    first = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    centre = rows[first]
    for _ in range(ROUNDS):
        member = (rows[:, None] != centre[None]).sum(2).argmin(1)
        total = np.zeros((count, rows.shape[1]), np.int64)
        np.add.at(total, member, rows)
        size = np.bincount(member, minlength=count)[:, None]
        centre = np.where(2 * np.abs(total) > size, np.sign(total), 0).astype(np.int8)
    return centre, (rows[:, None] != centre[None]).sum(2).argmin(1)


def _by_members(ties: Ties, latent: Latent) -> Ties:
    """The channels' part; a tap of a centre is owned by the channel that holds it most strongly."""
    channels = len(latent)
    zero = len(ties.value)
    owner, value = ties.owner[:channels].copy(), ties.value[:channels]
    for centre in range(channels, zero):
        strength = np.where(owner == centre, value * latent, -np.inf)
        owner = np.where(owner == centre, strength.argmax(0)[None], owner)
    owner[ties.owner[:channels] == zero] = channels
    above = np.vstack([value, np.zeros_like(value[:1])])
    flip = (value * np.take_along_axis(above, owner, 0)).astype(np.int8)
    return Ties(value, owner, np.where(flip == 0, 1, flip).astype(np.int8), ties.distance)
