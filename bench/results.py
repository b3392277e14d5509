"""Where results go: a table for people, bench/results/NAME.json for docs/benchmarks.md.

show(table)
write_result("host", {"rows": [...]})
add_run("training-digits", {"data": "digits"}, {"way": "prune", ...})    # among those that are there
"""

from __future__ import annotations

import json
from collections.abc import Callable
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


def exists(name: str) -> bool:
    """Whether anything was written under this name."""
    return (RESULTS / f"{name}.json").exists()


def runs_of(name: str) -> list[dict[str, Any]]:
    """The runs that were written, none where there is no file."""
    return list(read_result(name)["runs"]) if exists(name) else []


def add_run(
    name: str,
    about: dict[str, Any],
    run: dict[str, Any],
    order: Callable[[dict[str, Any]], int] | None = None,
) -> None:
    """Adds a run at once, so that a stop loses one at most; sorted by `order` where that is given."""
    runs = [*runs_of(name), run]
    write_result(name, {**about, "runs": runs if order is None else sorted(runs, key=order)})
