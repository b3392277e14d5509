"""Accuracy and tree cost of the ways of compressing while learning, on scikit-learn's digits (real data).

    python bench/training.py            # goes on where it was stopped; bench/results/training-digits.json
    python bench/training.py --page     # fills docs/training.md from that file

Each run is one `spanbit.nn.train.train`, one thread, a seed: the same figures on every machine with the same
PyTorch. A result is written as soon as its run ends. To measure again after a change, remove the file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from results import RESULTS, read_result, write_result
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.tree import build_tree

NAME = "training-digits"
EPOCHS = 20
SEEDS = (0, 1, 2)
COSTS = (0.30, 0.10, 0.05)
WAYS = {
    "pruned to ternary": {"method": "prune"},
    "tied, binary": {"method": "tie"},
    "tied, mixed": {"method": "tie", "mixed": True},
    "tree loss, binary": {"method": "tree-loss"},
}
TWIN = "twin"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "training.md"
BEGIN, END = "<!-- training: begin -->\n", "<!-- training: end -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--page", action="store_true", help="only fill docs/training.md from the results")
    chosen = parser.parse_args()
    if chosen.page:
        page = with_table(PAGE.read_text(), read_result(NAME))
        write_atomic(PAGE, page.encode())
        return
    done = {(run["way"], run["cost"], run["seed"]) for run in _known()}
    for way, cost, seed in _plan():
        if (way, cost, seed) not in done:
            _store(run(way, cost, seed))


def run(way: str, cost: float | None, seed: int) -> dict[str, Any]:
    """One training: how, to what cost (None: the twin), and what came of it."""
    from spanbit.nn.binary import BinaryConv2d
    from spanbit.nn.train import TrainConfig, train

    options: Any = WAYS.get(way, {"method": "none"})
    result = train(TrainConfig("digits", cost=cost, epochs=EPOCHS, seed=seed, threads=1, **options))
    depth = max(
        int(build_tree(layer.effective_weight().detach().flatten(1).numpy().astype(np.int8)).depth.max())
        for layer in result.net.modules()
        if isinstance(layer, BinaryConv2d)
    )
    return {
        "way": way,
        "cost": cost,
        "seed": seed,
        "accuracy": result.accuracy,
        "nonzero": result.cost,
        "tree_cost": result.tree_cost,
        "depth": depth,
    }


def with_table(page: str, result: dict[str, Any]) -> str:
    """The page with its table written again."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    return head + BEGIN + table(result) + END + tail


def table(result: dict[str, Any]) -> str:
    """Accuracy in %: mean of the seeds, least and greatest; deepest tree in brackets."""
    runs = result["runs"]
    heads = [f"cost {cost:.2f}" for cost in COSTS]
    lines = [
        f"| accuracy in %, digits, {result['epochs']} epochs | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * len(COSTS)}",
    ]
    for way in WAYS:
        cells = [_cell([r for r in runs if r["way"] == way and r["cost"] == cost]) for cost in COSTS]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    twins = [r for r in runs if r["way"] == TWIN]
    if twins:
        natural = sum(r["tree_cost"] for r in twins) / len(twins)
        lines += [
            "",
            f"The twin, binary and not compressed: {_cell(twins)}, its tree's cost is {natural:.3f}.",
        ]
    worst = max(abs(r["tree_cost"] - r["cost"]) for r in runs if r["cost"] is not None)
    lines += [
        "",
        f"Mean of {len(result['seeds'])} seeds on all 360 test images, in brackets least to greatest and the "
        "depth of the deepest tree. One image is 0.28 points.",
        f"The minimum trees' cost was nowhere more than {worst:.5f} away from what was asked for.",
    ]
    return "\n".join(lines) + "\n"


def _cell(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return ""
    right = [100 * run["accuracy"] for run in runs]
    depth = max(run["depth"] for run in runs)
    return f"{sum(right) / len(right):.1f} ({min(right):.1f} to {max(right):.1f}; {depth})"


def _plan() -> list[tuple[str, float | None, int]]:
    return [
        (way, cost, seed)
        for seed in SEEDS
        for way, cost in [(TWIN, None), *((way, cost) for way in WAYS for cost in COSTS)]
    ]


def _store(found: dict[str, Any]) -> None:
    """Adds a run to the file, so that a stop loses one run at most."""
    import torch

    order = {key: place for place, key in enumerate(_plan())}
    runs = sorted([*_known(), found], key=lambda run: order[run["way"], run["cost"], run["seed"]])
    write_result(
        NAME,
        {
            "data": "scikit-learn digits, 1437 training and 360 test images",
            "epochs": EPOCHS,
            "seeds": list(SEEDS),
            "torch": torch.__version__,
            "runs": runs,
        },
    )


def _known() -> list[dict[str, Any]]:
    return list(read_result(NAME)["runs"]) if (RESULTS / f"{NAME}.json").exists() else []


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
