"""Scales of real tensors: how many bits stand behind the point, and how far the numbers are off.

    ops, reals = with_scales(drafts)
    reals[17].fraction, reals[17].error.max()

Tensors that are added, joined, pooled or bent (PReLU) have one scale: int16 with the same number of bits
behind the point. It is the largest, up to 15, with which none of them leaves int16, as far as can be said
without images: the range of a number is where the sums can be at all, cut to beta - 4 |gamma| .. beta + 4
|gamma| behind a batch-norm whose statistics have seen data; ranges add along the shortcut. What lies outside
int16 saturates.

`Real.error` bounds |number - what the source calculates|, given the same bits, and numbers that stay in their
range: half a unit for each rounding, what rounded coefficients can be off, and what comes in, added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spanbit.graph.ops import (
    Add,
    AvgPool,
    Concat,
    MaxPool,
    Op,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Threshold,
)
from spanbit.importers.drafts import (
    BitsDraft,
    CeilingDraft,
    CurveDraft,
    Draft,
    HeadDraft,
    MixDraft,
    NumberDraft,
    Range,
)
from spanbit.importers.integers import head_rows, mixed, requantized
from spanbit.importers.values import Floats, refuse

MAX_FRACTION = 15
_LARGEST = 32767
_SLOPE = 1 << 14


@dataclass(frozen=True, eq=False)
class Real:
    """A real tensor: its range, its bits behind the point, the bound of its error in real numbers, [C]."""

    range: Range
    fraction: int
    error: Floats

    @property
    def may_saturate(self) -> bool:
        """Whether its range is larger than int16, as where a batch-norm's statistics say nothing."""
        return bool(self.range.magnitude.max(initial=0.0) * 2**self.fraction > _LARGEST)


def with_scales(drafts: list[Draft]) -> tuple[list[Op], dict[int, Real], dict[int, Floats]]:
    """The operators, what is known of each real tensor, and the error bounds of a real head's logits.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL; numbers that no scale holds, named by the layer.
    """
    ranges = _ranges(drafts)
    fractions = _fractions(drafts, ranges)
    writer = _Writer(drafts, ranges, fractions)
    ops = [writer.operator(position) for position in range(len(drafts))]
    return ops, writer.reals, writer.logits


def _is_real(draft: Draft, reals: dict[int, Range]) -> bool:
    if isinstance(draft.step, NumberDraft | CurveDraft | CeilingDraft | MixDraft | Add | AvgPool):
        return True
    return isinstance(draft.step, MaxPool | Concat) and draft.sources[0] in reals


def _ranges(drafts: list[Draft]) -> dict[int, Range]:
    """The range of every real tensor, by its draft."""
    ranges: dict[int, Range] = {}
    for position, draft in enumerate(drafts):
        if not _is_real(draft, ranges):
            continue
        step = draft.step
        given = [ranges[source] for source in draft.sources if source in ranges]
        match step:
            case NumberDraft():
                ranges[position] = step.range
            case MixDraft():
                up, down = np.maximum(step.weight, 0), np.minimum(step.weight, 0)
                low, high = given[0].lowest, given[0].highest
                made = Range(up @ low + down @ high + step.bias, up @ high + down @ low + step.bias)
                ranges[position] = made if step.range is None else made.within(step.range)
            case CurveDraft():
                ends = [_bent(step, end) for end in (given[0].lowest, given[0].highest)]
                # A negative slope has its turn at zero.
                inside = (given[0].lowest + step.before < 0) & (given[0].highest + step.before > 0)
                ends.append(np.where(inside, step.after, ends[0]))
                ranges[position] = Range(np.minimum.reduce(ends), np.maximum.reduce(ends))
            case CeilingDraft():
                ranges[position] = Range(
                    np.minimum(given[0].lowest, step.highest), np.minimum(given[0].highest, step.highest)
                )
            case Add():
                other = given[-1]
                ranges[position] = Range(given[0].lowest + other.lowest, given[0].highest + other.highest)
            case Concat():
                ranges[position] = Range(
                    np.concatenate([one.lowest for one in given]),
                    np.concatenate([one.highest for one in given]),
                )
            case _:  # pools stay between the largest and the least
                ranges[position] = given[0]
    return ranges


def _bent(step: CurveDraft, numbers: Floats) -> Floats:
    shifted = numbers + step.before
    return np.where(shifted >= 0, shifted, step.slope * shifted) + step.after


def _fractions(drafts: list[Draft], ranges: dict[int, Range]) -> dict[int, int]:
    """Bits behind the point of every real tensor; the same for all that are added, pooled, bent or joined."""
    parent = {position: position for position in ranges}

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    for position in ranges:
        if not isinstance(drafts[position].step, NumberDraft | MixDraft):
            for source in drafts[position].sources:
                parent[root(source)] = root(position)
    largest: dict[int, float] = {}
    for position, bounds in ranges.items():
        magnitude = float(bounds.magnitude.max(initial=0.0))
        step = drafts[position].step
        if isinstance(step, CurveDraft):  # between its shifts as well
            shifted = ranges[drafts[position].sources[0]].magnitude + np.abs(step.before)
            parts = (shifted, np.abs(step.before), np.abs(step.after))
            magnitude = max(magnitude, *(float(part.max(initial=0.0)) for part in parts))
        largest[root(position)] = max(largest.get(root(position), 0.0), magnitude)
    chosen = {key: _fraction(magnitude) for key, magnitude in largest.items()}
    return {position: chosen[root(position)] for position in ranges}


def _fraction(magnitude: float) -> int:
    """As many as fit; none where nothing fits, and what is too large saturates."""
    fits = (fraction for fraction in range(MAX_FRACTION, -1, -1) if magnitude * 2**fraction <= _LARGEST)
    return next(fits, 0)


class _Writer:
    """Makes the operators one after the other, so that the errors that come in are known."""

    def __init__(self, drafts: list[Draft], ranges: dict[int, Range], fractions: dict[int, int]) -> None:
        self.reals: dict[int, Real] = {}
        self.logits: dict[int, Floats] = {}
        self._drafts, self._ranges, self._fractions = drafts, ranges, fractions

    def operator(self, position: int) -> Op:
        """The operator of one draft; those before it are made."""
        draft = self._drafts[position]
        step = draft.step
        given = [self.reals[source] for source in draft.sources if source in self.reals]
        unit = 2.0 ** self._fractions.get(position, 0)
        error: Floats
        op: Op
        match step:
            case BitsDraft():
                scale = 2.0 ** given[0].fraction if step.of_numbers else 1.0
                return Threshold(draft.name, *step.asked.scaled(scale).integers())
            case HeadDraft():
                op, self.logits[position] = _head(draft.name, step, given[0])
                return op
            case NumberDraft():
                coefficients = requantized(
                    step.affine.scale * unit, step.affine.bias * unit, step.sums.magnitude
                )
                op = Requantize(draft.name, *coefficients[:3], self._fractions[position])
                error = coefficients[3] / unit + np.abs(step.affine.scale) * step.error
            case MixDraft():
                inside = 2.0 ** given[0].fraction
                coefficients = mixed(
                    step.weight * unit / inside, step.bias * unit, given[0].range.magnitude * inside
                )
                op = RealConv(draft.name, *coefficients[:3], step.stride, self._fractions[position])
                error = coefficients[3] / unit + np.abs(step.weight) @ given[0].error
            case CurveDraft():
                op, error = self._curve(draft, step, given[0], unit)
            case CeilingDraft():
                op, error = _ceiling(draft, step, given[0], unit)
            case Add():
                op, error = step, given[0].error + given[-1].error
            case AvgPool():
                op, error = step, given[0].error + 0.5 / unit
            case Concat() if given:
                op, error = step, np.concatenate([one.error for one in given])
            case MaxPool() if given:
                op, error = step, given[0].error
            case _:
                return step
        self.reals[position] = Real(self._ranges[position], self._fractions[position], error)
        return op

    @staticmethod
    def _curve(draft: Draft, step: CurveDraft, given: Real, unit: float) -> tuple[Op, Floats]:
        slope = np.rint(step.slope * _SLOPE)
        if (np.abs(slope) > _LARGEST).any():
            value = draft.values[-1]
            refuse(value.path, value.label, "a slope of 2 or more, as a number", "use slopes below 2")
        before, after = np.rint(step.before * unit), np.rint(step.after * unit)
        off = np.abs(before / unit - step.before) + given.error
        steepest = np.maximum(1.0, np.abs(step.slope))
        shifted = given.range.magnitude + np.abs(step.before)
        bends = step.slope != 1
        error = off * np.where(bends, steepest, 1.0) + np.abs(after / unit - step.after)
        error += np.where(bends, np.abs(slope / _SLOPE - step.slope) * shifted + 0.5 / unit, 0.0)
        # A slope of 0 rounds nothing: 0 is 0.
        error -= np.where(step.slope == 0, 0.5 / unit, 0.0)
        op = PRelu(draft.name, before.astype(np.int16), slope.astype(np.int16), after.astype(np.int16))
        return op, error


def _ceiling(draft: Draft, step: CeilingDraft, given: Real, unit: float) -> tuple[Op, Floats]:
    highest = min(float(np.rint(step.highest * unit)), float(_LARGEST))
    channels = draft.shape.channels
    before = np.full(channels, _LARGEST - highest)
    op = PRelu(
        draft.name,
        before.astype(np.int16),
        np.full(channels, _SLOPE, np.int16),
        (-before).astype(np.int16),
    )
    rounding = abs(highest / unit - step.highest) if step.highest * unit <= _LARGEST else 0.0
    return op, given.error + rounding


def _head(name: str, step: HeadDraft, given: Real) -> tuple[Op, Floats]:
    rows, scale = head_rows(step.weight)
    unit = 2.0**given.fraction
    lost = np.abs(rows * scale[:, None] - step.weight) @ given.range.magnitude.repeat(
        step.weight.shape[1] // len(given.range.magnitude)
    )
    error = lost + np.abs(step.weight) @ given.error.repeat(step.weight.shape[1] // len(given.error))
    op = RealHead(name, rows, (scale / unit).astype(np.float32), step.bias.astype(np.float32))
    return op, error
