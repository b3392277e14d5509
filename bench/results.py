"""Where results go: a table for people, bench/results/NAME.json for docs/benchmarks.md.

show(table)
write_result("host", {"rows": [...]})
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from spanbit.cli.files import write_atomic

RESULTS = Path(__file__).resolve().parent / "results"


def show(table: Table, width: int = 160) -> None:
    """Prints a table, `width` columns wide wherever it goes."""
    Console(width=width).print(table)


def write_result(name: str, result: dict[str, Any]) -> None:
    """Writes bench/results/<name>.json whole or not at all."""
    write_atomic(RESULTS / f"{name}.json", (json.dumps(result, indent=1) + "\n").encode())


def read_result(name: str) -> dict[str, Any]:
    """What was written last under this name."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result
