"""Binary weights pulled together by the tree loss, steered to a cost instead of given a coefficient.

    compressor = TreeLossSteer(target_distance=0.10)
    loss = task_loss + compressor.loss()         # see compress.py for the whole loop

That the total distance of the minimum spanning tree is driven down in training is from the abstract of Vo
et al. (see tree_loss.py). How strongly, and when, is ours: without it during the warm-up; then each layer's
coefficient follows a controller that keeps the layer's cost on a falling reference (ramp) and at the target
(hold); at last the coefficients fade while the learning rate does (anneal). One coefficient a layer is what
keeps a layer that gives way easily from being crushed while another stays loose.

What the loss has not reached by then is tied, weakest differing taps first (tie.py), so the target holds
exactly or is undercut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.compress import Compressor, falling_share
from spanbit.nn.tie import bake, check_reachable, settle
from spanbit.nn.tree_loss import TreeLoss

_LEAST, _MOST = 1e-3, 1e3
"""Bounds of a coefficient: it must find its way back in a few dozen steps."""


class TreeLossSteer(Compressor):
    """Steers every layer's tree to `target_distance` differing taps, as a share of its taps.

    Args:
        warmup, reached_at, anneal_at, settled_at: shares of the training: the loss begins, the reference
            is at the target, the coefficients begin to fade, the weights stay.
        first: coefficient at the beginning; the loss is the layer's cost times its coefficient.
        gain: after a step in which the cost is twice the reference, the coefficient is 2^gain times as
            large.
        every: steps between two trees.
        depth: weight of the depth term (tree_loss.py); the controller looks at the distance alone.
    """

    kept = ("_progress", "_settled", "_start", "coefficients")

    def __init__(
        self,
        target_distance: float,
        *,
        warmup: float = 0.05,
        reached_at: float = 0.6,
        anneal_at: float = 0.8,
        settled_at: float = 0.9,
        first: float = 0.3,
        gain: float = 0.1,
        every: int = 32,
        depth: float = 0.0,
    ) -> None:
        self.target, self.first, self.gain, self.every = target_distance, first, gain, every
        self.warmup, self.reached_at = warmup, reached_at
        self.anneal_at, self.settled_at = anneal_at, settled_at
        self.depth = depth
        self._progress = 0.0
        self._settled = False
        self._start: Tensor | None = None

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        check_reachable(layers, self.target, binary=True)
        self._loss = TreeLoss(layers, self.every, depth=self.depth)
        self._taps = torch.tensor([float(layer.weight.numel()) for layer in layers])
        self.coefficients = torch.full((len(layers),), self.first)

    def step(self, progress: float) -> None:
        self._progress = progress
        if progress >= self.settled_at and not self._settled:
            settle(self.layers, self.target)
            self._settled = True

    def loss(self) -> Tensor:
        if self._progress < self.warmup or self._settled:
            return torch.zeros(())
        distances = self._loss.distances()
        costs = distances / self._taps.to(distances.device)
        self._control(costs.detach().cpu())
        fade = (self.settled_at - self._progress) / (self.settled_at - self.anneal_at)
        if self.depth:
            costs = costs + self.depth * self._loss.paths() / self._taps.to(distances.device)
        return (self.coefficients.to(costs.device) * costs).sum() * min(1.0, fade)

    @property
    def met(self) -> bool:
        return self._settled

    def finish(self) -> None:
        if not self._settled:
            settle(self.layers, self.target)
            self._settled = True
        for layer in self.layers:
            bake(layer)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "loss": self._loss.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._loss.load_state_dict(state["loss"])

    def _control(self, costs: Tensor) -> None:
        if self._start is None:
            self._start = costs
        passed = (self._progress - self.warmup) / (self.reached_at - self.warmup)
        reference = [
            falling_share(self.target, max(float(part), self.target), passed) for part in self._start
        ]
        factor = (costs / torch.tensor(reference)).pow(self.gain)
        self.coefficients = (self.coefficients * factor).clamp(_LEAST, _MOST)
