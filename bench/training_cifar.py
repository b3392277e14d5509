"""CIFAR-10 with a quarter-width VGG-small: the twin, the best way at two costs, the narrower net.

    python bench/training_cifar.py cifar-10-batches-py               # bench/results/training-cifar.json
    python bench/training_cifar.py cifar-10-batches-py prune-0.05    # this run only, say on another core

The folder holds CIFAR-10 as published, or the images by class (`bench/cifar_records.py`). Either way the last
5,000 training images are held back and judge; the test images are not looked at. All runs are equally long,
one thread, the recipe's settings but for the length; the number of epochs is what a morning on one core
allows, far from the hundreds of the literature. A result is written as soon as its run ends, each run's
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

NAME = "training-cifar"
WIDTH, NARROW_WIDTH, EPOCHS, HELD_BACK, TARGET = 32, 10, 6, 5_000, "rpi4"
PLAN: dict[str, tuple[str, float | None]] = {
    "twin": ("twin", None),
    "prune-0.10": ("prune", 0.10),
    "narrow-0.10": ("narrow", 0.10),
    "prune-0.05": ("prune", 0.05),
}
"""How, and to what cost: the most telling first. The narrower net has (10 / 32)^2 of the bit-OPs, 0.098."""
STATES = Path(__file__).resolve().parent.parent / "build" / NAME


def main() -> None:
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(PLAN):
        sys.exit(f"usage: python bench/training_cifar.py FOLDER [{'|'.join(PLAN)}]...")
    data = held_back(Path(sys.argv[1]))
    for name in sys.argv[2:] or PLAN:
        way, cost = PLAN[name]
        if (way, cost) not in {(run["way"], run["cost"]) for run in runs_of(NAME)}:
            _store({"way": way, "cost": cost, "seed": 0, **measure(name, data)})


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


def measure(name: str, data: DataSet) -> dict[str, Any]:
    """One training, from its last epoch on if it was stopped."""
    way, cost = PLAN[name]
    config = TrainConfig(
        data.name,
        network="vgg_small",
        width=NARROW_WIDTH if way == "narrow" else WIDTH,
        method="prune" if way == "prune" else "none",
        cost=cost,
        epochs=EPOCHS,
        threads=1,
    )
    STATES.mkdir(parents=True, exist_ok=True)
    files = Files(log=STATES / f"{name}.csv", state=STATES / f"{name}.resume", resume=True)
    return training_point.measure(config, data, TARGET, files)


def _store(found: dict[str, Any]) -> None:
    about = {
        "data": "CIFAR-10, 45,000 training images, 5,000 others held back",
        "width": WIDTH,
        "epochs": EPOCHS,
        "target": TARGET,
        "torch": torch.__version__,
    }
    order = list(PLAN.values())
    add_run(NAME, about, found, lambda run: order.index((run["way"], run["cost"])))


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
