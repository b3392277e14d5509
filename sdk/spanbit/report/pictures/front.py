"""Accuracy against cost: which network is worth its additions.

draw_front([Series("prune", [Point(0.10, 85.5), Point(0.05, 83.0)])], title="Fashion-MNIST")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanbit.report.pictures.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
_MARKS = "osvD^PX*<>"
COST = "cost: differing taps of the trees, as a share of all taps"


@dataclass(frozen=True)
class Point:
    """A network: its cost, its accuracy in %; over several seeds the mean, the least and the greatest."""

    cost: float
    accuracy: float
    least: float | None = None
    greatest: float | None = None
    name: str = ""  # written beside it


@dataclass(frozen=True)
class Series:
    """Points that belong together, a line through them."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Band:
    """Accuracies, in %, to compare all points with."""

    label: str
    least: float
    greatest: float


def draw_front(
    series: Sequence[Series], *, title: str, xlabel: str = COST, band: Band | None = None
) -> Figure:
    """A logarithmic axis of costs; the dotted line is the front: no point is both cheaper and better.

    Raises:
        SpanbitError: matplotlib is not installed.
    """
    figure, (axis,) = new_figure(1, width=7, height=4.2)
    if band is not None:
        axis.axhspan(band.least, band.greatest, color="grey", alpha=0.25, label=band.label)
    for place, part in enumerate(series):
        _draw(axis, part, color=f"C{place % 10}", mark=_MARKS[place % len(_MARKS)])
    points = [point for part in series for point in part.points]
    best = front(points)
    x, y = [point.cost for point in best], [point.accuracy for point in best]
    axis.step(x, y, where="post", color="black", linestyle=":", linewidth=0.8, zorder=0)
    _scale(axis, [point.cost for point in points])
    axis.set_xlabel(xlabel)
    axis.set_ylabel("accuracy in %")
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    return figure


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other is both cheaper and better than, by cost."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not found or point.accuracy > found[-1].accuracy:
            found.append(point)
    return found


def _draw(axis: Axes, series: Series, color: str, mark: str) -> None:
    points = sorted(series.points, key=lambda point: point.cost)
    below = [0 if p.least is None else p.accuracy - p.least for p in points]
    above = [0 if p.greatest is None else p.greatest - p.accuracy for p in points]
    axis.errorbar(
        [point.cost for point in points],
        [point.accuracy for point in points],
        [below, above],
        marker=mark,
        color=color,
        label=series.label,
        linewidth=0.8,
        markersize=5,
        capsize=3 if any(below) or any(above) else 0,
    )
    for point in points:
        if point.name:
            place = (point.cost, point.accuracy)
            axis.annotate(point.name, place, (5, -9), textcoords="offset points", fontsize=7)


def _scale(axis: Axes, costs: Sequence[float]) -> None:
    axis.set_xscale("log")
    axis.minorticks_off()
    low, high = min(costs) / 1.15, max(costs) * 1.15
    ticks = [tick for tick in _TICKS if low <= tick <= high] or [min(costs), max(costs)]
    axis.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axis.set_xlim(low, high)
