"""Draws docs/img/training-*.svg from the JSON files of bench/results/; the same figures give the same file.

python bench/training_plots.py
"""

from __future__ import annotations

import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
import training_table
import training_trace
from plots import save
from results import read_result
from spanbit.cli.failure import guard
from spanbit.tree import ZERO
from training_page import TITLES, grouped
from tree_layout import layout

_MARKS = {"prune": "s", "narrow": "v", "narrow-tree": "^", "tree-loss": "o", "tie": "D", "mixed": "P"}


def draw_pareto() -> None:
    """Accuracy against the bit-OPs that are executed, means with least and greatest."""
    result = read_result(training_table.SMALL.name)
    groups = grouped(result["runs"])
    figure, axis = plt.subplots(figsize=(7, 4.2))
    twins = [100 * run["accuracy"] for run in groups[training_table.TWIN, None]]
    axis.axhspan(min(twins), max(twins), color="grey", alpha=0.25, label="twin, least to greatest")
    for color, way in enumerate(training_table.WAYS):
        points = []
        for (found, cost), runs in groups.items():
            if found == way and cost is not None:
                right = [100 * run["accuracy"] for run in runs]
                name = "dense_bit_ops" if way == training_table.NARROW else "tree_bit_ops"
                share = sum(run[name] for run in runs) / len(runs) / twin_bit_ops(groups)
                points.append((share, sum(right) / len(right), min(right), max(right)))
        if points:
            points.sort()
            x, y, low, high = zip(*points, strict=True)
            spread = [
                [a - b for a, b in zip(y, low, strict=True)],
                [a - b for a, b in zip(high, y, strict=True)],
            ]
            axis.errorbar(
                *(x, y, spread),
                **{"marker": _MARKS[way], "color": f"C{color}", "label": TITLES[way]},
                **{"linewidth": 0.8, "markersize": 5, "capsize": 3},
            )
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_xticks([0.03, 0.05, 0.1, 0.2, 0.25], ["0.03", "0.05", "0.10", "0.20", "0.25"])
    axis.set_xlim(0.028, 0.29)
    axis.set_xlabel("bit-OPs executed, as a share of the dense twin's")
    axis.set_ylabel("accuracy in %")
    axis.set_title(f"Fashion-MNIST, vgg_tiny width {result['width']}, {result['epochs']} epochs", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    save(figure, "training-pareto")


def twin_bit_ops(groups: dict[Any, list[dict[str, Any]]]) -> float:
    """Of the twin, calculated tap by tap."""
    return float(groups[training_table.TWIN, None][0]["dense_bit_ops"])


def draw_costs() -> None:
    """Every layer's cost over the epochs, for each way."""
    result = read_result(training_trace.NAME)
    ways = [way for way in result["ways"] if way != "twin"]
    figure, axes = plt.subplots(1, len(ways), figsize=(10, 3.3), sharey=True)
    for axis, way in zip(axes, ways, strict=True):
        for name, costs in result["ways"][way]["costs"].items():
            axis.plot(range(1, len(costs) + 1), costs, label=name, linewidth=1.2)
        axis.axhline(result["cost"], color="grey", linewidth=0.7, linestyle="--")
        axis.set_title(way, fontsize=10)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("cost of the layer's tree")
    axes[0].set_ylim(0, 1)
    axes[-1].legend(fontsize=7)
    save(figure, "training-costs")


def draw_trees() -> None:
    """One layer's minimum spanning tree: of the twin, and after each way."""
    result = read_result(training_trace.NAME)
    figure, axes = plt.subplots(1, len(result["ways"]), figsize=(12, 3.8))
    greatest = max(max(found["tree"]["distance"]) for found in result["ways"].values())
    for axis, (way, found) in zip(axes, result["ways"].items(), strict=True):
        tree = found["tree"]
        places = layout(tree["parent"])
        for (x, y), parent, distance in zip(places, tree["parent"], tree["distance"], strict=True):
            above = places[parent] if parent != ZERO else (0.5, 0.0)
            width = 0.3 + 3 * distance / greatest
            axis.plot([above[0], x], [above[1], y], color="C0", linewidth=width, solid_capstyle="round")
        axis.plot(*zip(*places, strict=True), "o", color="black", markersize=3)
        axis.plot([0.5], [0], "s", color="C3", markersize=6)
        depth = round(-min(y for _, y in places))
        axis.set_title(f"{way}: {sum(tree['distance'])} taps differ, depth {depth}", fontsize=9)
        axis.set_axis_off()
    save(figure, "training-trees")


def main() -> None:
    draw_pareto()
    draw_costs()
    draw_trees()


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
