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

import numpy as np
import torch
from torch import Tensor

from spanbit.nn.binary import BinaryConv2d, Weights
from spanbit.nn.compress import Compressor, falling_share


class TernaryPruner:
    """Sets the masks of ternary layers so that exactly round(share * taps) taps of each are not zero.

    Args:
        layers: BinaryConv2d with weights="ternary".
        cost: the share of non-zero taps at the end, above 0, up to 1.
        warmup: the share of `progress` before anything is pruned.
    """

    def __init__(self, layers: Sequence[BinaryConv2d], cost: float, *, warmup: float = 0.0) -> None:
        if not layers or any(layer.weights != "ternary" for layer in layers):
            raise ValueError('TernaryPruner needs at least one layer, all with weights="ternary"')
        if not 0 < cost <= 1 or not 0 <= warmup < 1:
            raise ValueError(f"cost must lie in (0, 1] and warmup in [0, 1), got {cost} and {warmup}")
        self.layers, self.target, self.warmup = tuple(layers), cost, warmup

    def share(self, progress: float) -> float:
        """The share of taps that is kept at `progress`: 1 before the warm-up's end, the target from 1 on."""
        passed = (progress - self.warmup) / (1 - self.warmup)
        return falling_share(self.target, 1, passed)

    @torch.no_grad()
    def step(self, progress: float) -> None:
        """Choose the taps again, by the weights as they are now; at `progress` >= 1 they meet the target."""
        share = self.share(progress)
        for layer in self.layers:
            strength = layer.weight.detach().abs().flatten()
            layer.mask.copy_(_strongest(strength, round(share * strength.numel())).view_as(layer.mask))

    def cost(self) -> float:
        """The share of non-zero taps over all layers, now."""
        return nonzero_share(self.layers)


class Prune(Compressor):
    """`TernaryPruner` as a compressor: tying to the zero vertex alone.

    Args:
        cost: share of taps that are not zero at the end, in each layer.
        warmup: share of the training before anything is pruned.
        reached_at: share of the training from which the cost is met; which taps are not zero is still chosen.
        fixed_at: share of the training after which the taps stay as they are.
        every: taps are chosen again every so many steps. At 1 a latent weight that changes its sign passes
            through zero; else its tap jumps from -1 to +1 while it is weakest (docs/training.md).
    """

    weights: Weights = "ternary"
    kept = ("_calls", "_met")

    def __init__(
        self,
        cost: float,
        *,
        warmup: float = 0.05,
        reached_at: float = 0.4,
        fixed_at: float = 0.9,
        every: int = 1,
    ) -> None:
        self.cost, self.warmup, self.every = cost, warmup, every
        self.reached_at, self.fixed_at = reached_at, fixed_at
        self._calls = 0
        self._met = False

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        self._pruner = TernaryPruner(layers, self.cost, warmup=self.warmup / self.reached_at)

    def step(self, progress: float) -> None:
        reached = progress >= self.reached_at
        due = self._calls % self.every == 0 and progress < self.fixed_at
        if due or (reached and not self._met):
            self._pruner.step(progress / self.reached_at)
            self._met = reached
        self._calls += 1

    @property
    def met(self) -> bool:
        return self._met

    def finish(self) -> None:
        if not self._met:  # a run of one step
            self._pruner.step(1.0)
            self._met = True


def nonzero_share(layers: Sequence[BinaryConv2d]) -> float:
    """The share of taps that are not zero over all `layers`; binary layers have no zero."""
    used = sum(
        int(layer.mask.sum()) if layer.weights == "ternary" else layer.mask.numel() for layer in layers
    )
    return used / sum(layer.mask.numel() for layer in layers)


def _strongest(magnitude: Tensor, count: int) -> Tensor:
    """A mask of exactly `count` places, the largest; of equal ones the first."""
    if not 0 < count < magnitude.numel():
        return torch.full(magnitude.shape, count > 0, dtype=torch.bool, device=magnitude.device)
    least = _ascending(magnitude, magnitude.numel() - count)
    mask = magnitude > least
    equal = (magnitude == least).nonzero()[: count - int(mask.sum()), 0]
    mask[equal] = True
    return mask


def _ascending(values: Tensor, place: int) -> Tensor | float:
    """The value at `place` of the sorted values; done in every step of a training.

    On a CPU PyTorch's kthvalue takes nine times as long as numpy's partition.
    """
    if values.device.type == "cpu":
        return float(np.partition(values.numpy(), place)[place])
    return values.kthvalue(place + 1).values
