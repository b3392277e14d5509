"""A list of times as figures.

stats = stats_of((1_200_000, 1_300_000))
stats.p50_ms
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stats:
    """Milliseconds. `std_ms` is the standard deviation of the samples (divided by count)."""

    count: int
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float
    std_ms: float


def stats_of(ns: Sequence[int]) -> Stats | None:
    """Of nanoseconds; None of none. Percentiles between two samples are interpolated."""
    if not ns:
        return None
    values = np.asarray(ns, np.float64) / 1e6
    p50, p90, p99 = (float(value) for value in np.percentile(values, (50, 90, 99)))
    return Stats(
        len(ns),
        float(values.min()),
        *(p50, p90, p99),
        float(values.max()),
        float(values.mean()),
        float(values.std()),
    )
