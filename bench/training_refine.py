"""How far a trained binary network is compressed without training it from the beginning, on the digits.

    python bench/training_refine.py     # bench/results/training-refine.json; for the page see training.py

The twin of `bench/training.py`, same seeds and epochs, goes on for a few more epochs while it is pruned or
tied; its row "not compressed" goes on for as long without.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from results import write_result
from spanbit.cli.failure import guard
from spanbit.nn.train import TrainConfig, train
from training import EPOCHS, SEEDS, TWIN

NAME = "training-refine"
MORE = 8
COSTS = (0.30, 0.10)
METHODS = {"prune": "twin, then pruned", "tie": "twin, then tied, binary"}


def main() -> None:
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            start = str(Path(folder) / f"{seed}.pt")
            twin = TrainConfig("digits", method="none", epochs=EPOCHS, seed=seed, threads=1)
            train(twin, checkpoint=start)
            plan = [(TWIN, None, "none")]
            plan += [(way, cost, method) for method, way in METHODS.items() for cost in COSTS]
            for way, cost, method in plan:
                runs.append({"way": way, "cost": cost, "seed": seed, **_refined(start, cost, method, seed)})
    write_result(NAME, {"epochs": EPOCHS, "more": MORE, "torch": torch.__version__, "runs": runs})


def _refined(start: str, cost: float | None, method: Any, seed: int) -> dict[str, float]:
    config = TrainConfig("digits", method=method, cost=cost, epochs=MORE, seed=seed, threads=1, start=start)
    result = train(config)
    return {"accuracy": result.accuracy, "tree_cost": result.tree_cost}


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
