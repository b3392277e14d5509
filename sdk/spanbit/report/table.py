"""Figures as a table for a terminal. No figure is calculated here.

Console().print(figures_table(figures))
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit.report.figures import NetworkFigures

_COLUMNS = ("layer", "shape", "kernel", "taps", "distance", "cost", "depth")
_PAIRS = ("bit-OPs before", "after", "bytes before", "after")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def figures_table(figures: NetworkFigures) -> Group:
    """A row a layer, the totals, and why each kernel was chosen."""
    table = Table(show_footer=True)
    footers = ("total", "", "", "", "", "", "")
    totals = (figures.bit_ops_before, figures.bit_ops_after, figures.bytes_before, figures.bytes_after)
    for at, (title, footer) in enumerate(zip(_COLUMNS, footers, strict=True)):
        table.add_column(title, footer, justify="left" if at < 3 else "right")
    for title, total in zip(_PAIRS, totals, strict=True):
        table.add_column(title, _number(total), justify="right")
    for row in figures.layers:
        numbers = (row.taps, row.distance, row.cost, row.depth, row.bit_ops_before, row.bit_ops_after)
        cells = [*map(_number, numbers), _number(row.bytes_before), _number(row.bytes_after)]
        table.add_row(Text(row.name), row.shape, row.kernel, *cells)
    reasons = [Text(f"{row.name}: {row.kernel}, {row.reason}") for row in figures.layers if row.reason]
    summary = (
        f"{figures.name} for {figures.target}: file {figures.file_bytes:,} bytes, "
        f"arena {figures.arena_bytes:,} bytes, {figures.golden_count} golden images"
    )
    return Group(table, *reasons, Text(summary))
