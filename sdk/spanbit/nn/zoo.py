"""Networks to start from, by name.

    net = vgg_tiny((1, 28, 28), classes=10, mean=(0.29,), std=(0.35,))
    net = NETWORKS["vgg_small"].build((3, 32, 32), 10, 128, mean=mean, std=std, weights="binary")

A new one is a function with `vgg_tiny`'s parameters and a line in `NETWORKS`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from spanbit.nn.batchnorm import BatchNormSign
from spanbit.nn.binary import BinaryConv2d, BinaryLinear, Weights
from spanbit.nn.resnet import reactnet18, resnet18, resnet20, resnet34
from spanbit.nn.stem import StemConv2d

_LARGE_SIDE = 24
"""From this side on, the stem halves the image: most of a network's time goes into its first layers."""


def vgg_tiny(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 32,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "ternary",
) -> nn.Sequential:
    """Stem, three binary 3x3 convolutions (width, 2 width, 4 width channels behind), two pools, head.

    28x28 images pass as 14x14, 7x7 and 3x3 (the stem has stride 2), 8x8 as 8x8, 4x4 and 2x2.

    Args:
        mean, std: per channel, of pixels scaled to 0..1.
        weights: of the binary convolutions; "ternary" is binary until a TernaryPruner prunes it.
    """
    channels, height, width_px = input_shape
    large = min(height, width_px) >= _LARGE_SIDE
    kernel, stride = (5, 2) if large else (3, 1)
    rows, columns = ((side + stride - 1) // stride // 4 for side in (height, width_px))
    if rows < 1 or columns < 1:
        raise ValueError(f"images of {height}x{width_px} are too small, 4x4 is the least")
    wide, wider = 2 * width, 4 * width
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            stem=StemConv2d(channels, width, kernel, stride, kernel // 2, mean=mean, std=std),
            stem_bits=BatchNormSign(width),
            conv1=BinaryConv2d(width, wide, 3, padding=1, weights=weights),
            pool1=nn.MaxPool2d(2),
            bits1=BatchNormSign(wide),
            conv2=BinaryConv2d(wide, wide, 3, padding=1, weights=weights),
            bits2=BatchNormSign(wide),
            conv3=BinaryConv2d(wide, wider, 3, padding=1, weights=weights),
            pool3=nn.MaxPool2d(2),
            bits3=BatchNormSign(wider),
            flatten=nn.Flatten(),
            head=BinaryLinear(wider * rows * columns, classes),
        )
    )


def vgg_small(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 128,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = "ternary",
) -> nn.Sequential:
    """VGG-small of the binary networks' literature: stem, five binary 3x3 convolutions, three pools, head.

    Channels: width; width, pool; 2 width, 2 width, pool; 4 width, 4 width, pool. With 128 channels and images
    of 32x32 the binary convolutions have 4,571,136 bits and 603,979,776 bit-OPs. Batch-norm behind the pool.

    Args:
        mean, std: per channel, of pixels scaled to 0..1.
        weights: as in `vgg_tiny`.
    """
    channels, height, width_px = input_shape
    if min(height, width_px) < 8:
        raise ValueError(f"images of {height}x{width_px} are too small, 8x8 is the least")
    layers = OrderedDict[str, nn.Module](
        stem=StemConv2d(channels, width, 3, padding=1, mean=mean, std=std), stem_bits=BatchNormSign(width)
    )
    before = width
    for place, (factor, pooled) in enumerate(((1, 1), (2, 0), (2, 1), (4, 0), (4, 1)), start=1):
        layers[f"conv{place}"] = BinaryConv2d(before, factor * width, 3, padding=1, weights=weights)
        before = factor * width
        if pooled:
            layers[f"pool{place}"] = nn.MaxPool2d(2)
        layers[f"bits{place}"] = BatchNormSign(before)
    layers["flatten"] = nn.Flatten()
    layers["head"] = BinaryLinear(before * (height // 8) * (width_px // 8), classes)
    return nn.Sequential(layers)


class Build(Protocol):
    """What every network of the zoo is made by; raises ValueError where an image does not fit."""

    def __call__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        width: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        weights: Weights,
    ) -> nn.Module: ...


@dataclass(frozen=True)
class Network:
    """A network's function, and the width (channels of the stem) that is its own."""

    build: Build
    width: int


NETWORKS = {
    "vgg_tiny": Network(vgg_tiny, 32),
    "vgg_small": Network(vgg_small, 128),
    "resnet20": Network(resnet20, resnet20.own_width),
    "resnet18": Network(resnet18, resnet18.own_width),
    "bireal18": Network(resnet18, resnet18.own_width),  # the same by its other name
    "reactnet18": Network(reactnet18, reactnet18.own_width),
    "resnet34": Network(resnet34, resnet34.own_width),
}
