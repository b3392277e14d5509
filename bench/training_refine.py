"""How far a trained binary network is compressed without training it from the beginning.

    python bench/training_refine.py                 # digits, three seeds: results/training-refine.json
    python bench/training_refine.py fashion-mnist   # one seed: results/training-refine-fashion.json

The twin of `bench/training.py` (digits) or `bench/training_table.py` (Fashion-MNIST), same seeds and epochs,
goes on for a few more epochs while it is pruned or tied, and for as many without. The twins' checkpoints are
kept in build/training-refine; the command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import training
import training_table
from results import add_run, runs_of
from spanbit.cli.failure import guard
from spanbit.nn.data import DataSet, load
from spanbit.nn.train import TrainConfig, load_checkpoint, train
from training import TWIN

NAME, FASHION = "training-refine", "training-refine-fashion"
MORE, FASHION_MORE = 8, 2
COSTS, FASHION_COSTS = (0.30, 0.10), (0.10, 0.05)
METHODS: dict[str, dict[str, Any]] = {
    "twin, then pruned": {"method": "prune"},
    "twin, then tied, binary": {"method": "tie"},
    "twin, then tied, mixed": {"method": "tie", "mixed": True},
}
CHECKPOINTS = Path(__file__).resolve().parent.parent / "build" / NAME


def main() -> None:
    match sys.argv[1:]:
        case []:
            twin = TrainConfig("digits", method="none", epochs=training.EPOCHS, threads=1)
            refine(NAME, twin, MORE, COSTS, training.SEEDS)
        case ["fashion-mnist"]:
            size = training_table.SMALL
            twin = TrainConfig("fashion-mnist", width=size.width, method="none", threads=1)
            twin = replace(twin, epochs=size.epochs)
            refine(FASHION, twin, FASHION_MORE, FASHION_COSTS, training_table.SEEDS[:1])
        case _:
            sys.exit("usage: python bench/training_refine.py [fashion-mnist]")


def refine(name: str, twin: TrainConfig, more: int, costs: tuple[float, ...], seeds: tuple[int, ...]) -> None:
    """Train the twin, refine it in every way, write each result."""
    data = load(twin.dataset)
    about = {"data": twin.dataset, "epochs": twin.epochs, "more": more, "torch": torch.__version__}
    plan = [(TWIN, None), *((way, cost) for way in METHODS for cost in costs)]
    done = {(run["way"], run["cost"], run["seed"]) for run in runs_of(name)}
    for seed in seeds:
        for way, cost in plan:
            if (way, cost, seed) in done:
                continue
            start, before = _trained(replace(twin, seed=seed), data)
            options = METHODS.get(way, {"method": "none"})
            config = replace(twin, cost=cost, epochs=more, seed=seed, start=str(start), **options)
            result = train(config, data=data)
            found = {"way": way, "cost": cost, "seed": seed, "accuracy": result.accuracy}
            add_run(name, about, {**found, "tree_cost": result.tree_cost, "before": before})


def _trained(twin: TrainConfig, data: DataSet) -> tuple[Path, float]:
    """The twin's checkpoint and its accuracy, trained at the first call."""
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    path = CHECKPOINTS / f"{twin.dataset}-{twin.epochs}-{twin.seed}.pt"
    if not path.exists():
        return path, train(twin, data=data, checkpoint=path).accuracy
    return path, float(load_checkpoint(path)[1]["accuracy"])


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
