"""The first layer: int8 weights on the camera's 8-bit pixels, as exact integers.

    stem = StemConv2d(3, 32, 3, padding=1, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
    sums = stem(images)              # images uint8 or float 0..255, [N, C, H, W]

The usual normalisation (pixel / 255 - mean) / std is folded away. Dividing by std goes into the weights;
the rest is, per output channel, a scale and (padding included) an offset, and the batch-norm that follows
takes both. For the offset to be the same at the border, a pixel outside the image is the pixel that
normalisation maps to zero, 255 * mean, rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from spanbit.nn.binary import EXACT
from spanbit.nn.sign import straight_through

_LARGEST = 127


class StemConv2d(nn.Module):
    """Convolution of uint8 images: sum_k q_k pixel_k, exact in float32, q = round(127 w / max |w|) a channel.

    Args:
        mean, std: per input channel, of pixels scaled to 0..1.

    Raises:
        ValueError: mean or std do not fit, or so many taps that a sum could reach 2^24 and lose a digit.
    """

    weight: Tensor
    std: Tensor
    pad_value: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        *,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        taps = in_channels * kernel * kernel
        if _LARGEST * 255 * taps >= EXACT:
            raise ValueError(f"{taps} taps: sums would not be exact in float32, at most 518 are")
        if len(mean) != in_channels or len(std) != in_channels:
            raise ValueError(f"mean and std need {in_channels} values, got {len(mean)} and {len(std)}")
        if not all(0 <= part <= 1 for part in mean) or not all(part > 0 for part in std):
            raise ValueError("mean must lie in 0..1 and std above 0: pixels are scaled to 0..1")
        self.in_channels, self.out_channels, self.kernel = in_channels, out_channels, kernel
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="linear")
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))
        self.register_buffer(
            "pad_value", torch.tensor([round(255 * part) for part in mean], dtype=torch.uint8)
        )

    def effective_weight(self) -> Tensor:
        """The int8 weights that are used, as float32 [O, C, kh, kw], with a gradient to `weight`."""
        scaled = self.weight / self.std[:, None, None]
        largest = scaled.detach().abs().amax(dim=(1, 2, 3), keepdim=True)
        # A channel of zeros stays zero; the floor only keeps it from dividing by zero.
        scaled = scaled * (_LARGEST / largest.clamp_min(1e-30))
        return straight_through(scaled.detach().round(), scaled)

    def forward(self, images: Tensor) -> Tensor:
        # Zero padding of (pixel - pad) is padding with pad: integers, so nothing is lost on the way.
        pad = self.pad_value.to(torch.float32)[:, None, None]
        pixels = images.to(torch.float32)
        if self.padding:
            pixels = functional.pad(pixels - pad, (self.padding,) * 4) + pad
        # Sums of pixels are beyond what half precision holds.
        with torch.autocast(pixels.device.type, enabled=False):
            return functional.conv2d(pixels, self.effective_weight(), stride=self.stride)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}"
        )
