"""Operators whose numbers are still real: a graph that waits for its scales.

An operator that has no real numbers in it (a convolution of bits, an addition) stands in a draft as it is;
the others are one of the kinds below, and `fixed_point.py` makes operators of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spanbit.graph.ops import Head, Op, Output, Shape
from spanbit.importers.comparison import Comparison
from spanbit.importers.values import Affine, Floats, Value


@dataclass(frozen=True, eq=False)
class Range:
    """What numbers a channel can have, lowest and highest, [C] each."""

    lowest: Floats
    highest: Floats

    @property
    def magnitude(self) -> Floats:
        """The largest of either sign, [C]."""
        return np.maximum(np.abs(self.lowest), np.abs(self.highest))

    def scaled(self, affine: Affine) -> Range:
        """What scale x + bias can be."""
        ends = affine.scale * self.lowest + affine.bias, affine.scale * self.highest + affine.bias
        return Range(np.minimum(*ends), np.maximum(*ends))

    def within(self, other: Range) -> Range:
        """The part that both have (`other`'s nearest point where they have none)."""
        lowest = np.clip(self.lowest, other.lowest, other.highest)
        return Range(lowest, np.clip(self.highest, other.lowest, other.highest))


@dataclass(frozen=True, eq=False)
class NumberDraft:
    """Requantize: `affine` of sums within `sums`, giving `range`; `error` bounds the sums' own, [C]."""

    affine: Affine
    sums: Range
    error: Floats
    range: Range


@dataclass(frozen=True, eq=False)
class BitsDraft:
    """Threshold of numbers (`of_numbers`) or of sums."""

    asked: Comparison
    of_numbers: bool


@dataclass(frozen=True, eq=False)
class CurveDraft:
    """PRelu: x + before; where that is negative times slope; + after."""

    before: Floats
    slope: Floats
    after: Floats


@dataclass(frozen=True, eq=False)
class CeilingDraft:
    """PRelu that is min(x, highest): sat(x + (32767 - highest)) - (32767 - highest), in integers."""

    highest: float


@dataclass(frozen=True, eq=False)
class MixDraft:
    """RealConv: weight x + bias. `range`: what is known of the result beside its input's range, or None."""

    weight: Floats
    bias: Floats
    stride: int
    range: Range | None


@dataclass(frozen=True, eq=False)
class HeadDraft:
    """RealHead: weight x + bias."""

    weight: Floats
    bias: Floats


DraftStep = Op | NumberDraft | BitsDraft | CurveDraft | CeilingDraft | MixDraft | HeadDraft


@dataclass(eq=False)
class Draft:
    """One operator to be: its name, what it takes (-1: the image), and the values it stands for."""

    name: str
    step: DraftStep
    sources: tuple[int, ...]
    shape: Shape
    values: list[Value] = field(default_factory=list)

    @property
    def is_end(self) -> bool:
        """Whether it delivers the network's result."""
        return isinstance(self.step, Head | Output | HeadDraft)
