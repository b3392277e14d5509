"""Binary and ternary layers: float weights that are trained, and the -1, 0, +1 that are used.

    conv = BinaryConv2d(64, 128, 3, padding=1)                    # weights -1, +1
    conv = BinaryConv2d(64, 128, 3, padding=1, weights="ternary") # 0 where conv.mask is 0 (TernaryPruner)
    head = BinaryLinear(1152, 10)                                 # logits = scale * sum + bias

Inputs are -1 and +1; outputs are exact integers held in float32 (a sum stays far below 2^24). There is
no scale per channel in a convolution: the batch-norm that follows takes it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from spanbit.nn.sign import hard_sign, sign, straight_through
from spanbit.nn.tied import Tied

Weights = Literal["binary", "ternary"]
EXACT = 1 << 24
"""Integers below this are exact in float32."""


class BinaryConv2d(nn.Module):
    """Convolution with weights -1, 0, +1 on activations -1, +1; outside the image they are `pad_value`.

    Args:
        weights: "binary" (-1, +1), or "ternary", where the buffer `mask` says which taps are not zero.
        pad_value: the activation outside the image: -1, +1, or 0, as nn.Conv2d has it.
    """

    weight: Tensor
    mask: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        *,
        pad_value: int = -1,
        weights: Weights = "binary",
    ) -> None:
        super().__init__()
        if pad_value not in (-1, 0, 1):
            raise ValueError(f"pad_value must be -1, 0 or +1, got {pad_value}")
        if weights not in ("binary", "ternary"):
            raise ValueError(f"weights must be 'binary' or 'ternary', got {weights!r}")
        if in_channels * kernel * kernel >= EXACT:
            raise ValueError(f"{in_channels * kernel * kernel} taps: sums would not be exact in float32")
        self.in_channels, self.out_channels, self.kernel = in_channels, out_channels, kernel
        self.stride, self.padding, self.pad_value, self.weights = stride, padding, pad_value, weights
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.register_buffer("mask", torch.ones(self.weight.shape, dtype=torch.bool))
        # One range for every layer: Adam moves all alike.
        nn.init.uniform_(self.weight, -0.1, 0.1)
        # Set by a compressor while it ties taps to owners, None again when it has finished.
        self.tied: Tied | None = None

    def effective_weight(self) -> Tensor:
        """The weights that are used: -1, 0, +1, float32 [O, C, kh, kw], with a gradient to `weight`.

        The gradient reaches masked taps as well: one that pruning took away too early can grow back.
        """
        if self.tied is not None:
            return self.tied.effective(self.weight)
        if self.weights == "binary":
            return sign(self.weight)
        value = hard_sign(self.weight.detach()) * self.mask
        return straight_through(value, self.weight.clamp(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.padding:
            x = functional.pad(x, (self.padding,) * 4, value=float(self.pad_value))
        return functional.conv2d(x, self.effective_weight(), stride=self.stride)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, pad_value={self.pad_value}, weights={self.weights!r}"
        )


class BinaryLinear(nn.Module):
    """The head: logits[o] = scale[o] * sum_k w[o, k] a[k] + bias[o], weights -1 and +1, behind nn.Flatten."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        if in_features >= EXACT:
            raise ValueError(f"{in_features} inputs: sums would not be exact in float32")
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.uniform_(self.weight, -0.1, 0.1)
        # Sums of n random signs have the deviation sqrt(n): logits begin near 1.
        self.scale = nn.Parameter(torch.full((out_features,), in_features**-0.5))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def effective_weight(self) -> Tensor:
        """The weights that are used: -1, +1, float32 [O, K], with a gradient to `weight`."""
        return sign(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        sums = functional.linear(x, self.effective_weight())
        return sums * self.scale + self.bias  # two roundings, as in the compiled head

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"
