#!/usr/bin/env python3
"""Puts the figures of bench/results/transfer.json into docs/boards.md, between its markers.

python bench/transfer.py --json bench/results/transfer.json && tools/boards_page.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "boards.md"
RESULT = ROOT / "bench" / "results" / "transfer.json"
COMMAND = "python bench/transfer.py --json bench/results/transfer.json"
_PART = re.compile(r"(<!-- transfer: begin -->\n).*?(<!-- transfer: end -->)", re.DOTALL)


def transfer_table(result: dict[str, Any] | None) -> str:
    """The comparison as Markdown; a word on it where nothing was measured yet."""
    if result is None:
        return (
            f"`{COMMAND}` measures MB/s against `scp` on the loopback. "
            "There is no result of a quiet machine yet.\n"
        )
    sizes = result["sizes"]
    ways = list(next(iter(sizes.values())))
    lines = [
        f"MB/s against `scp` on the loopback, median of {result['rounds']} (`{COMMAND}`; {result['cpu']}, "
        f"{result['scp']}):",
        "",
        "| file | " + " | ".join(ways) + " |",
        "| --- |" + " ---: |" * len(ways),
    ]
    lines += [
        f"| {size} | " + " | ".join(f"{found[way]:.1f}" for way in ways) + " |"
        for size, found in sizes.items()
    ]
    return "\n".join(lines) + "\n"


def filled(page: str, result: dict[str, Any] | None) -> str:
    """The page with the table in its place."""
    text, count = _PART.subn(lambda found: found[1] + transfer_table(result) + found[2], page)
    assert count == 1, f"{PAGE} has no place for the figures"
    return text


def stored_result() -> dict[str, Any] | None:
    """What was measured last, if anything was."""
    if not RESULT.exists():
        return None
    found: dict[str, Any] = json.loads(RESULT.read_text())
    return found


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), stored_result()))
