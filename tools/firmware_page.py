#!/usr/bin/env python3
"""Puts the figures of bench/results/firmware.json into docs/firmware.md, between its markers.

python bench/firmware.py --json bench/results/firmware.json && tools/firmware_page.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "firmware.md"
_PART = re.compile(r"(<!-- forms: begin -->\n).*?(<!-- forms: end -->)", re.DOTALL)


def forms_table(result: dict[str, Any]) -> str:
    """The comparison as Markdown; in brackets how many times as many instructions as the tree in flash."""
    lines = [
        "| core | form | flash | RAM | instructions | bits a binary weight |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    least: dict[str, int] = {}
    for form in result["forms"]:
        first = least.setdefault(form["target"], form["instructions"])
        ratio = form["instructions"] / first
        bits = form["bits_a_weight"]
        lines.append(
            f"| {form['target']} | {form['form']} | {form['flash_bytes']:,} | {form['ram_bytes']:,} "
            f"| {form['instructions']:,} ({ratio:.1f}) | {bits:.2f} |"
        )
    lines += ["", f"`{result['compiler']}`; network {result['network']}, cost {result['cost']}."]
    return "\n".join(lines) + "\n"


def filled(page: str, result: dict[str, Any]) -> str:
    """The page with the table in its place."""
    text, count = _PART.subn(lambda found: found[1] + forms_table(result) + found[2], page)
    assert count == 1, "docs/firmware.md has no place for the table"
    return text


def main() -> None:
    result = json.loads((ROOT / "bench" / "results" / "firmware.json").read_text())
    PAGE.write_text(filled(PAGE.read_text(), result))


if __name__ == "__main__":
    main()
