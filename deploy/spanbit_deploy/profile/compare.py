"""Two profiles: how much slower or faster, and how sure that is.

compared = compare(read_record(a), read_record(b))
compared.total.ratio, compared.total.low, compared.total.high

The figure is the ratio of the medians, B over A. Its confidence interval is the percentile bootstrap's (Efron
and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13): both lists of times are drawn again
with replacement RESAMPLES times. It knows the scatter within the two runs, not that between two days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.figures import RunFigures
from spanbit_deploy.profile.record import Profile, Run

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Change:
    """One time in both profiles; ratio is B / A, with its confidence interval."""

    name: str
    before_ms: float
    after_ms: float
    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """ "slower", "faster", or "same" where the interval holds 1."""
        return "slower" if self.low > 1 else "faster" if self.high < 1 else "same"


@dataclass(frozen=True)
class Compared:
    """One setting of threads and processors, in both."""

    threads: int
    cpus: tuple[int, ...]
    total: Change
    layers: tuple[Change, ...]
    only_before: tuple[str, ...]  # layers that B has not
    only_after: tuple[str, ...]
    notes: tuple[str, ...]  # in what the two differ beside their times


def compare(before: Profile, after: Profile, *, seed: int = 0) -> tuple[Compared, ...]:
    """Every setting that both have.

    Raises:
        SpanbitError: BAD_INPUT: they have none in common.
    """
    found = [
        _compare(before, first, after, second, np.random.default_rng(seed))
        for first in before.runs
        for second in after.runs
        if _setting(first.figures) == _setting(second.figures)
    ]
    if not found and len(before.runs) == len(after.runs) == 1:  # a change of threads was meant
        found = [_compare(before, before.runs[0], after, after.runs[0], np.random.default_rng(seed))]
    if not found:
        raise SpanbitError(
            "the two profiles have no setting in common",
            why=f"threads and processors: {_settings(before)} against {_settings(after)}",
            fix="profile both with the same --threads and --cpus",
            code=ExitCode.BAD_INPUT,
        )
    return tuple(found)


def median_ratio(
    before: Sequence[int], after: Sequence[int], draw: np.random.Generator
) -> tuple[float, float, float]:
    """The ratio of medians, after over before, and the ends of its confidence interval."""
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    ratios = _medians(second, draw) / _medians(first, draw)
    rest = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(ratios, (rest, 100 - rest))
    return float(np.median(second) / np.median(first)), float(low), float(high)


def _medians(values: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    medians: NDArray[np.float64] = np.median(draw.choice(values, (RESAMPLES, len(values))), axis=1)
    return np.maximum(medians, 1.0)  # a clock that stands still for a layer: 1 ns


def _compare(before: Profile, first: Run, after: Profile, second: Run, draw: np.random.Generator) -> Compared:
    a, b = first.figures, second.figures
    layers = {layer.name: layer for layer in b.layers}
    changes = [
        _change(layer.name, layer.ns, layers[layer.name].ns, draw)
        for layer in a.layers
        if layer.name in layers
    ]
    names = {layer.name for layer in a.layers}
    return Compared(
        threads=b.threads,
        cpus=b.cpus,
        total=_change("total", a.total_ns, b.total_ns, draw),
        layers=tuple(changes),
        only_before=tuple(layer.name for layer in a.layers if layer.name not in layers),
        only_after=tuple(name for name in layers if name not in names),
        notes=_notes(before, first, after, second),
    )


def _change(name: str, before: Sequence[int], after: Sequence[int], draw: np.random.Generator) -> Change:
    ratio, low, high = median_ratio(before, after, draw)
    return Change(name, float(np.median(before)) / 1e6, float(np.median(after)) / 1e6, ratio, low, high)


def _notes(before: Profile, first: Run, after: Profile, second: Run) -> tuple[str, ...]:
    a, b = first.figures, second.figures
    pairs = {
        "place": (a.on, b.on),
        "target": (a.target, b.target),
        "instruction set": (a.isa, b.isa),
        "threads": (a.threads, b.threads),
        "processors": (a.cpus, b.cpus),
        "clock": (a.note, b.note),
        "bundle": (before.bundle.sha256[:12], after.bundle.sha256[:12]),
        "spanbit": (before.spanbit, after.spanbit),
    }
    said = [f"{name}: {one} against {other}" for name, (one, other) in pairs.items() if one != other]
    return (*said, *first.conditions.problems, *second.conditions.problems)


def _setting(figures: RunFigures) -> tuple[int, tuple[int, ...]]:
    return figures.threads, figures.cpus


def _settings(profile: Profile) -> str:
    return ", ".join(f"{run.figures.threads} on {list(run.figures.cpus)}" for run in profile.runs)
