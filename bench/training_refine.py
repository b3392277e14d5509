"""How far a trained binary network is compressed without training it from the beginning.

    python bench/training_refine.py                 # digits, three seeds: results/training-refine.json
    python bench/training_refine.py fashion-mnist   # one seed: results/training-refine-fashion.json

The twin of `bench/training.py` (digits) or `bench/training_table.py` (Fashion-MNIST), same seeds and epochs,
goes on for a few more epochs while it is pruned or tied, and for as many without.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import training
import training_table
from results import write_result
from spanbit.cli.failure import guard
from spanbit.nn.data import DataSet, load
from spanbit.nn.train import TrainConfig, train
from training import TWIN

NAME, FASHION = "training-refine", "training-refine-fashion"
MORE, FASHION_MORE = 8, 2
COSTS, FASHION_COSTS = (0.30, 0.10), (0.10, 0.05)
METHODS = {"prune": "twin, then pruned", "tie": "twin, then tied, binary"}


def main() -> None:
    match sys.argv[1:]:
        case []:
            twin = TrainConfig("digits", method="none", epochs=training.EPOCHS, threads=1)
            measure(NAME, twin, MORE, COSTS, training.SEEDS, tuple(METHODS))
        case ["fashion-mnist"]:
            twin = TrainConfig("fashion-mnist", width=training_table.WIDTH, method="none", threads=1)
            twin = replace(twin, epochs=training_table.EPOCHS)
            measure(FASHION, twin, FASHION_MORE, FASHION_COSTS, training_table.SEEDS[:1], ("prune",))
        case _:
            sys.exit("usage: python bench/training_refine.py [fashion-mnist]")


def measure(
    name: str,
    twin: TrainConfig,
    more: int,
    costs: tuple[float, ...],
    seeds: tuple[int, ...],
    methods: tuple[str, ...],
) -> None:
    """Train the twin, refine it in every way, write the result."""
    data = load(twin.dataset)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            start = str(Path(folder) / f"{seed}.pt")
            begun = train(replace(twin, seed=seed), data=data, checkpoint=start)
            plan = [(TWIN, None, "none")]
            plan += [(METHODS[method], cost, method) for method in methods for cost in costs]
            for way, cost, method in plan:
                config = replace(twin, method=method, cost=cost, epochs=more, seed=seed, start=start)  # type: ignore[arg-type]
                runs.append({"way": way, "cost": cost, "seed": seed, **_refined(config, data)})
            for run in runs:
                if run["seed"] == seed and run["way"] == TWIN:
                    run["before"] = begun.accuracy
    content = {"data": twin.dataset, "epochs": twin.epochs, "more": more, "runs": runs}
    write_result(name, {**content, "torch": torch.__version__})


def _refined(config: TrainConfig, data: DataSet) -> dict[str, float]:
    result = train(config, data=data)
    return {"accuracy": result.accuracy, "tree_cost": result.tree_cost}


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
