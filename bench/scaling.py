"""Cost against size: executed instructions and arena bytes of the tree kernel, beside what the model says.

    python bench/scaling.py         # writes bench/results/scaling.json

Three series around a layer of 256 -> 256 channels, 3x3, 16x16 pixels, cost 0.10: channels from 64 to 1,024,
pixels from 16 to 4,096, cost from 0.02 to 0.5. The model is the compiler's (spanbit.passes.cost_model):
amounts of work, each with one figure. The figures are fitted to all points at once, by least squares of the
relative error; what a point deviates from them by stands beside it. Weights are SYNTHETIC, instructions are
exact ones of an emulated Cortex-A72, the arena is the compiler's for stem, layer and head.

Beside them: the arena of whole VGG-small at cost 0.10, against what no runtime can do without, the largest
pair of neighbouring tensors, and the sums of one tree path.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from emulate import compiler_of, count_layer, toolchain
from network import synthetic_network
from results import show, write_result
from rich.table import Table
from scipy.optimize import nnls
from shapes import Layer, load_shapes
from spanbit.cli.failure import guard
from spanbit.graph import BinaryConv, KernelKind
from spanbit.passes.cost_model import tree_amounts
from spanbit.passes.memory import output_bytes
from spanbit.targets import load_target
from subject import Subject, weights, write_subject

TARGET = "rpi4"
NETWORK = "vgg-small"
_WORD_BYTES_MAX = 32  # the arena has room for it
CHANNELS, SIDE, COST = 256, 16, 0.10
SMALL_SIDE = 8  # of the channels' series: with 1,024 channels a larger image does not fit offsets of 16 bits
SERIES: dict[str, tuple[tuple[int, int, float], ...]] = {
    "channels": tuple((channels, SMALL_SIDE, COST) for channels in (64, 128, 256, 512, 1024)),
    "pixels": tuple((CHANNELS, side, COST) for side in (4, 6, 8, 12, 16, 24, 32, 48, 64)),
    "cost": tuple((CHANNELS, SIDE, cost) for cost in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)),
}
KINDS = ("binary tree", "ternary star")

Point = dict[str, Any]


def measure() -> dict[str, Any]:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a compiler or the emulator is missing.
    """
    target, points, amounts = load_target(TARGET), [], []
    with tempfile.TemporaryDirectory() as folder:
        for series, members in SERIES.items():
            for kind in KINDS:
                for channels, side, cost in members:
                    layer = Layer("conv", channels, channels, 3, 1, 1, side)
                    weight = weights(kind, layer, cost)
                    assert weight is not None
                    path = Path(folder) / "layer.spb"
                    subject = write_subject(path, weight, layer, KernelKind.TREE, target)
                    count = count_layer(path, target)
                    points.append(_point(series, kind, layer, subject, count.instructions))
                    amounts.append(_amounts(subject))
    figures = _fit(points, amounts)
    for point, amount in zip(points, amounts, strict=True):
        said = sum(figures[name] * value for name, value in amount.items())
        point["model"] = round(said)
        point["deviation"] = round(point["instructions"] / said - 1, 3)
    return {
        "layer": f"{CHANNELS} -> {CHANNELS}, 3x3, {SIDE}x{SIDE}, cost {COST:.2f}",
        "weights": "synthetic",
        "counted": {"cpu": target.cpu, "compiler": compiler_of(toolchain(target))},
        "model": {name: round(value, 3) for name, value in figures.items()},
        "points": points,
        "arena": _arena(),
    }


def _arena() -> dict[str, Any]:
    network = load_shapes(NETWORK)
    compiled = synthetic_network(network, COST)
    outputs = [output_bytes(layer) for layer in compiled.layers]
    return {
        "network": network.name,
        "cost": COST,
        "arena_bytes": compiled.arena_bytes,
        "tables_bytes": compiled.tables_bytes,
        "largest_pair_bytes": max(a + b for a, b in itertools.pairwise(outputs)),
        "path_bytes": max(
            plan.op.tree.slot_count * plan.nodes.planes * _WORD_BYTES_MAX
            for plan in compiled.layers
            if plan.nodes is not None and isinstance(plan.op, BinaryConv) and plan.op.tree is not None
        ),
    }


def _amounts(subject: Subject) -> dict[str, float]:
    plan = subject.plan
    assert isinstance(plan.op, BinaryConv)
    return tree_amounts(plan.op, plan.source, plan.result, load_target(TARGET).isa)


def _point(series: str, kind: str, layer: Layer, subject: Subject, instructions: int) -> Point:
    return {
        "series": series,
        "weights": kind,
        "channels": layer.out_channels,
        "pixels": layer.pixels,
        "cost": round(subject.distance / (layer.out_channels * layer.taps), 4),
        "instructions": instructions,
        "tap_pixels": subject.distance * layer.pixels,
        "arena_bytes": subject.arena_bytes,
    }


def _fit(points: list[Point], amounts: list[Any]) -> dict[str, float]:
    """Instructions for one of each amount, none below 0."""
    names = list(amounts[0])
    counted = np.array([point["instructions"] for point in points], float)
    work = np.array([[amount[name] for name in names] for amount in amounts])
    figures, _ = nnls(work / counted[:, None], np.ones(len(points)))
    return {name: float(figure) for name, figure in zip(names, figures, strict=True)}


def table(result: dict[str, Any]) -> Table:
    """A row a point."""
    model = ", ".join(f"{name} {value:.2f}" for name, value in result["model"].items())
    drawn = Table(
        title=f"tree kernel around {result['layer']}; synthetic weights",
        caption=f"executed instructions, {result['counted']['cpu']}; the model's figures, fitted: {model}",
    )
    for column in ("series", "weights"):
        drawn.add_column(column)
    for column in ("channels", "pixels", "cost", "instructions", "model", "deviation", "arena bytes"):
        drawn.add_column(column, justify="right")
    for point in result["points"]:
        drawn.add_row(
            point["series"],
            point["weights"],
            str(point["channels"]),
            str(point["pixels"]),
            f"{point['cost']:.3f}",
            f"{point['instructions']:,}",
            f"{point['model']:,}",
            f"{100 * point['deviation']:+.0f} %",
            f"{point['arena_bytes']:,}",
        )
    return drawn


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    result = measure()
    show(table(result), 120)
    write_result("scaling", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
