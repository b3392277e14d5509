"""Small networks to start from.

net = vgg_tiny((1, 28, 28), classes=10, mean=(0.29,), std=(0.35,))
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from spanbit.nn.batchnorm import BatchNormSign
from spanbit.nn.binary import BinaryConv2d, BinaryLinear, Weights
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
