"""Gradual tying: channels give up taps of their own for those of their ancestors in the tree.

    compressor = Tie(cost=0.10)                  # binary weights, the seed's own mode
    compressor = Tie(cost=0.10, mixed=True)      # weights -1, 0, +1: taps inherit from a parent or from zero

The tree is built again every `every` steps; so are the owners, the weakest differing taps tied first, and a
tied tap whose own latent weight has grown strong against the inherited value owns itself again. The distance
falls as pruning's share does. Near the end the cost is met exactly and the weights stay as they are;
batch-norm, stem and head settle on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from spanbit.nn.binary import BinaryConv2d, Weights
from spanbit.nn.compress import Compressor, falling_share, usage
from spanbit.nn.tied import Tied
from spanbit.nn.tying import Latent, Ties, desired, tie_layer
from spanbit.tree import ChannelTree, build_tree
from spanbit.tree.build import tree_from_parents
from spanbit.tree.distance import distance_matrix

_SLACK = (1.2, 1.6, 2.5, 5.0, float("inf"))
"""Mixed mode: so many times the budget are non-zero before tying. Of these the first that leaves enough."""

_DENSE = 0.5


class Tie(Compressor):
    """Ties each layer to a tree of exactly round(cost * taps) differing taps, roots included.

    Where the minimum trees have fewer from the start, they stay below.

    Args:
        cost: the share of differing taps at the end, in each layer.
        mixed: ternary weights; the tree is then chosen over the rows as pruning would leave them.
        warmup: share of the training before anything is tied.
        fixed_at: share of the training from which owners stay, while their signs still learn.
        settled_at: share from which the cost is exact and weights stay.
        every: steps between two tyings.
    """

    kept = ("_start", "_calls", "_fixed", "_settled")

    def __init__(
        self,
        cost: float,
        *,
        mixed: bool = False,
        warmup: float = 0.05,
        fixed_at: float = 0.7,
        settled_at: float = 0.9,
        every: int = 32,
    ) -> None:
        self.cost, self.mixed, self.every = cost, mixed, every
        self.warmup, self.fixed_at, self.settled_at = warmup, fixed_at, settled_at
        self.weights: Weights = "ternary" if mixed else "binary"
        self._start: float | None = None
        self._calls = 0
        self._fixed = self._settled = False

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        check_reachable(layers, self.cost, binary=not self.mixed)

    def step(self, progress: float) -> None:
        if progress >= self.settled_at and not self._settled:
            settle(self.layers, self.cost)
            self._settled = True
        due = self._calls % self.every == 0 or progress >= self.fixed_at
        if progress >= self.warmup and due and not (self._fixed or self._settled):
            self._tie((progress - self.warmup) / (self.fixed_at - self.warmup))
            self._fixed = progress >= self.fixed_at
        self._calls += 1

    @property
    def met(self) -> bool:
        return self._settled

    def finish(self) -> None:
        if not self._settled:
            settle(self.layers, self.cost)
            self._settled = True
        for layer in self.layers:
            bake(layer)

    def _tie(self, passed: float) -> None:
        if self._start is None:
            self._start = max(self.cost, _start(self.layers))
        tie_to_share(self.layers, falling_share(self.cost, self._start, passed))


@torch.no_grad()
def tie_to_share(layers: Sequence[BinaryConv2d], share: float) -> None:
    """Tie each layer to round(share * taps) differing taps."""
    for layer in layers:
        ties = tied_to(layer, round(share * layer.weight.numel()))
        layer.tied = Tied.of(ties, layer.weight.device)


def _latent(layer: BinaryConv2d) -> Latent:
    """The float weights [channels, taps] in units of the layer's mean magnitude."""
    rows: Latent = layer.weight.detach().flatten(1).cpu().numpy()
    scaled: Latent = rows / np.float32(max(np.abs(rows).mean(), 1e-30))
    return scaled


def tied_to(layer: BinaryConv2d, budget: int) -> Ties:
    """The layer's ties for a total distance of `budget`, from its weights as they are now."""
    latent = _latent(layer)
    if layer.weights == "binary":
        # The tree over what is used now, not over the latents: what is tied stays near its parent.
        return tie_layer(latent, effective_tree(layer), budget, binary=True)
    if budget > _DENSE * latent.size:  # a tree would tie what happens to be equal; a star is plain pruning
        zero = np.full(len(latent), len(latent), np.int32)
        star = tree_from_parents(zero, distance_matrix(desired(latent, 0.0)))
        return tie_layer(latent, star, budget, binary=False)
    magnitudes = np.sort(np.abs(latent), axis=None)[::-1]
    for slack in _SLACK:
        kept = max(1, min(slack * budget, latent.size))
        tau = float(magnitudes[int(kept) - 1])
        tree = build_tree(desired(latent, tau), restarts=0)
        if tree.total_distance >= budget:
            break
    return tie_layer(latent, tree, budget, binary=False, tau=tau)


@torch.no_grad()
def settle(layers: Sequence[BinaryConv2d], cost: float) -> None:
    """`tie_to_share` for good: no weight moves any more."""
    tie_to_share(layers, cost)
    for layer in layers:
        assert layer.tied is not None
        layer.tied = layer.tied.freeze(layer.weight)


@torch.no_grad()
def bake(layer: BinaryConv2d) -> None:
    """Make the tied weights the layer's own; it is a plain binary or ternary layer again."""
    value = layer.effective_weight()
    layer.tied = None
    # A zero keeps its latent; its mask hides it. Nothing may come so near to 0 that its sign is lost.
    strength = layer.weight.abs().clamp_min(1e-6)
    layer.weight.copy_(torch.where(value == 0, layer.weight, value * strength))
    layer.mask.copy_(value != 0)


def effective_tree(layer: BinaryConv2d) -> ChannelTree:
    """The minimum spanning tree over the weights that are used."""
    rows = layer.effective_weight().detach().flatten(1).cpu().numpy()
    return build_tree(rows.astype(np.int8), restarts=0)


def check_reachable(layers: Sequence[BinaryConv2d], cost: float, *, binary: bool) -> None:
    """Refuse a cost below that of the binary trees' roots, which are calculated tap by tap.

    Raises:
        SpanbitError: the cost, and the least that the layers can have.
    """
    if not 0 < cost <= 1:
        raise usage(f"cost {cost}", "it is a share of the taps", "use a share above 0, up to 1")
    taps = [layer.weight.numel() for layer in layers]
    roots = [layer.weight[0].numel() for layer in layers]
    if binary and any(round(cost * count) < root for count, root in zip(taps, roots, strict=True)):
        least = max(root / count for count, root in zip(taps, roots, strict=True))
        raise usage(
            f"cost {cost} is too low for binary weights",
            "the first channel of a tree is calculated from nothing: 1 / channels of the taps at least, "
            f"{least:.3f} in the smallest layer",
            "ask for a higher cost, a wider network, or ternary weights (--method prune, or tie --mixed)",
        )


def _start(layers: Sequence[BinaryConv2d]) -> float:
    """Cost from which the schedule sets out: all taps where zero is a choice, else the minimum trees'."""
    if layers[0].weights == "ternary":
        return 1.0
    spent = sum(effective_tree(layer).total_distance for layer in layers)
    return spent / sum(layer.weight.numel() for layer in layers)
