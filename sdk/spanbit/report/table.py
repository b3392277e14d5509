"""Figures as a table for a terminal of 80 columns. No figure is calculated here; exact ones are in the JSON.

Console().print(figures_table(figures))
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit.report.figures import LayerFigures, NetworkFigures

_COLUMNS = ("layer", "output", "kernel", "taps", "distance", "cost", "depth", "bit-OPs", "bytes")
_UNITS = ("", "k", "M", "G", "T")


def short(value: int) -> str:
    """Three digits and a unit of 1000: 3612672 is 3.61M."""
    scaled, unit = float(value), 0
    while scaled >= 999.5 and unit + 1 < len(_UNITS):
        scaled, unit = scaled / 1000, unit + 1
    if unit == 0:
        return str(value)
    decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{decimals}f}{_UNITS[unit]}"


def _pair(before: int | None, after: int | None) -> str:
    return "-" if before is None or after is None else f"{short(before)} > {short(after)}"


def _cells(row: LayerFigures) -> list[str | Text]:
    return [
        Text(row.name),
        row.shape,
        row.kernel,
        "-" if row.taps is None else short(row.taps),
        "-" if row.distance is None else f"{row.distance:,}",
        "-" if row.cost is None else f"{row.cost:.3f}",
        "-" if row.depth is None else str(row.depth),
        _pair(row.bit_ops_before, row.bit_ops_after),
        _pair(row.bytes_before, row.bytes_after),
    ]


def figures_table(figures: NetworkFigures) -> Group:
    """A row a layer, the totals, and why each kernel was chosen. `a > b` is before and after compiling."""
    table = Table(show_footer=True, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    ops = _pair(figures.bit_ops_before, figures.bit_ops_after)
    stored = _pair(figures.bytes_before, figures.bytes_after)
    footers = ("total", *[""] * (len(_COLUMNS) - 3), ops, stored)
    for at, (title, footer) in enumerate(zip(_COLUMNS, footers, strict=True)):
        table.add_column(
            title, footer, justify="left" if at < 3 else "right", no_wrap=at > 0, overflow="fold"
        )
    for row in figures.layers:
        table.add_row(*_cells(row))
    reasons = [Text(f"{row.name}: {row.kernel}, {row.reason}") for row in figures.layers if row.reason]
    summary = (
        f"{figures.name} for {figures.target}: file {figures.file_bytes:,} bytes, "
        f"arena {figures.arena_bytes:,} bytes, {figures.golden_count} golden images"
    )
    return Group(table, *reasons, Text(summary))
