"""Gradual magnitude pruning to ternary weights, to an exact share of non-zero taps.

    layers = [m for m in net.modules() if isinstance(m, BinaryConv2d)]
    pruner = TernaryPruner(layers, cost=0.10)
    for step, batch in enumerate(loader):
        pruner.step(step / pruning_steps)      # 0: nothing is pruned, 1 and above: the target is met
        ...

The share kept falls with the cube of what remains, 1 - s(t) = (1 - cost)(1 - (1 - t)^3), after Zhu and
Gupta, "To prune, or not to prune" (2017). A tap is weak where its float weight is small.
A tree all of whose channels hang from the zero vertex costs exactly this share; the minimum spanning tree
costs that or less.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spanbit.nn.binary import BinaryConv2d, Weights
from spanbit.nn.compress import Compressor, falling_share

FLOOR = 0.5
"""Without a floor, a shared budget once left the last convolution of a deep network without a tap, and with
it the network without an answer: its latent weights had moved least in units of their mean."""


class TernaryPruner:
    """Sets the masks of ternary layers so that exactly round(share * taps) taps are not zero.

    Args:
        layers: BinaryConv2d with weights="ternary".
        cost: the share of non-zero taps at the end, above 0, up to 1.
        per_layer: meet the share in each layer, instead of over all layers together.
        warmup: the share of `progress` before anything is pruned.
        floor: every layer keeps at least this part of what it would keep by itself.
    """

    def __init__(
        self,
        layers: Sequence[BinaryConv2d],
        cost: float,
        *,
        per_layer: bool = False,
        warmup: float = 0.0,
        floor: float = FLOOR,
    ) -> None:
        if not layers or any(layer.weights != "ternary" for layer in layers):
            raise ValueError('TernaryPruner needs at least one layer, all with weights="ternary"')
        if not 0 < cost <= 1 or not 0 <= warmup < 1:
            raise ValueError(f"cost must lie in (0, 1] and warmup in [0, 1), got {cost} and {warmup}")
        self.layers, self.target, self.per_layer, self.warmup = tuple(layers), cost, per_layer, warmup
        self.floor = floor

    def share(self, progress: float) -> float:
        """The share of taps that is kept at `progress`: 1 before the warm-up's end, the target from 1 on."""
        passed = (progress - self.warmup) / (1 - self.warmup)
        return falling_share(self.target, 1, passed)

    @torch.no_grad()
    def step(self, progress: float) -> None:
        """Choose the taps again, by the weights as they are now; at `progress` >= 1 they meet the target."""
        share = self.share(progress)
        # In units of the layer's mean: no layer loses everything only because its weights move less.
        magnitudes = [_magnitude(layer) for layer in self.layers]
        if self.per_layer:
            kept = [_strongest(part, round(share * part.numel())) for part in magnitudes]
        else:
            least = self.floor * share
            together = torch.cat([_at_least(part, int(least * part.numel())) for part in magnitudes])
            chosen = _strongest(together, round(share * together.numel()))
            kept = list(torch.split(chosen, [part.numel() for part in magnitudes]))
        for layer, mask in zip(self.layers, kept, strict=True):
            layer.mask.copy_(mask.view_as(layer.mask))

    def cost(self) -> float:
        """The share of non-zero taps over all layers, now."""
        return nonzero_share(self.layers)


class Prune(Compressor):
    """`TernaryPruner` as a compressor: tying to the zero vertex alone.

    Args:
        cost: share of taps that are not zero at the end, over all layers together.
        per_layer: meet the share in each layer instead.
        warmup: share of the training before anything is pruned.
        fixed_at: share of the training after which the cost is met and the taps stay as they are.
        every: taps are chosen again every so many steps. At 1 a latent weight that changes its sign passes
            through zero; else its tap jumps from -1 to +1 while it is weakest (docs/training.md).
        floor: every layer keeps at least this part of what `per_layer` would give it.
    """

    weights: Weights = "ternary"
    kept = ("_calls", "_fixed")

    def __init__(
        self,
        cost: float,
        *,
        per_layer: bool = False,
        warmup: float = 0.05,
        fixed_at: float = 0.8,
        every: int = 1,
        floor: float = FLOOR,
    ) -> None:
        self.cost, self.per_layer = cost, per_layer
        self.warmup, self.fixed_at, self.every, self.floor = warmup, fixed_at, every, floor
        self._calls = 0
        self._fixed = False

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        self._pruner = TernaryPruner(
            layers,
            self.cost,
            per_layer=self.per_layer,
            warmup=self.warmup / self.fixed_at,
            floor=self.floor,
        )

    def step(self, progress: float) -> None:
        passed = progress / self.fixed_at
        if not self._fixed and (self._calls % self.every == 0 or passed >= 1):
            self._pruner.step(passed)
            self._fixed = passed >= 1
        self._calls += 1

    @property
    def met(self) -> bool:
        return self._fixed

    def finish(self) -> None:
        if not self._fixed:  # a run of one step
            self._pruner.step(1.0)
            self._fixed = True


def nonzero_share(layers: Sequence[BinaryConv2d]) -> float:
    """The share of taps that are not zero over all `layers`; binary layers have no zero."""
    used = sum(
        int(layer.mask.sum()) if layer.weights == "ternary" else layer.mask.numel() for layer in layers
    )
    return used / sum(layer.mask.numel() for layer in layers)


def _magnitude(layer: BinaryConv2d) -> Tensor:
    flat = layer.weight.detach().abs().flatten()
    return flat / flat.mean().clamp_min(1e-30)


def _at_least(magnitude: Tensor, count: int) -> Tensor:
    """The magnitudes, the `count` largest made so great that they are always chosen."""
    return torch.where(_strongest(magnitude, count), torch.inf, magnitude)


def _strongest(magnitude: Tensor, count: int) -> Tensor:
    """A mask of exactly `count` places, the largest; of equal ones the first."""
    if not 0 < count < magnitude.numel():
        return torch.full(magnitude.shape, count > 0, dtype=torch.bool, device=magnitude.device)
    # No sort: this is done in every step of a training.
    least = magnitude.kthvalue(magnitude.numel() - count + 1).values
    mask = magnitude > least
    equal = (magnitude == least).nonzero()[: count - int(mask.sum()), 0]
    mask[equal] = True
    return mask
