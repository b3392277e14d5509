"""One interface for making a network compressible while it learns.

    compressor = Tie(cost=0.10)
    compressor.prepare(layers)                       # BinaryConv2d
    for step, batch in enumerate(batches):
        compressor.step(step / len(batches))
        loss = task_loss(net(batch)) + compressor.loss()
        ...
    compressor.finish()                              # the cost is met; the layers are plain again

Between two steps its state can be taken and given to another of the same kind, which then goes on exactly
as the first would have:

    state = compressor.state_dict()                  # tensors, numbers, lists: torch.load(weights_only=True)
    again.prepare(layers)                            # layers that hold the same weights and masks
    again.load_state_dict(state)

`Prune` (prune.py) ties taps to zero, `Tie` (tie.py) to the nearest owner in the tree, `TreeLossSteer`
(steer.py) pulls the tree's distance down with a loss. `Compressor` itself does nothing: the twin.

**Cost** is the trees' total distance, roots included, divided by all taps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.binary import BinaryConv2d, Weights
from spanbit.nn.tied import Tied


class Compressor:
    """Leaves the layers as they are. The others follow its contract."""

    weights: Weights = "binary"
    """What the layers must be made with."""

    kept: tuple[str, ...] = ()
    """Names of the attributes that change while it runs: what `state_dict` holds beside the layers' ties."""

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

    @property
    def met(self) -> bool:
        """Whether the cost is met, and stays met."""
        return True

    def finish(self) -> None:
        """Called once, after the last step: the cost is met, whatever has happened before."""

    def state_dict(self) -> dict[str, Any]:
        """All that a run has changed and that is not in the layers' own state (weights and masks)."""
        return {
            "kind": type(self).__name__,
            "kept": {name: getattr(self, name) for name in self.kept},
            "tied": [None if layer.tied is None else layer.tied.state_dict() for layer in self.layers],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`. Called after `prepare`, with layers that hold the weights and masks of then.

        Raises:
            ValueError: the state is of another compressor, or of other layers.
        """
        if state["kind"] != type(self).__name__ or set(state["kept"]) != set(self.kept):
            raise ValueError(f"a state of {state['kind']} is not one of {type(self).__name__}")
        if len(state["tied"]) != len(self.layers):
            raise ValueError(f"a state of {len(state['tied'])} layers, there are {len(self.layers)}")
        for name in self.kept:
            setattr(self, name, state["kept"][name])
        for layer, tied in zip(self.layers, state["tied"], strict=True):
            layer.tied = None if tied is None else Tied.from_state_dict(tied, layer.weight.device)


def falling_share(target: float, start: float, passed: float) -> float:
    """From `start` to `target` while `passed` goes from 0 to 1, the rest falling with its cube.

    After Zhu and Gupta, "To prune, or not to prune" (2017).
    """
    rest = 1 - min(max(passed, 0.0), 1.0)
    return target + (start - target) * rest**3


def usage(what: str, why: str, fix: str) -> SpanbitError:
    """A mistake in how a compressor was asked for."""
    return SpanbitError(what, where="training", why=why, fix=fix, code=ExitCode.USAGE)
