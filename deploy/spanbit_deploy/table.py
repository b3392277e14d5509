"""Figures of a run for a terminal. No figure is calculated here.

Console().print(profile_view(figures))
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit_deploy.figures import Classified, Percentiles, RunFigures

_SHOWN = 10


def profile_view(figures: RunFigures) -> Group:
    """The place, golden check and accuracy, then a row a layer."""
    table = Table(title=Text(figures.note, style="bold yellow") if figures.note else None, show_footer=True)
    total = _cells(figures.total)
    table.add_column("layer", "total")
    table.add_column("operator")
    table.add_column("taps", justify="right")
    for title, footer in zip(("p50 ms", "p90 ms", "p99 ms"), total, strict=True):
        table.add_column(title, footer, justify="right")
    for layer in figures.layers:
        table.add_row(Text(layer.name), layer.op, f"{layer.taps:,}", *_cells(layer.times))
    rounds = Text(
        f"{figures.rounds} rounds; layers and total are timed in rounds of their own"
        + (f"; {figures.note}" if figures.note else "")
    )
    return Group(run_view(figures), table, rounds)


def run_view(figures: RunFigures) -> Group:
    """The place, golden check and accuracy."""
    lines = [
        Text(
            f"on {figures.on}: {figures.arch}, {figures.isa}, {_threads(figures)}"
            f"runner built for {figures.target}"
        ),
        Text(f"golden outputs: {figures.golden_count} of {figures.golden_count} equal, bit for bit"),
    ]
    if figures.classified is not None:
        lines.append(_accuracy(figures.classified))
    return Group(*lines)


def _threads(figures: RunFigures) -> str:
    if figures.threads == 1:
        return ""
    more = f" on {figures.cores} cores" if figures.threads > figures.cores else ""
    return f"{figures.threads} threads{more}, "


def _accuracy(found: Classified) -> Text:
    if found.accuracy is None:
        first = ", ".join(map(str, found.predictions[:_SHOWN]))
        more = ", ..." if found.count > _SHOWN else ""
        return Text(f"{found.count} images of {found.where}: {first}{more} (no labels)")
    return Text(f"accuracy: {found.correct} of {found.count} images = {found.accuracy:.2%} ({found.where})")


def _cells(times: Percentiles | None) -> tuple[str, str, str]:
    if times is None:
        return "-", "-", "-"
    return f"{times.p50_ms:.4f}", f"{times.p90_ms:.4f}", f"{times.p99_ms:.4f}"
