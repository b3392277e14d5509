"""Accuracy and tree cost of the ways of compressing while learning, on scikit-learn's digits (real data).

    python bench/training.py            # goes on where it was stopped; bench/results/training-digits.json
    python bench/training_page.py       # fills docs/training.md from that file and two more

Each run is one `spanbit.nn.train.train`, one thread, a seed: the same figures again with the same PyTorch on
the same kind of processor. A result is written as soon as its run ends. To measure again, remove the file.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from results import add_run, runs_of
from spanbit.cli.failure import guard
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.train import TrainConfig, train
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


def main() -> None:
    done = {(run["way"], run["cost"], run["seed"]) for run in runs_of(NAME)}
    for way, cost, seed in _plan():
        if (way, cost, seed) not in done:
            _store(run(way, cost, seed))


def run(way: str, cost: float | None, seed: int) -> dict[str, Any]:
    """One training: how, to what cost (None: the twin), and what came of it."""
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


def _plan() -> list[tuple[str, float | None, int]]:
    return [
        (way, cost, seed)
        for seed in SEEDS
        for way, cost in [(TWIN, None), *((way, cost) for way in WAYS for cost in COSTS)]
    ]


def _store(found: dict[str, Any]) -> None:
    order = {key: place for place, key in enumerate(_plan())}
    about = {
        "data": "scikit-learn digits, 1437 training and 360 test images",
        "epochs": EPOCHS,
        "seeds": list(SEEDS),
        "torch": torch.__version__,
    }
    add_run(NAME, about, found, lambda run: order[run["way"], run["cost"], run["seed"]])


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
