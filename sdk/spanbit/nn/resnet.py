"""Residual networks in the layout of the binary networks' literature.

    net = resnet20((3, 32, 32), classes=10, mean=mean, std=std)

After Liu et al., "Bi-Real Net" (2018): every binary 3x3 convolution has a real-valued shortcut of its own,
x + batch-norm(convolution(sign(x))); where the image is halved, the shortcut is the mean of 2x2 pixels, a
real 1x1 convolution and a batch-norm. The stem has int8 weights, the head real ones. Only the 3x3
convolutions between count as bits. Compiled, the shortcut is int16 in fixed point: docs/import-torch.md.
Bi-Real-18 is this `resnet18`. `reactnet18` has the same layout and ReActNet's shifts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from spanbit.nn.binary import BinaryConv2d, Weights
from spanbit.nn.react import Shift, ShiftedPReLU
from spanbit.nn.sign import sign
from spanbit.nn.stem import StemConv2d

_LARGE_SIDE = 64
"""From this side on the stem is ImageNet's: 7x7 with stride 2, and a pool."""


class Residual(nn.Module):
    """One binary 3x3 convolution and the real-valued shortcut around it, [N, C, H, W] in float."""

    def __init__(self, before: int, channels: int, stride: int, weights: Weights) -> None:
        super().__init__()
        self.conv = BinaryConv2d(before, channels, 3, stride, padding=1, weights=weights)
        self.norm = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True),
                nn.Conv2d(before, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        bits: Tensor = self.norm(self.conv(sign(x)))
        shortcut: Tensor = self.shortcut(x)
        return bits + shortcut


class ReactResidual(Residual):
    """The same with ReActNet's shifts: in front of the sign, and around a PReLU behind the sum."""

    def __init__(self, before: int, channels: int, stride: int, weights: Weights) -> None:
        super().__init__(before, channels, stride, weights)
        self.shift = Shift(before)
        self.act = ShiftedPReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        bits: Tensor = self.norm(self.conv(sign(self.shift(x))))
        summed: Tensor = self.act(bits + self.shortcut(x))
        return summed


@dataclass(frozen=True)
class ResNet:
    """A kind of residual network, called as `spanbit.nn.zoo.Build` says.

    Args:
        stages: binary convolutions of each stage, which has twice the channels of the one before.
        own_width: channels of the stem and the first stage where no others are asked for.
        block: what stands around each binary convolution.
    """

    stages: tuple[int, ...]
    own_width: int
    block: type[Residual] = Residual

    def __call__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        width: int | None = None,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        weights: Weights = "ternary",
    ) -> nn.Sequential:
        """A network for images [C, H, W]; mean and std per channel, of pixels scaled to 0..1."""
        channels, height, width_px = input_shape
        if min(height, width_px) < 8:
            raise ValueError(f"images of {height}x{width_px} are too small, 8x8 is the least")
        large = min(height, width_px) >= _LARGE_SIDE
        before = width or self.own_width
        layers = OrderedDict[str, nn.Module]()
        kernel, stride = (7, 2) if large else (3, 1)
        layers["stem"] = StemConv2d(channels, before, kernel, stride, kernel // 2, mean=mean, std=std)
        layers["stem_norm"] = nn.BatchNorm2d(before)
        if large:
            layers["stem_pool"] = nn.MaxPool2d(3, 2, 1)
        for stage, convolutions in enumerate(self.stages):
            after = before * 2 if stage else before
            for place in range(convolutions):
                halved = 2 if stage > 0 and place == 0 else 1
                layers[f"stage{stage + 1}_{place + 1}"] = self.block(before, after, halved, weights)
                before = after
        layers["pool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["head"] = nn.Linear(before, classes)
        return nn.Sequential(layers)


resnet20 = ResNet(stages=(6, 6, 6), own_width=16)
"""CIFAR's: 267,264 bits at its own width."""
resnet18 = ResNet(stages=(4, 4, 4, 4), own_width=64)
"""10,985,472 bits at its own width. For large images Bi-Real-18 as its paper has it."""
reactnet18 = ResNet(stages=(4, 4, 4, 4), own_width=64, block=ReactResidual)
"""As many bits. ReActNet on ResNet-18's layout; the paper's own is a MobileNet."""
resnet34 = ResNet(stages=(6, 8, 12, 6), own_width=64)
"""21,086,208 bits at its own width."""
