"""Light augmentation of a batch: every image moved by a few pixels, some of them mirrored.

    batch = augment(batch, shift=2, mirror=True, generator=generator)
    batch = augment(batch, shift=4, mirror=True, border="black", generator=generator)

The second line is what the literature does to CIFAR: padded with 4 black pixels, cut out at random, flipped.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Border = Literal["edge", "black"]


def augment(
    images: Tensor,
    *,
    shift: int,
    mirror: bool,
    generator: torch.Generator,
    border: Border = "edge",
    part: slice = slice(None),
) -> Tensor:
    """Images [N, C, H, W], each moved by -shift..shift rows and columns; half of them mirrored.

    What moves in from outside is the image's own border, repeated, or black.

    Args:
        part: which images are wanted. The random numbers are drawn for all, so that several processes that
            share a batch stay in step.
    """
    count, _, height, width = images.shape
    rows = torch.arange(height) + torch.randint(-shift, shift + 1, (count, 1), generator=generator)
    columns = torch.arange(width) + torch.randint(-shift, shift + 1, (count, 1), generator=generator)
    if mirror:
        turned = torch.randint(0, 2, (count, 1), generator=generator, dtype=torch.bool)
        columns = torch.where(turned, columns.flip(1), columns)
    images, rows, columns = images[part], rows[part], columns[part]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = torch.arange(len(images))[:, None, None]
    # Advanced indices around the channel axis put it last: [N, H, W, C].
    moved = images[index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
    return moved * inside[:, None] if border == "black" else moved
