"""Accuracy against cost on Fashion-MNIST, all ways beside the twin and the honest rivals.

    python bench/training_table.py             # bench/results/training-fashion.json
    python bench/training_table.py prune tie   # only these ways, and the twin
    python bench/training_table.py --wide      # main points, wider and longer: training-fashion-wide.json

The ways are trained equally long, with the methods' defaults (nothing here was chosen on the test images), on
all training images, one thread. The most telling runs come first: all ways at cost 0.10 with one seed, with
the other seeds, then the other costs with one. A result is written as soon as its run ends, and the command
goes on where it was stopped.

Two rivals do without a tree: `narrow` is a dense binary network, of the width whose bit-OPs are nearest to
the cost; the other is the sparse ternary network, which is `prune` counted by its taps that are not zero. A
third, `narrow-tree`, is not trained for a tree either but has the one that any binary network has: it may be
wider at the same bit-OPs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
import training_point
from results import add_run, runs_of
from spanbit.cli.failure import guard
from spanbit.nn.data import DataSet, load
from spanbit.nn.train import TrainConfig

TARGET = "rpi4"
MAIN, SEEDS = 0.10, (0, 1, 2)
COSTS = (0.05, 0.20, 0.25, 0.15, 0.10, 0.03)
TWIN, NARROW, NARROW_TREE = "twin", "narrow", "narrow-tree"
WAYS: dict[str, dict[str, Any]] = {
    "prune": {"method": "prune"},
    NARROW: {"method": "none"},
    NARROW_TREE: {"method": "none"},
    "tree-loss": {"method": "tree-loss"},
    "tie": {"method": "tie"},
    "mixed": {"method": "tie", "mixed": True},
}
NATURAL = 0.37
"""Cost of the trees of a binary network that was not trained for them, as the twins here have it."""


@dataclass(frozen=True)
class Size:
    """A table: where it goes, channels of the stem, epochs."""

    name: str
    width: int
    epochs: int

    @property
    def least(self) -> float:
        """Cost of a binary tree at least: the root of its smallest layer is calculated tap by tap."""
        return 1 / (2 * self.width)


SMALL, WIDE = Size("training-fashion", 16, 4), Size("training-fashion-wide", 32, 6)


@dataclass(frozen=True)
class Point:
    """One training: how, to what cost (None: the twin), with which seed."""

    way: str
    cost: float | None
    seed: int


def main() -> None:
    arguments = sys.argv[1:]
    size = WIDE if "--wide" in arguments else SMALL
    asked = [part for part in arguments if part != "--wide"] or list(WAYS)
    if unknown := set(asked) - set(WAYS):
        sys.exit(f"no way {', '.join(sorted(unknown))}; there are {', '.join(WAYS)}")
    done = {Point(run["way"], run["cost"], run["seed"]) for run in runs_of(size.name)}
    data = load("fashion-mnist")
    for point in plan(size):
        if point not in done and point.way in (TWIN, *asked):
            _store(measure(point, size, data), size)


def plan(size: Size) -> list[Point]:
    """All trainings, the most telling first."""
    if size == WIDE:
        main_points = (TWIN, None), ("prune", 0.10), ("prune", 0.05), ("tie", 0.20), (NARROW, 0.10)
        return [Point(way, cost, SEEDS[0]) for way, cost in main_points]
    points = [Point(way, None if way == TWIN else MAIN, seed) for seed in SEEDS for way in (TWIN, *WAYS)]
    others = [Point(way, cost, SEEDS[0]) for cost in COSTS if cost != MAIN for way in WAYS]
    return points + [point for point in others if reachable(point, size)]


def reachable(point: Point, size: Size) -> bool:
    """Whether the way can have this cost: a binary tree's root sets a limit."""
    return point.way not in ("tree-loss", "tie") or (point.cost or 1) >= size.least


def width_of(point: Point, size: Size) -> int:
    """Channels of the stem; all bit-OPs grow with its square."""
    if point.way in (NARROW, NARROW_TREE) and point.cost:
        return round(size.width * sqrt(point.cost / (NATURAL if point.way == NARROW_TREE else 1)))
    return size.width


def measure(point: Point, size: Size, data: DataSet) -> dict[str, Any]:
    """Train, compile, count."""
    options = WAYS.get(point.way, {"method": "none"})
    config = TrainConfig(
        data.name,
        width=width_of(point, size),
        cost=point.cost,
        epochs=size.epochs,
        seed=point.seed,
        threads=1,
        **options,
    )
    figures = training_point.measure(config, data, TARGET)
    return {"way": point.way, "cost": point.cost, "seed": point.seed, **figures}


def _store(found: dict[str, Any], size: Size) -> None:
    order = {point: place for place, point in enumerate(plan(size))}
    about = {
        "data": "Fashion-MNIST, 60,000 training and 10,000 test images",
        "width": size.width,
        "epochs": size.epochs,
        "target": TARGET,
        "torch": torch.__version__,
    }
    add_run(size.name, about, found, lambda run: order[Point(run["way"], run["cost"], run["seed"])])


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
