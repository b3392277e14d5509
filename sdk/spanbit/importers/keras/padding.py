"""TensorFlow's padding: "same" where it is not the same on both sides, and ZeroPadding2D.

    pads = same((32, 32), (3, 3), stride=2)     # Pads(0, 1, 0, 1): nothing above, a row below
    taps, padding = symmetric(taps, pads, (32, 32), stride=2)

An operator pads all four sides alike, but that the last windows of a pool and of the first convolution may
leave the image. A convolution of bits that is padded otherwise is the same as one whose kernel has more taps
of weight zero, and that is padded by more:

    pads 0 above, 1 below, kernel [a b c], stride 2     rows  [0 1 2] [2 3 4] ..
    pads 1 and 1, kernel [0 a b c], stride 2            rows  [-1 0 1 2] [1 2 3 4] ..

Exact, and a tree pays nothing for a tap that is zero in all channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spanbit.graph.infer import conv_side
from spanbit.importers.values import Floats


@dataclass(frozen=True)
class Pads:
    """Rows above and below, columns left and right."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def largest(self) -> int:
        return max(self.top, self.bottom, self.left, self.right)

    @property
    def are_alike(self) -> bool:
        return self.top == self.bottom == self.left == self.right

    def only_leave(self, sides: tuple[int, int], kernel: tuple[int, ...], stride: int) -> bool:
        """Whether rows and columns are padded alike, and what is more behind is where a last window leaves.

        That is an operator's `ceil`.
        """
        made = [
            conv_side(side, size, stride, self.top, ceil=True)
            for side, size in zip(sides, kernel, strict=True)
        ]
        framed = zip(self.padded(sides), kernel, strict=True)
        wanted = [(side - size) // stride + 1 for side, size in framed]
        uneven = self.top == self.left == self.bottom - 1 == self.right - 1
        return uneven and made == wanted

    def __add__(self, other: Pads) -> Pads:
        return Pads(
            self.top + other.top,
            self.bottom + other.bottom,
            self.left + other.left,
            self.right + other.right,
        )

    def __str__(self) -> str:
        return f"{self.top} above, {self.bottom} below, {self.left} left, {self.right} right"

    def padded(self, sides: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns with it."""
        return sides[0] + self.top + self.bottom, sides[1] + self.left + self.right


NONE = Pads()


def same(sides: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> Pads:
    """What TensorFlow pads for ceil(side / stride) results: half of it before, the larger half behind."""
    halves: list[int] = []
    for side, size, step in zip(sides, kernel, stride, strict=True):
        total = max((-(-side // step) - 1) * step + size - side, 0)
        halves += [total // 2, total - total // 2]
    return Pads(*halves)


def symmetric(taps: Floats, pads: Pads, sides: tuple[int, int], stride: int) -> tuple[Floats, int]:
    """Taps [O, C, kh, kw] and one padding for all sides, with the same result."""
    amount = pads.largest
    frames = [(0, 0), (0, 0)]
    both = (pads.top, pads.bottom), (pads.left, pads.right)
    for side, size, (before, behind) in zip(sides, taps.shape[2:], both, strict=True):
        wanted = (side + before + behind - size) // stride + 1
        ahead = amount - before
        after = next(
            more
            for more in range(amount - behind + 1)
            if conv_side(side, size + ahead + more, stride, amount) == wanted
        )
        frames.append((ahead, after))
    return np.ascontiguousarray(np.pad(taps, frames)), amount
