#!/usr/bin/env python3
"""Puts the figures of bench/results/firmware.json and firmware-rows.json into docs/firmware.md.

python bench/firmware.py --json bench/results/firmware.json && tools/firmware_page.py
python bench/firmware_rows.py --json bench/results/firmware-rows.json && tools/firmware_page.py
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "firmware.md"
RESULTS = ROOT / "bench" / "results"


def forms_table(result: dict[str, Any]) -> str:
    """The comparison as Markdown; in brackets how many times as many instructions as the tree in flash."""
    lines = [
        "| core | form | flash | RAM | instructions | cycles, a model | bits a binary weight |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    least: dict[str, int] = {}
    for form in result["forms"]:
        first = least.setdefault(form["target"], form["instructions"])
        ratio = form["instructions"] / first
        cycles = f"{form['cycles']:,}" if "cycles" in form else "-"
        bits = form["bits_a_weight"]
        lines.append(
            f"| {form['target']} | {form['form']} | {form['flash_bytes']:,} | {form['ram_bytes']:,} "
            f"| {form['instructions']:,} ({ratio:.1f}) | {cycles} | {bits:.2f} |"
        )
    cost = result["cost"]
    entropy = -cost * math.log2(cost) - (1 - cost) * math.log2(1 - cost)
    lines += [
        "",
        f"`{result['compiler']}`; network {result['network']}, cost {cost}. At this cost no code of the taps "
        f"goes below H({cost}) = {entropy:.3f} bits a weight where they are, and one for each sign: "
        f"{entropy + cost:.3f}.",
    ]
    return "\n".join(lines) + "\n"


def rows_tables(result: dict[str, Any]) -> str:
    """What rows save, planned, and what they cost, measured."""
    lines = [
        "| network, image | tables | first layers | arena, image | together | first layers | arena, row "
        "| together | saved |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for whole, rows in _pairs(result["planned"]):
        before, after = (way["arena_bytes"] + way["image_bytes"] for way in (whole, rows))
        cells = [
            f"{way['first_bytes']:,} | {way['arena_bytes']:,} + {way['image_bytes']:,} | {total:,}"
            for way, total in ((whole, before), (rows, after))
        ]
        lines.append(
            f"| {whole['network']}, {whole['image']} | {whole['tables']} | {cells[0]} | {cells[1]} "
            f"| {1 - after / before:.0%} |"
        )
    lines += [
        "",
        "| network | core | tables | constants | code | stack | instructions |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for whole, rows in _pairs(result["measured"]):
        more = rows["instructions"] / whole["instructions"] - 1
        lines.append(
            f"| {whole['network']} | {whole['target']} | {whole['tables']} | {whole['const_bytes']:,} "
            f"| {whole['code_bytes']:,} > {rows['code_bytes']:,} "
            f"| {whole['stack_bytes']:,} > {rows['stack_bytes']:,} "
            f"| {whole['instructions']:,} > {rows['instructions']:,} ({more:+.1%}) |"
        )
    return "\n".join(lines) + "\n"


def _pairs(rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The whole image's and the rows' of each."""
    assert [row["input"] for row in rows] == ["image", "rows"] * (len(rows) // 2)
    return zip(rows[::2], rows[1::2], strict=True)


def filled(page: str, forms: dict[str, Any], rows: dict[str, Any]) -> str:
    """The page with the tables in their places."""
    for name, text in (("forms", forms_table(forms)), ("rows", rows_tables(rows))):
        part = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        page, count = part.subn(lambda found, text=text: found[1] + text + found[2], page)
        assert count == 1, f"docs/firmware.md has no place for {name}"
    return page


def main() -> None:
    results = [json.loads((RESULTS / f"{name}.json").read_text()) for name in ("firmware", "firmware-rows")]
    PAGE.write_text(filled(PAGE.read_text(), *results))


if __name__ == "__main__":
    main()
