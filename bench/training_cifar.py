"""CIFAR-10 with a quarter-width VGG-small: the twin, the best way at two costs, the narrower net.

    python bench/training_cifar.py cifar-10-batches-py 6               # results/training-cifar-6.json
    python bench/training_cifar.py cifar-10-batches-py 6 prune-0.05    # this run only, say on another core

The folder holds CIFAR-10 as published, or the images by class (`bench/cifar_records.py`). Either way the last
5,000 training images are held back and judge; the test images are not looked at. All runs are equally long,
one thread, the recipe's settings but for the length: the second argument is the number of epochs, each number
has its own file. The literature takes hundreds. A result is written as soon as its run ends, each run's
state after every epoch (in build/training-cifar), and the command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import training_point
from results import add_run, runs_of
from spanbit.cli.failure import guard
from spanbit.nn.data import DataSet, load
from spanbit.nn.train import Files, TrainConfig

LENGTHS = (2, 6, 60)
"""Epochs that have a place on the page; the recipe has the last."""
WIDTH, NARROW_WIDTH, HELD_BACK, TARGET = 32, 10, 5_000, "rpi4"
PLAN: dict[str, tuple[str, float | None]] = {
    "twin": ("twin", None),
    "prune-0.10": ("prune", 0.10),
    "narrow-0.10": ("narrow", 0.10),
    "prune-0.05": ("prune", 0.05),
}
"""How, and to what cost: the most telling first. The narrower net has (10 / 32)^2 of the bit-OPs, 0.098."""
STATES = Path(__file__).resolve().parent.parent / "build" / "training-cifar"


def main() -> None:
    known = "|".join(PLAN)
    match sys.argv[1:]:
        case [folder, length, *names] if length in map(str, LENGTHS) and set(names) <= set(PLAN):
            data, epochs = held_back(Path(folder)), int(length)
        case _:
            sys.exit(
                f"usage: python bench/training_cifar.py FOLDER {'|'.join(map(str, LENGTHS))} [{known}]..."
            )
    for name in names or PLAN:
        way, cost = PLAN[name]
        if (way, cost) not in {(run["way"], run["cost"]) for run in runs_of(name_of(epochs))}:
            _store({"way": way, "cost": cost, "seed": 0, **measure(name, epochs, data)}, epochs)


def name_of(epochs: int) -> str:
    """The name of the results."""
    return f"training-cifar-{epochs}"


def held_back(folder: Path) -> DataSet:
    """Training images only: the first to train on, the last in the place of the test images."""
    if (folder / "train").is_dir():  # held back already, by class
        return load("image-folder", folder)
    data = load("cifar10", folder)
    return replace(
        data,
        train_images=data.train_images[:-HELD_BACK],
        train_labels=data.train_labels[:-HELD_BACK],
        test_images=data.train_images[-HELD_BACK:],
        test_labels=data.train_labels[-HELD_BACK:],
    )


def measure(name: str, epochs: int, data: DataSet) -> dict[str, Any]:
    """One training, from its last epoch on if it was stopped."""
    way, cost = PLAN[name]
    config = TrainConfig(
        data.name,
        network="vgg_small",
        width=NARROW_WIDTH if way == "narrow" else WIDTH,
        method="prune" if way == "prune" else "none",
        cost=cost,
        epochs=epochs,
        threads=1,
    )
    states = STATES / str(epochs)
    states.mkdir(parents=True, exist_ok=True)
    files = Files(log=states / f"{name}.csv", state=states / f"{name}.resume", resume=True)
    return training_point.measure(config, data, TARGET, files)


def _store(found: dict[str, Any], epochs: int) -> None:
    about = {
        "data": "CIFAR-10, 45,000 training images, 5,000 others held back",
        "width": WIDTH,
        "epochs": epochs,
        "target": TARGET,
        "torch": torch.__version__,
    }
    order = list(PLAN.values())
    add_run(name_of(epochs), about, found, lambda run: order.index((run["way"], run["cost"])))


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
