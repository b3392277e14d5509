"""Who owns each tap of a layer, and the gather that makes effective weights of it.

    layer.tied = Tied.of(ties, layer.weight.device)     # ties: spanbit.nn.tying.tie_layer
    layer.effective_weight()                            # one gather, with a gradient to the owners

A tap that a channel does not own has the value of its nearest ancestor in the tree that does, times the
signs of the edges between; at the end of every path stands the zero vertex, which owns the value 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from spanbit.nn.sign import sign, straight_through
from spanbit.nn.tying import Ties


@dataclass(frozen=True, eq=False)
class Tied:
    """Owner map of one layer, as tensors [channels, taps]."""

    owner: Tensor  # int64, a channel, or the number of channels: the zero vertex
    flip: Tensor  # float32, -1 or +1: the value relative to the owner's
    frozen: Tensor | None = None  # effective weights that no longer change

    @classmethod
    def of(cls, ties: Ties, device: torch.device) -> Tied:
        """The tensors of an owner map."""
        return cls(
            torch.from_numpy(ties.owner).to(device),
            torch.from_numpy(ties.flip).to(device, torch.float32),
        )

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor | None], device: torch.device) -> Tied:
        """What `state_dict` was taken from, on `device`."""
        parts = {name: None if part is None else part.to(device) for name, part in state.items()}
        owner, flip = parts["owner"], parts["flip"]
        if owner is None or flip is None:
            raise ValueError("ties without owners or signs")
        return cls(owner, flip, parts["frozen"])

    def state_dict(self) -> dict[str, Tensor | None]:
        """The tensors, for a checkpoint."""
        return {"owner": self.owner, "flip": self.flip, "frozen": self.frozen}

    def effective(self, latent: Tensor) -> Tensor:
        """The effective weights for `latent`, in its shape.

        The gradient of a tap goes to its owner. It also goes to the latent of the tied tap itself, which is
        not used now: what it would like to be decides at the next tying whether it grows back.
        """
        if self.frozen is not None:
            return self.frozen.view_as(latent)
        rows = latent.flatten(1)
        values = torch.cat([sign(rows), rows.new_zeros(1, rows.shape[1])])
        value = values.gather(0, self.owner) * self.flip
        return straight_through(value.detach(), value + rows.clamp(-1, 1) * self._not_owned).view_as(latent)

    @cached_property
    def _not_owned(self) -> Tensor:
        itself = torch.arange(len(self.owner), device=self.owner.device)[:, None]
        return (self.owner != itself).to(self.flip)

    def freeze(self, latent: Tensor) -> Tied:
        """The same, with the effective weights as they are now for good."""
        return replace(self, frozen=self.effective(latent.detach()))
