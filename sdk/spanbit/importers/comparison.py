"""The sign of a chain of steps as one comparison of what stands before them.

    asked = Comparison.of_sign(channels=64)
    asked = asked.before(BatchNorm(...)).before(Clamp(-1, 1))     # from the last step to the first
    value, compare = asked.integers()                             # of the sums P

Each step is monotone in every channel, so "y >= bound" behind it is "x >= bound'" or "x <= bound'" before it:

    y = a x + b        x >= (bound - b) / a, turned round where a < 0, always or never where a = 0
    clamp              always up to its lowest, never beyond its highest, unchanged between
    y = slope x, x<0   bound / slope where the bound is negative; with slope 0 nothing is negative

What always holds is a bound of -infinity, what never holds one of +infinity. All in float64, and exact up to
its rounding; `graph/fold.py` says how a batch-norm alone is folded, and the same digits come out here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import Compare
from spanbit.importers.values import Affine, BatchNorm, Clamp, Floats, Slope, Step

_INT32 = np.iinfo(np.int32)
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Comparison:
    """x >= bound, or x <= bound where `turned`; without the equality where `strict`. One a channel."""

    bound: Floats
    turned: Bools
    strict: bool

    @classmethod
    def of_sign(cls, channels: int, strict: bool = False) -> Comparison:
        """What a sign asks of its own input."""
        return cls(np.zeros(channels), np.zeros(channels, np.bool_), strict)

    def before(self, step: Step) -> Comparison:
        """The same question, asked of the input of `step`."""
        match step:
            case BatchNorm():
                deviation = np.sqrt(step.var + step.eps)
                dead = step.gamma == 0
                with np.errstate(over="ignore", invalid="ignore"):
                    moved = (self.bound - step.beta) * deviation / np.where(dead, 1.0, step.gamma)
                return self._scaled(step.gamma, step.beta, step.mean + moved)
            case Affine():
                with np.errstate(over="ignore", invalid="ignore"):
                    moved = (self.bound - step.bias) / np.where(step.scale == 0, 1.0, step.scale)
                return self._scaled(step.scale, step.bias, moved)
            case Clamp():
                return self._clamped(step.lowest, step.highest)
            case Slope():
                return self._sloped(step.slope)
            case _:
                raise AssertionError(step)

    def _scaled(self, factor: Floats, offset: Floats, moved: Floats) -> Comparison:
        held = self.holds(offset)
        # "Always" in either direction: an infinite bound keeps its meaning when the comparison turns.
        constant = np.where(held, -np.inf, np.inf) * np.where(self.turned, -1, 1)
        return replace(self, bound=np.where(factor == 0, constant, moved), turned=self.turned ^ (factor < 0))

    def holds(self, numbers: Floats) -> Bools:
        """The answers for numbers [C]."""
        over = numbers > self.bound if self.strict else numbers >= self.bound
        under = numbers < self.bound if self.strict else numbers <= self.bound
        return np.where(self.turned, under, over)

    def _clamped(self, lowest: float, highest: float) -> Comparison:
        # Where both ends answer alike, so does all between.
        ends = [self.holds(np.full_like(self.bound, end)) for end in (lowest, highest)]
        sign = np.where(self.turned, -1, 1)
        bound = np.where(ends[0] & ends[1], -np.inf * sign, self.bound)
        return replace(self, bound=np.where(~ends[0] & ~ends[1], np.inf * sign, bound))

    def _sloped(self, slope: Floats) -> Comparison:
        flat = slope == 0
        with np.errstate(over="ignore", invalid="ignore"):
            moved = np.where(self.bound < 0, self.bound / np.where(flat, 1.0, slope), self.bound)
        sloped = replace(self, bound=moved)
        cut = self._clamped(0.0, np.inf)
        return replace(self, bound=np.where(flat, cut.bound, sloped.bound))

    def integers(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Thresholds (int32 [C]) and `Compare` codes (uint8 [C]) for integers."""
        value = np.where(self.turned, np.floor(self.bound), np.ceil(self.bound))
        if self.strict:
            value = np.where(value == self.bound, value + np.where(self.turned, -1, 1), value)
        always = self.bound == np.where(self.turned, np.inf, -np.inf)
        never = self.bound == np.where(self.turned, -np.inf, np.inf)
        compare = np.where(self.turned, Compare.LE, Compare.GE)
        compare = np.where(always, Compare.ALWAYS, np.where(never, Compare.NEVER, compare))
        value = np.where(always | never, 0, np.clip(value, _INT32.min, _INT32.max))
        return value.astype(np.int32), compare.astype(np.uint8)

    def scaled(self, factor: float) -> Comparison:
        """The same question, asked of `factor` times the numbers; factor > 0."""
        return replace(self, bound=self.bound * factor)
