"""Budgets of executed instructions: what each kernel may cost on small layers, and a whole network.

    python bench/budgets.py check       # exit code 1 if a count is over its budget, or far under it
    python bench/budgets.py update      # after an improvement: writes bench/budgets.json anew

Counted by an emulated Cortex-A72, one network by a Cortex-A76 (SDOT), from gcc's builds: exact and
repeatable, so that 1 % more is a regression and not noise. The weights are SYNTHETIC, from fixed seeds.
Another version of the compiler counts otherwise: its name stands in the file, and after a change of compiler
the budgets are updated, not the kernels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from emulate import compiler_of, plugin, toolchain
from residual import residual
from spanbit.bundle import write_bundle
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.errors import SpanbitError
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Op,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import CompiledGraph, compile_graph
from spanbit.targets import Target, load_target
from spanbit.tree.synthetic import binary_tree_layer, sparse_ternary_layer

HERE = Path(__file__).resolve().parent
FILE = HERE / "budgets.json"
TARGET, SDOT = "rpi4", "rpi5"
UPDATE = "python bench/budgets.py update"
ALL = "all layers"
MORE, LESS = 1.01, 0.97  # of a budget: beyond is a regression, an improvement to be kept

Counts = dict[str, dict[str, int]]
"""Network -> layer -> instructions."""


@dataclass(frozen=True)
class Network:
    """What is counted, on which target's emulated core."""

    make: Callable[[], Graph]
    kernel: KernelKind
    target: str = TARGET


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("action", choices=("check", "update"))
    if parser.parse_args().action == "update":
        targets = {network.target: load_target(network.target) for network in NETWORKS.values()}
        content = {
            "unit": "instructions of one run, emulated",
            "weights": "synthetic",
            "builds": {
                name: {"cpu": target.cpu, "compiler": compiler_of(toolchain(target))}
                for name, target in targets.items()
            },
            "budgets": count_networks(),
        }
        write_atomic(FILE, (json.dumps(content, indent=2) + "\n").encode())
        print(f"written: {FILE}")
        return
    wrong = compare(read_budgets(), count_networks())
    print("\n".join(wrong) if wrong else "every count is within its budget")
    sys.exit(1 if wrong else 0)


def read_budgets() -> Counts:
    """What bench/budgets.json allows."""
    content: dict[str, Any] = json.loads(FILE.read_text())
    budgets: Counts = content["budgets"]
    return budgets


def compare(budgets: Counts, counts: Counts) -> list[str]:
    """A line for each count that is over its budget, or so far under it that the budget guards nothing."""
    lines = []
    for network, layers in counts.items():
        for layer, count in layers.items():
            budget = budgets.get(network, {}).get(layer)
            if budget is None:
                lines.append(f"{network}, {layer}: no budget; run: {UPDATE}")
            elif count > budget * MORE:
                lines.append(
                    f"{network}, {layer}: {count:,} instructions, {_percent(count, budget)} over budget"
                )
            elif count < budget * LESS:
                lines.append(
                    f"{network}, {layer}: improved to {count:,} instructions ({_percent(count, budget)}); "
                    f"run: {UPDATE}"
                )
    return lines


def count_networks() -> Counts:
    """All networks, layer by layer and whole."""
    return {
        name: count_network(network, toolchain(load_target(network.target)))
        for name, network in NETWORKS.items()
    }


def count_network(network: Network, command: tuple[str, ...]) -> dict[str, int]:
    """Instructions of one run of each layer, and of all of them, from the build that `command` makes.

    Raises:
        SpanbitError: a compiler or the emulator is missing.
    """
    target = load_target(network.target)
    compiled = compile_graph(network.make(), target, network.kernel)
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_network(Path(folder) / "net.spb", compiled)
        counts = {
            plan.op.name: count_layer(bundle, str(index), target, command)
            for index, plan in enumerate(compiled.layers)
        }
        counts[ALL] = count_layer(bundle, "all", target, command)
    return counts


def write_network(path: Path, compiled: CompiledGraph) -> Path:
    """The bundle at `path`, with no golden images."""
    image = compiled.graph.input
    path.write_bytes(
        write_bundle(compiled, np.zeros((0, image.height, image.width, image.channels), np.uint8))
    )
    return path


def count_layer(bundle: Path, layer: str, target: Target, command: tuple[str, ...]) -> int:
    """Instructions of one run of a layer, by its number, or of "all"."""
    sources = [*runtime_sources(), HERE / "count_layer.c"]
    program = build(command, sources, include=include_dirs(), output_name="count_layer")
    out = bundle.with_suffix(".json")
    words = [*target.qemu, "-plugin", f"{plugin()},out={out}", str(program), str(bundle), layer]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SpanbitError(f"cannot start {words[0]}", why=str(error), fix="apt install qemu-user") from error
    if done.returncode != 0:
        raise SpanbitError("the layer did not run", where=layer, why=done.stderr.strip())
    return int(json.loads(out.read_text())["marked"])


def _percent(count: int, budget: int) -> str:
    return f"{100 * (count / budget - 1):+.1f} %"


class _Builder:
    """Layers one after the other, with thresholds near the middle."""

    def __init__(self, source: Shape, outside: Padding = Padding.MINUS_ONE) -> None:
        self.outside = outside
        self.random = np.random.default_rng(0)
        self.source = self.shape = source
        self.ops: list[Op] = []

    def stem(self, channels: int, kernel: int, stride: int, padding: int) -> None:
        size = (channels, self.shape.channels, kernel, kernel)
        weight = self.random.integers(-127, 128, size).astype(np.int8)
        pad_value = np.zeros(self.shape.channels, np.uint8)
        self.ops.append(StemConv("stem", weight, stride, padding, pad_value))
        side = (self.shape.height + 2 * padding - kernel) // stride + 1
        self.shape = Shape(channels, side, side)
        self._threshold("stem", 9000)

    def conv(self, channels: int, kernel: int, cost: float, *, binary: bool) -> None:
        name = f"conv{len(self.ops)}"
        make = binary_tree_layer if binary else sparse_ternary_layer
        weight = make(channels, self.shape.channels, kernel, cost, len(self.ops))
        self.ops.append(BinaryConv(name, weight, 1, kernel // 2, self.outside))
        self.shape = Shape(channels, self.shape.height, self.shape.width)
        self._threshold(name, 20)

    def pool(self) -> None:
        self.ops.append(MaxPool(f"pool {self.shape.height}"))
        self.shape = Shape(self.shape.channels, self.shape.height // 2, self.shape.width // 2)

    def graph(self, name: str) -> Graph:
        inputs = self.shape.channels * self.shape.height * self.shape.width
        weight = self.random.integers(-1, 2, (10, inputs)).astype(np.int8)
        head = Head("head", weight, np.ones(10, np.float32), np.zeros(10, np.float32))
        return Graph(name, self.source, (*self.ops, head))

    def _threshold(self, name: str, spread: int) -> None:
        values = self.random.integers(-spread, spread, self.shape.channels).astype(np.int32)
        compare = np.full(self.shape.channels, Compare.GE, np.uint8)
        self.ops.append(Threshold(f"{name}.bits", values, compare))


def digits() -> Graph:
    """The demo's network at half its width: ternary weights, images of 28x28, 14x14, 7x7, 3x3."""
    b = _Builder(Shape(1, 28, 28))
    b.stem(16, 5, 2, 2)
    b.conv(32, 3, 0.10, binary=False)
    b.pool()
    b.conv(32, 3, 0.10, binary=False)
    b.conv(64, 3, 0.10, binary=False)
    b.pool()
    return b.graph("digits")


def colour(outside: Padding = Padding.MINUS_ONE) -> Graph:
    """VGG-small at a quarter of its width: binary weights, images of 32x32 down to 4x4, a 1x1 kernel."""
    b = _Builder(Shape(3, 32, 32), outside)
    b.stem(32, 3, 1, 1)
    b.conv(32, 3, 0.15, binary=True)
    b.pool()
    b.conv(64, 3, 0.15, binary=True)
    b.pool()
    b.conv(64, 1, 0.20, binary=True)
    b.conv(128, 3, 0.10, binary=True)
    b.pool()
    return b.graph("colour")


def colour_zero() -> Graph:
    """The same, padded with zeros."""
    return colour(Padding.ZERO)


NETWORKS: dict[str, Network] = {
    "digits, tree kernel": Network(digits, KernelKind.TREE),
    "colour, tree kernel": Network(colour, KernelKind.TREE),
    "colour, tree kernel, with SDOT": Network(colour, KernelKind.TREE, SDOT),
    "colour, dense kernel": Network(colour, KernelKind.DENSE),
    "colour, tree kernel, padded with zeros": Network(colour_zero, KernelKind.TREE),
    "colour, dense kernel, padded with zeros": Network(colour_zero, KernelKind.DENSE),
    "residual, tree kernel": Network(residual, KernelKind.TREE),
    "residual, dense kernel": Network(residual, KernelKind.DENSE),
}


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
