"""Draws docs/img/training-*.svg from the JSON files of bench/results/; the same figures give the same file.

python bench/training_plots.py
"""

from __future__ import annotations

import sys
from typing import Any

import training_table
import training_trace
from plots import IMAGES
from results import read_result
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.report.pictures import (
    Band,
    Point,
    Series,
    TreePicture,
    draw_costs,
    draw_front,
    draw_trees,
    picture_bytes,
)
from training_page import TITLES, grouped


def draw_pareto() -> Any:
    """Accuracy against the bit-OPs that are executed, means with least and greatest."""
    result = read_result(training_table.SMALL.name)
    groups = grouped(result["runs"])
    twins = groups[training_table.TWIN, None]
    dense = float(twins[0]["dense_bit_ops"])  # the twin's, calculated tap by tap
    series = []
    for way in training_table.WAYS:
        name = "dense_bit_ops" if way == training_table.NARROW else "tree_bit_ops"
        points = [
            _mean([run[name] / dense for run in runs], runs)
            for (found, cost), runs in groups.items()
            if found == way and cost is not None
        ]
        if points:
            series.append(Series(TITLES[way], points))
    twin = _mean([0.0], twins)
    assert twin.least is not None and twin.greatest is not None
    return draw_front(
        series,
        title=f"Fashion-MNIST, vgg_tiny width {result['width']}, {result['epochs']} epochs",
        xlabel="bit-OPs executed, as a share of the dense twin's",
        band=Band("twin, least to greatest", twin.least, twin.greatest),
    )


def _mean(shares: list[float], runs: list[dict[str, Any]]) -> Point:
    right = [100 * run["accuracy"] for run in runs]
    return Point(sum(shares) / len(shares), sum(right) / len(right), min(right), max(right))


def draw_layers() -> Any:
    """Every layer's cost over the epochs, for each way."""
    result = read_result(training_trace.NAME)
    trainings = [(way, found["costs"]) for way, found in result["ways"].items() if way != "twin"]
    return draw_costs(trainings, asked=result["cost"])


def draw_one_layer() -> Any:
    """One layer's minimum spanning tree: of the twin, and after each way."""
    result = read_result(training_trace.NAME)
    trees = [(way, found["tree"]) for way, found in result["ways"].items()]
    return draw_trees([TreePicture(way, tree["parent"], tree["distance"]) for way, tree in trees])


def main() -> None:
    for name, draw in (("pareto", draw_pareto), ("costs", draw_layers), ("trees", draw_one_layer)):
        write_atomic(IMAGES / f"training-{name}.svg", picture_bytes(draw(), "svg"))


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
