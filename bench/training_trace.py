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

import torch
from results import write_result
from spanbit.cli.failure import guard
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.train import Files, TrainConfig, train
from spanbit.nn.tree_loss import layer_tree
from torch import nn

NAME = "training-trace"
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
    }


def _tree(net: nn.Module) -> dict[str, list[int]]:
    layer = net.get_submodule(LAYER)
    assert isinstance(layer, BinaryConv2d)
    tree = layer_tree(layer)
    return {"parent": tree.parent.tolist(), "distance": tree.distance.tolist()}


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
