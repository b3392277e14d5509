"""Figures of a run for a terminal. No figure is calculated here.

Console().print(profile_view(run))
"""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit_deploy.figures import Classified, RunFigures
from spanbit_deploy.profile.conditions import Conditions
from spanbit_deploy.profile.power import Energy
from spanbit_deploy.profile.record import Profile, Run
from spanbit_deploy.profile.stats import Stats

_SHOWN = 10


FLEET_COLUMNS = {"threads": "threads", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "note": ""}
"""Titles of what `fleet_row` gives."""


def fleet_row(profile: Profile) -> dict[str, Any]:
    """One board's line among many: its fastest setting by the median, and what must be known of it."""
    timed = [(run.figures.total, run) for run in profile.runs if run.figures.total is not None]
    total, run = min(timed, key=lambda pair: pair[0].p50_ms)
    note = "; ".join(f"INVALID: {problem}" for problem in profile.problems) or run.figures.note
    return {
        "threads": run.figures.threads,
        "p50_ms": round(total.p50_ms, 4),
        "p99_ms": round(total.p99_ms, 4),
        "note": note,
    }


def profile_view(run: Run) -> Group:
    """The place, golden check and accuracy, then a row a layer, and what must be known of the times."""
    figures = run.figures
    table = Table(title=Text(figures.note, style="bold yellow") if figures.note else None, show_footer=True)
    total = _cells(figures.total)
    counted = any(layer.instructions is not None for layer in figures.layers)
    table.add_column("layer", "total")
    table.add_column("kernel")
    table.add_column("taps", justify="right")
    table.add_column("share", justify="right")
    for title, footer in zip(("p50 ms", "p90 ms", "p99 ms"), total, strict=True):
        table.add_column(title, footer, justify="right")
    table.add_column("MAC/s", justify="right")
    if counted:
        table.add_column("instructions", justify="right")
    for layer in figures.layers:
        row = [f"{layer.taps:,}" if layer.taps else "-", _percent(layer.share), *_cells(layer.times)]
        row.append(_engineering(layer.macs_a_second))
        if counted:
            row.append("-" if layer.instructions is None else f"{layer.instructions:,}")
        table.add_row(Text(layer.name), layer.kernel, *row)
    return Group(run_view(figures), table, *map(Text, _remarks(run)))


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


def _remarks(run: Run) -> list[str]:
    figures, total = run.figures, run.figures.total
    assert total is not None and figures.first_ms is not None
    said = [
        f"{figures.rounds} rounds after {figures.warmup} to warm up; layers and total are timed in rounds "
        f"of their own{'; ' if figures.note else ''}{figures.note}",
        f"first inference {figures.first_ms:.4f} ms; fastest {total.min_ms:.4f}, mean {total.mean_ms:.4f}, "
        f"deviation {total.std_ms:.4f}, slowest {total.max_ms:.4f}",
        f"memory: arena {figures.memory.arena:,} bytes, weights and tables {figures.memory.weights:,}, "
        f"runner's code {figures.memory.program:,}, at most {figures.memory.peak_rss:,} in use",
    ]
    if figures.counters:
        counts = ", ".join(
            f"{value:,.0f} {name.replace('_', ' ')}" for name, value in figures.counters.items()
        )
        note = f" ({figures.counters_note})" if figures.counters_note else ""
        said.append(f"counted a run: {counts}{note}")
    if figures.counters_absent:
        which = "other counters" if figures.counters else "no performance counters"
        said.append(f"{which}: {figures.counters_absent}")
    return [*said, *_conditions(run.conditions), *_energy(run.energy), *_versus(run)]


def _conditions(found: Conditions) -> list[str]:
    said = []
    states = (found.before, *found.during, found.after)
    degrees = [state.hottest_c for state in states if state.hottest_c is not None]
    if degrees:
        said.append(f"hottest {degrees[0]:.1f} degrees before, {max(degrees):.1f} at most")
    if found.waited_s >= 1:
        said.append(f"waited {found.waited_s:.0f} s until it was cool")
    said += [f"note: {note}" for note in found.notes]
    said += [f"INVALID: {problem}" for problem in found.problems]
    return said


def _energy(found: Energy | None) -> list[str]:
    if found is None:
        return []
    return [
        f"{found.mean_w:.3f} W mean of {len(found.samples)} samples ({found.source}), "
        f"{1000 * found.joules_an_inference:.3f} mJ an inference"
    ]


def _versus(run: Run) -> list[str]:
    found, total = run.versus, run.figures.total
    if found is None or total is None:
        return []
    times = found.total
    return [
        f"{found.runtime} on {found.path}: first {found.first_ms:.4f} ms, fastest {times.min_ms:.4f}, "
        f"p50 {times.p50_ms:.4f}, p99 {times.p99_ms:.4f}: {times.p50_ms / total.p50_ms:.1f} times as long"
    ]


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


def _cells(times: Stats | None) -> tuple[str, str, str]:
    if times is None:
        return "-", "-", "-"
    return f"{times.p50_ms:.4f}", f"{times.p90_ms:.4f}", f"{times.p99_ms:.4f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _engineering(value: float | None) -> str:
    if value is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"
