"""The tables of docs/training.md, from what the training benchmarks have written.

python bench/training.py && python bench/training_refine.py && python bench/training_overhead.py
python bench/training_page.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import training
import training_refine
from results import read_result
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic

PAGE = Path(__file__).resolve().parent.parent / "docs" / "training.md"
BEGIN, END = "<!-- training: begin -->\n", "<!-- training: end -->\n"


def main() -> None:
    write_atomic(PAGE, with_tables(PAGE.read_text()).encode())


def with_tables(page: str) -> str:
    """The page with its tables written again."""
    head, _, rest = page.partition(BEGIN)
    tables = [
        _learned(read_result(training.NAME)),
        _refined(read_result(training_refine.NAME)),
        _overhead(read_result("training-overhead")),
    ]
    return head + BEGIN + "\n".join(tables) + END + rest.partition(END)[2]


def _learned(result: dict[str, Any]) -> str:
    title = f"accuracy in %, {result['epochs']} epochs"
    rows = _table(title, result["runs"], tuple(training.WAYS), training.COSTS)
    twins = [run for run in result["runs"] if run["way"] == training.TWIN]
    natural = sum(run["tree_cost"] for run in twins) / len(twins)
    return (
        f"Data: {result['data']}. Mean of {len(result['seeds'])} seeds on all test images; in brackets least "
        "and greatest, then the depth of the deepest tree. One image is 0.28 points.\n\n"
        f"{rows}\nThe twin, binary and not compressed: {_cell(twins, None)}; its trees cost {natural:.3f}.\n"
    )


def _refined(result: dict[str, Any]) -> str:
    ways = tuple(training_refine.METHODS.values())
    rows = _table(f"{result['more']} epochs more", result["runs"], ways, training_refine.COSTS)
    twins = [run for run in result["runs"] if run["way"] == training.TWIN]
    return (
        f"A trained twin ({result['epochs']} epochs) refined (`--start`), same seeds:\n\n{rows}\n"
        f"The twin itself after as many epochs more: {_cell(twins, None)}.\n"
    )


def _overhead(result: dict[str, Any]) -> str:
    lines = ["| network for | method | CPU ms a step | more than none |", "| --- | --- | ---: | ---: |"]
    for row in result["rows"]:
        more = f"{100 * row['overhead']:.1f} %" if row["method"] != "none" else ""
        lines.append(f"| {row['data']} | {row['method']} | {row['ms']:.1f} | {more} |")
    text = (
        "CPU time of a training step, one thread, least of blocks in turn; on a shared machine, so a few per "
        "cent are noise:\n\n"
    )
    return text + "\n".join(lines) + "\n"


def _table(title: str, runs: list[dict[str, Any]], ways: Sequence[str], costs: Sequence[float]) -> str:
    lines = [f"| {title} | {' | '.join(f'cost {cost:.2f}' for cost in costs)} |"]
    lines.append(f"| --- |{' ---: |' * len(costs)}")
    for way in ways:
        cells = [
            _cell([run for run in runs if (run["way"], run["cost"]) == (way, cost)], cost) for cost in costs
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(runs: list[dict[str, Any]], asked: float | None) -> str:
    """Mean, least and greatest accuracy; the trees' mean cost only where it is not what was asked for."""
    right = [100 * run["accuracy"] for run in runs]
    if not right:
        return ""
    inside = [f"{min(right):.1f} to {max(right):.1f}"]
    if "depth" in runs[0]:
        inside.append(f"{max(run['depth'] for run in runs)}")
    cost = sum(run["tree_cost"] for run in runs) / len(runs)
    reached = f", at {cost:.3f}" if asked is not None and abs(cost - asked) > 0.0005 else ""
    return f"{sum(right) / len(right):.1f} ({'; '.join(inside)}){reached}"


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
