"""One layer's tree before and after, and every layer's cost over time: what training_plots.py draws.

    python bench/training_trace.py     # bench/results/training-trace.json; about a minute

The digits, one seed, three ways to the same cost, and the twin; the log is that of `spanbit train --csv`.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import write_result
from spanbit.cli.failure import guard
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.train import Files, TrainConfig, train
from spanbit.nn.tree_loss import layer_tree
from steiner import steiner
from torch import nn

NAME = "training-trace"
WORTH = 8
"""Differing taps that a Steiner channel must save at least: it has planes of its own to begin and to keep."""
EPOCHS, COST, WIDTH, LAYER = 40, 0.10, 16, "conv1"
WAYS: dict[str, dict[str, Any]] = {
    "twin": {"method": "none"},
    "tree loss": {"method": "tree-loss"},
    "tied": {"method": "tie"},
    "pruned": {"method": "prune"},
}


def main() -> None:
    write_result(
        NAME,
        {
            "data": "digits",
            "epochs": EPOCHS,
            "cost": COST,
            "width": WIDTH,
            "layer": LAYER,
            "torch": torch.__version__,
            "ways": {way: trace(options) for way, options in WAYS.items()},
        },
    )


def trace(options: dict[str, Any]) -> dict[str, Any]:
    """Each layer's cost by epoch, and the tree of one layer at the end."""
    config = TrainConfig("digits", width=WIDTH, epochs=EPOCHS, cost=COST, threads=1, **options)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.csv"
        net = train(config, files=Files(log=log)).net
        with log.open(newline="") as file:
            lines = list(csv.DictReader(file))
    layers = [name for name, part in net.named_modules() if isinstance(part, BinaryConv2d)]
    return {
        "costs": {name: [float(line[name]) for line in lines] for name in layers},
        "tree": _tree(net),
        "steiner": _steiner(net),
    }


def _steiner(net: nn.Module) -> dict[str, int]:
    """Over all layers: channels, the trees' distance, and what Steiner channels would save."""
    layers = [part for part in net.modules() if isinstance(part, BinaryConv2d)]
    rows = [part.effective_weight().detach().flatten(1).numpy().astype(np.int8) for part in layers]
    found = [steiner(part, WORTH) for part in rows]
    return {
        "channels": sum(len(part) for part in rows),
        "distance": sum(layer_tree(part).total_distance for part in layers),
        "added": sum(added for added, _ in found),
        "saved": sum(saved for _, saved in found),
    }


def _tree(net: nn.Module) -> dict[str, list[int]]:
    layer = net.get_submodule(LAYER)
    assert isinstance(layer, BinaryConv2d)
    tree = layer_tree(layer)
    return {"parent": tree.parent.tolist(), "distance": tree.distance.tolist()}


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
