"""Accuracy against cost on Fashion-MNIST, all ways beside the twin and the honest rivals.

    python bench/training_table.py             # bench/results/training-fashion.json
    python bench/training_table.py prune tie   # only these ways, and the twin

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

import numpy as np
import torch
from results import RESULTS, read_result, write_result
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.importers import from_torch
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.data import DataSet, load
from spanbit.nn.train import TrainConfig, train
from spanbit.passes import compile_graph
from spanbit.report.figures import network_figures
from spanbit.targets import load_target
from spanbit.tree import build_tree

NAME = "training-fashion"
WIDTH, EPOCHS, TARGET = 16, 4, "rpi4"
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
LEAST = 1 / (2 * WIDTH)
"""Of a binary tree: its smallest layer's root is calculated tap by tap."""


@dataclass(frozen=True)
class Point:
    """One training: how, to what cost (None: the twin), with which seed."""

    way: str
    cost: float | None
    seed: int


def main() -> None:
    asked = sys.argv[1:] or list(WAYS)
    if unknown := set(asked) - set(WAYS):
        sys.exit(f"no way {', '.join(sorted(unknown))}; there are {', '.join(WAYS)}")
    done = {Point(run["way"], run["cost"], run["seed"]) for run in _known()}
    data = load("fashion-mnist")
    for point in plan():
        if point not in done and point.way in (TWIN, *asked):
            _store(measure(point, data))


def plan() -> list[Point]:
    """All trainings, the most telling first."""
    points = [Point(way, None if way == TWIN else MAIN, seed) for seed in SEEDS for way in (TWIN, *WAYS)]
    others = [Point(way, cost, SEEDS[0]) for cost in COSTS if cost != MAIN for way in WAYS]
    return points + [point for point in others if reachable(point)]


def reachable(point: Point) -> bool:
    """Whether the way can have this cost: a binary tree's root sets a limit."""
    return point.way not in ("tree-loss", "tie") or (point.cost or 1) >= LEAST


def width_of(point: Point) -> int:
    """Channels of the stem; all bit-OPs grow with its square."""
    if point.way in (NARROW, NARROW_TREE) and point.cost:
        return round(WIDTH * sqrt(point.cost / (NATURAL if point.way == NARROW_TREE else 1)))
    return WIDTH


def measure(point: Point, data: DataSet) -> dict[str, Any]:
    """Train, compile, count."""
    options = WAYS.get(point.way, {"method": "none"})
    config = TrainConfig(
        data.name,
        width=width_of(point),
        cost=point.cost,
        epochs=EPOCHS,
        seed=point.seed,
        threads=1,
        **options,
    )
    result = train(config, data=data)
    compiled = compile_graph(from_torch(result.net, data.input_shape), load_target(TARGET))
    figures = network_figures(compiled.graph, write_bundle(compiled, data.test_images[:1]))
    convs = [layer for layer in figures.layers if layer.op == "binary conv"]
    pixels = [(layer.bit_ops_before or 0) // (layer.taps or 1) for layer in convs]
    rows = [
        layer.effective_weight().detach().flatten(1).numpy().astype(np.int8)
        for layer in result.net.modules()
        if isinstance(layer, BinaryConv2d)
    ]
    trees = [build_tree(part) for part in rows]
    return {
        "way": point.way,
        "cost": point.cost,
        "seed": point.seed,
        "width": config.width,
        "accuracy": result.accuracy,
        "bits": sum(part.size for part in rows),
        "dense_bit_ops": sum(part.size * count for part, count in zip(rows, pixels, strict=True)),
        "nonzero": sum(int((part != 0).sum()) for part in rows),
        "nonzero_bit_ops": sum(
            int((part != 0).sum()) * count for part, count in zip(rows, pixels, strict=True)
        ),
        "distance": sum(tree.total_distance for tree in trees),
        "tree_bit_ops": sum(tree.total_distance * count for tree, count in zip(trees, pixels, strict=True)),
        "depth": max(int(tree.depth.max()) for tree in trees),
        "flash_bytes": sum(layer.bytes_after for layer in convs),
        "kernels": [layer.kernel for layer in convs],
    }


def _store(found: dict[str, Any]) -> None:
    """Adds a run to the file, so that a stop loses one run at most."""
    order = {point: place for place, point in enumerate(plan())}
    runs = [*_known(), found]
    runs.sort(key=lambda run: order[Point(run["way"], run["cost"], run["seed"])])
    write_result(
        NAME,
        {
            "data": "Fashion-MNIST, 60,000 training and 10,000 test images",
            "width": WIDTH,
            "epochs": EPOCHS,
            "target": TARGET,
            "torch": torch.__version__,
            "runs": runs,
        },
    )


def _known() -> list[dict[str, Any]]:
    return list(read_result(NAME)["runs"]) if (RESULTS / f"{NAME}.json").exists() else []


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
