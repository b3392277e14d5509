"""One interface for making a network compressible while it learns.

    compressor = Tie(cost=0.10)
    compressor.prepare(layers)                       # BinaryConv2d
    for step, batch in enumerate(batches):
        compressor.step(step / len(batches))
        loss = task_loss(net(batch)) + compressor.loss()
        ...
    compressor.finish()                              # the cost is met; the layers are plain again

`Prune` (prune.py) ties taps to zero, `Tie` (tie.py) to the nearest owner in the tree, `TreeLossSteer`
(steer.py) pulls the tree's distance down with a loss. `Compressor` itself does nothing: the twin.

**Cost** is the trees' total distance, roots included, divided by all taps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.binary import BinaryConv2d, Weights


class Compressor:
    """Leaves the layers as they are. The others follow its contract."""

    weights: Weights = "binary"
    """What the layers must be made with."""

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        """Take the layers. Called once, before the first step.

        Raises:
            SpanbitError: the cost cannot be reached with these layers.
            ValueError: no layers, or of the wrong kind of weights.
        """
        if not layers or any(layer.weights != self.weights for layer in layers):
            raise ValueError(f"{type(self).__name__} needs layers, all with weights={self.weights!r}")
        self.layers = tuple(layers)

    def step(self, progress: float) -> None:
        """Called before every training step; `progress` goes from 0 to 1 over the whole training."""

    def loss(self) -> Tensor:
        """What is added to the task's loss in this step."""
        return torch.zeros(())

    def finish(self) -> None:
        """Called once, after the last step: the cost is met, whatever has happened before."""


def falling_share(target: float, start: float, passed: float) -> float:
    """From `start` to `target` while `passed` goes from 0 to 1, the rest falling with its cube.

    After Zhu and Gupta, "To prune, or not to prune" (2017).
    """
    rest = 1 - min(max(passed, 0.0), 1.0)
    return target + (start - target) * rest**3


def usage(what: str, why: str, fix: str) -> SpanbitError:
    """A mistake in how a compressor was asked for."""
    return SpanbitError(what, where="training", why=why, fix=fix, code=ExitCode.USAGE)
