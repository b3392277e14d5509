"""The arena of a compiled network: what lies where, and when. As text, as figures, as a picture.

plan = arena_plan(read_bundle(data).compiled)
Console().print(arena_table(plan))
Path("arena.svg").write_text(arena_svg(plan))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit.passes.compiled import CompiledGraph
from spanbit.passes.memory import Region, least_bytes, regions

_BAR = 40  # characters that the arena is drawn in
_CELL, _HEIGHT, _LEFT, _TOP = 14, 420, 90, 24
_COLOURS = {"tables": "#b0b0b0", "tensor": "#4477aa", "scratch": "#eeaa55"}


@dataclass(frozen=True)
class ArenaPlan:
    """Bytes of the arena. `least_bytes` is the most that is needed at one time, tables left out."""

    layers: tuple[str, ...]
    regions: tuple[Region, ...]
    arena_bytes: int
    tables_bytes: int
    least_bytes: int

    @property
    def above_least(self) -> float:
        """How far the arena, tables left out, is above the bound that no plan goes below."""
        return (self.arena_bytes - self.tables_bytes) / max(1, self.least_bytes) - 1

    def as_dict(self) -> dict[str, Any]:
        """The twin for JSON."""
        return asdict(self)


def arena_plan(compiled: CompiledGraph) -> ArenaPlan:
    """What a compiled network keeps in its arena."""
    kept = regions(compiled.layers)
    return ArenaPlan(
        layers=tuple(layer.op.name for layer in compiled.layers),
        regions=tuple(kept),
        arena_bytes=compiled.arena_bytes,
        tables_bytes=compiled.tables_bytes,
        least_bytes=least_bytes(kept),
    )


def arena_table(plan: ArenaPlan) -> Group:
    """A row a layer: what is alive while it runs. `#` tensors, `s` its scratch, `.` free; tables left out."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("layer", "bytes", "arena behind the tables"):
        table.add_column(title, justify="right" if title == "bytes" else "left", no_wrap=title != "layer")
    span = max(1, plan.arena_bytes - plan.tables_bytes)
    for index, name in enumerate(plan.layers):
        alive = [region for region in plan.regions if region.first <= index <= region.last]
        table.add_row(Text(name), f"{sum(region.bytes for region in alive):,}", _bar(alive, plan, span))
    summary = (
        f"arena {plan.arena_bytes:,} bytes: {plan.tables_bytes:,} of tap tables, "
        f"{plan.arena_bytes - plan.tables_bytes:,} of tensors and scratch, {plan.above_least:.1%} above the "
        f"least that is needed at one time"
    )
    return Group(table, Text(summary))


def _bar(alive: Sequence[Region], plan: ArenaPlan, span: int) -> str:
    bar = ["."] * _BAR
    for region in alive:
        begin = (region.begin - plan.tables_bytes) * _BAR // span
        end = max(begin + 1, -(-(region.begin + region.bytes - plan.tables_bytes) * _BAR // span))
        bar[begin:end] = ("s" if region.scratch else "#") * (end - begin)
    return "".join(bar[:_BAR])


def arena_svg(plan: ArenaPlan) -> str:
    """Layers from left to right, bytes from bottom to top; a region's name is its tooltip."""
    width = _LEFT + _CELL * len(plan.layers) + 10
    svg = Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {_TOP + _HEIGHT + 60}",
        width=str(width),
        attrib={"font-family": "sans-serif", "font-size": "10"},
    )
    SubElement(svg, "title").text = f"arena, {plan.arena_bytes:,} bytes"
    tables = Region("tap tables", plan.tables_bytes, 0, len(plan.layers) - 1)
    if tables.bytes:
        _draw(svg, tables, plan, "tables")
    for region in plan.regions:
        _draw(svg, region, plan, "scratch" if region.scratch else "tensor")
    for share in range(5):
        value = plan.arena_bytes * share // 4
        y = _TOP + _HEIGHT - _HEIGHT * share / 4
        SubElement(
            svg, "text", x=str(_LEFT - 6), y=f"{y + 3:.0f}", attrib={"text-anchor": "end"}
        ).text = f"{value:,}"
    for place, (name, colour) in enumerate(_COLOURS.items()):
        x, y = _LEFT + 90 * place, _TOP + _HEIGHT + 30
        SubElement(svg, "rect", x=str(x), y=str(y), width="10", height="10", fill=colour)
        SubElement(svg, "text", x=str(x + 14), y=str(y + 9)).text = name
    SubElement(
        svg, "text", x=str(_LEFT), y=str(_TOP + _HEIGHT + 16)
    ).text = f"layers 0 to {len(plan.layers) - 1}, in order"
    SubElement(svg, "text", x="4", y=str(_TOP - 8)).text = "bytes"
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _draw(svg: Element, region: Region, plan: ArenaPlan, what: str) -> None:
    scale = _HEIGHT / plan.arena_bytes
    rect = SubElement(
        svg,
        "rect",
        x=str(_LEFT + _CELL * region.first),
        y=f"{_TOP + _HEIGHT - (region.begin + region.bytes) * scale:.2f}",
        width=str(_CELL * (region.last - region.first + 1)),
        height=f"{max(0.5, region.bytes * scale):.2f}",
        fill=_COLOURS[what],
        stroke="white",
        attrib={"stroke-width": "0.5"},
    )
    SubElement(rect, "title").text = (
        f"{region.name}, {what}: {region.bytes:,} bytes at {region.begin:,}, "
        f"layers {region.first} to {region.last}"
    )
