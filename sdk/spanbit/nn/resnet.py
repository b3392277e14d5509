"""Residual networks in the layout of the binary networks' literature.

    net = resnet20((3, 32, 32), classes=10, mean=mean, std=std)

After Liu et al., "Bi-Real Net" (2018): every binary 3x3 convolution has a real-valued shortcut of its own,
x + batch-norm(convolution(sign(x))); where the image is halved, the shortcut is the mean of 2x2 pixels, a
real 1x1 convolution and a batch-norm. The stem has int8 weights, the head real ones. Only the 3x3
convolutions between count as bits. Compiled, the shortcut is int16 in fixed point: docs/import-torch.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from spanbit.nn.binary import BinaryConv2d, Weights
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


def resnet20(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 16,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "ternary",
) -> nn.Sequential:
    """CIFAR's: stages of 6 convolutions, width, 2 and 4 width channels; 267,264 bits at width 16."""
    return _resnet(input_shape, classes, width, (6, 6, 6), mean, std, weights)


def resnet18(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 64,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "ternary",
) -> nn.Sequential:
    """Stages of 4 convolutions, width to 8 width channels; 10,985,472 bits at width 64."""
    return _resnet(input_shape, classes, width, (4, 4, 4, 4), mean, std, weights)


def resnet34(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 64,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "ternary",
) -> nn.Sequential:
    """Stages of 6, 8, 12, 6 convolutions, width to 8 width channels; 21,086,208 bits at width 64."""
    return _resnet(input_shape, classes, width, (6, 8, 12, 6), mean, std, weights)


def _resnet(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int,
    stages: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights,
) -> nn.Sequential:
    channels, height, width_px = input_shape
    large = min(height, width_px) >= _LARGE_SIDE
    if min(height, width_px) < 8:
        raise ValueError(f"images of {height}x{width_px} are too small, 8x8 is the least")
    layers = OrderedDict[str, nn.Module]()
    kernel, stride = (7, 2) if large else (3, 1)
    layers["stem"] = StemConv2d(channels, width, kernel, stride, kernel // 2, mean=mean, std=std)
    layers["stem_norm"] = nn.BatchNorm2d(width)
    if large:
        layers["stem_pool"] = nn.MaxPool2d(3, 2, 1)
    before = width
    for stage, convolutions in enumerate(stages):
        after = width << stage
        for place in range(convolutions):
            halved = 2 if stage > 0 and place == 0 else 1
            layers[f"stage{stage + 1}_{place + 1}"] = Residual(before, after, halved, weights)
            before = after
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["head"] = nn.Linear(before, classes)
    return nn.Sequential(layers)
