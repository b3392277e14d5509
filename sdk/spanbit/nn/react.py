"""What ReActNet adds to a residual block: shifts that are learnt, in front of the sign and around a PReLU.

    bits = sign(Shift(64)(x))           # RSign
    x = ShiftedPReLU(64)(x + shortcut)  # RPReLU

After Liu et al., "ReActNet" (2020). A shift of a sign costs nothing in the compiled network, it is part of a
comparison; a shifted PReLU is one operator on int16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Shift(nn.Module):
    """x + a number a channel, [N, C, H, W]; zero at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]


class ShiftedPReLU(nn.Module):
    """RPReLU: shift, PReLU with a slope a channel, shift."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before, self.slope, self.after = Shift(channels), nn.PReLU(channels), Shift(channels)

    def forward(self, x: Tensor) -> Tensor:
        shifted: Tensor = self.after(self.slope(self.before(x)))
        return shifted
