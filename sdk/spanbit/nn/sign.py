"""Sign with a gradient: +1 for x >= 0, else -1; the gradient passes straight through where |x| <= 1.

    bits = sign(x)          # a function
    bits = Sign()(x)        # a layer, as in nn.Sequential(..., nn.BatchNorm2d(64), Sign())

The straight-through estimator is that of Hinton's lectures and Courbariaux et al., "Binarized Neural
Networks" (2016). A zero counts as +1 everywhere in spanbit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, latent: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]


def straight_through(value: Tensor, latent: Tensor) -> Tensor:
    """`value` on the way forward, the identity on `latent` on the way back.

    Not written as latent + (value - latent).detach(), since that is `value` only up to rounding.
    """
    result: Tensor = _StraightThrough.apply(value, latent)  # type: ignore[no-untyped-call]
    return result


def hard_sign(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1, in x's type. No gradient."""
    return (x >= 0).to(x.dtype).mul_(2).sub_(1)


def sign(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1; gradient 1 where |x| <= 1, else 0."""
    return straight_through(hard_sign(x.detach()), x.clamp(-1, 1))


class Sign(nn.Module):
    """`sign` as a layer. Behind a convolution, with or without nn.BatchNorm2d between."""

    def forward(self, x: Tensor) -> Tensor:
        return sign(x)
