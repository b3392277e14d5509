"""The cost figures of the targets without an operating system, fitted to what layers of networks execute.

    python bench/fit_firmware.py [TARGET...]    # prints them, with the largest error
    python bench/fit_firmware.py --write        # and writes them into the targets' files
    python bench/fit_firmware.py --write --mix  # only the mean cycles, of a tree and of a dense network

riscv32 wants gcc-riscv64-unknown-elf, whose library has floating point for clang's programs.

Networks with SYNTHETIC weights are exported, built with the target's first compiler and run under qemu,
where the plugin counts the instructions of each layer of a run, for [cost], and what they are: priced by the
target's [cycles], for the mean cycles of an instruction there. Whole networks would not do: a pool takes two
hundredths of one, less than the other figures err. A model, never a measurement: each instruction by
itself, every branch as taken; wait states and caches are a board's own.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from bare_metal import run_network
from spanbit.bundle import read_bundle, write_bundle
from spanbit.cli.failure import guard
from spanbit.export import Tables, c_network
from spanbit.export.estimate import layer_amounts
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
from spanbit.passes import compile_graph
from spanbit.passes.cost_model import Amounts
from spanbit.resources import data_dir
from spanbit.targets import Target, load_target
from spanbit.tree.synthetic import sparse_ternary_layer
from spanbit_deploy.tune.fit import fitted

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32")
SAME = {"riscv32": ("esp32-s3", "esp32-c3")}  # their instructions are taken for its own, by their own cycles
MACHINES = {"cortex-m0plus": "mps2-an385"}  # the micro:bit has too little memory
MIX = (1, 11)  # networks that the mean cycles of an instruction are of: a tree's, a dense one's
# channels, side, kernel, stride, cost of the tree, kernel, a pool behind it
CASES = (
    (16, 32, 3, 1, 0.10, KernelKind.TREE, True),
    (32, 16, 3, 1, 0.30, KernelKind.TREE, False),
    (64, 8, 3, 1, 0.10, KernelKind.TREE, True),
    (64, 4, 3, 1, 0.20, KernelKind.TREE, False),
    (32, 16, 1, 1, 0.30, KernelKind.TREE, True),
    (16, 32, 3, 2, 0.10, KernelKind.TREE, False),
    (48, 16, 3, 2, 0.30, KernelKind.TREE, False),
    (64, 16, 3, 1, 0.30, KernelKind.TREE, True),
    (128, 8, 3, 1, 0.20, KernelKind.TREE, False),
    (16, 16, 3, 1, 0.30, KernelKind.DENSE, True),
    (64, 8, 3, 1, 0.30, KernelKind.DENSE, False),
    (128, 8, 1, 1, 0.30, KernelKind.DENSE, True),
    (128, 4, 3, 1, 0.10, KernelKind.DENSE, False),
)


def main() -> None:
    asked = [name for name in sys.argv[1:] if not name.startswith("-")]
    for name in asked or CORES:
        figures, mix = measure(load_target(name), mix_only="--mix" in sys.argv[1:])
        for same in (name, *SAME.get(name, ())):
            cycles = mean_cycles(mix, load_target(same))
            if "--write" in sys.argv[1:]:
                write(data_dir("targets") / f"{same}.toml", figures, cycles, name if same != name else "")


def measure(target: Target, *, mix_only: bool = False) -> tuple[Mapping[str, float], list[Mapping[str, int]]]:
    """Cost figure -> instructions, none where only the mix was asked for; what MIX's instructions are."""
    counted: list[list[tuple[Amounts, int]]] = []
    mix = []
    for index, (graph, kernel, tables) in enumerate(networks()):
        if mix_only and index not in MIX:
            continue
        images = np.random.default_rng(1).integers(0, 256, (1, *_image(graph)), np.uint8)
        compiled = compile_graph(graph, target, kernel)
        net = c_network(read_bundle(write_bundle(compiled, images)), "net", tables, target.isa)
        with tempfile.TemporaryDirectory() as folder:
            machine = MACHINES.get(target.name, "")
            run = run_network(net, target, images, Path(folder), machine=machine, by_layer=True)
        assert run.check == 0, f"{target.name}: layer {run.check - 1} differs"
        assert sum(run.layers) == run.instructions
        amounts = [layer_amounts(layer, tables, target.isa) for layer in net.plan.compiled.layers]
        counted.append([(found or {}, taken) for found, taken in zip(amounts, run.layers, strict=True)])
        if index in MIX:
            mix.append(run.classes)
    return ({} if mix_only else _fitted(target, counted)), mix


def mean_cycles(mix: Sequence[Mapping[str, int]], target: Target) -> float:
    """Cycles of an instruction, by the target's table: the mean of networks of which each counts the same."""
    means = [
        priced(classes, target) / sum(count for name, count in classes.items() if name != "word")
        for classes in mix
    ]
    mean = round(sum(means) / len(means), 2)
    print(f"{target.name}: {mean} cycles an instruction, {min(means):.2f} to {max(means):.2f}", flush=True)
    return mean


def priced(classes: Mapping[str, int], target: Target) -> float:
    """Cycles of counted instructions, by the target's table."""
    assert target.cycles is not None
    table = target.cycles.classes
    return sum(count * table[name] for name, count in classes.items() if count)


def _fitted(target: Target, networks: list[list[tuple[Amounts, int]]]) -> dict[str, float]:
    """Of networks, layer by layer: amounts, instructions. Kernels share no figure: each has its own fit."""
    layers = [layer for network in networks for layer in network]
    names = sorted({name for amounts, _ in layers for name in amounts})
    rows = [{name: amounts.get(name, 0.0) for name in names} for amounts, _ in layers]
    every = fitted(rows, [taken for _, taken in layers])

    def error(counted: list[tuple[Amounts, int]]) -> float:
        said = sum(every[name] * amount for amounts, _ in counted for name, amount in amounts.items())
        return said / sum(taken for _, taken in counted) - 1

    layer, network = (max(map(error, part), key=abs) for part in ([[one] for one in layers], networks))
    print(f"{target.name}: {every}; largest error {network:+.0%}, of a layer {layer:+.0%}", flush=True)
    return every


def networks() -> Iterator[tuple[Graph, KernelKind, Tables]]:
    """Each with the kernel and the tables that it is built with."""
    for index, (channels, side, kernel, stride, cost, kind, pooled) in enumerate(CASES):
        graph = _network(channels, side, kernel, stride, cost, pooled)
        yield graph, kind, Tables.FLASH
        if index in (1, 2):
            yield graph, kind, Tables.ENCODED


def _image(graph: Graph) -> tuple[int, int, int]:
    return graph.input.height, graph.input.width, graph.input.channels


def _network(channels: int, side: int, kernel: int, stride: int, cost: float, pooled: bool) -> Graph:
    """A stem, a convolution, perhaps a pool, a head of 10 classes."""
    rng = np.random.default_rng(channels + side)

    def threshold(name: str, count: int) -> Threshold:
        return Threshold(
            name, rng.integers(-9, 9, count).astype(np.int32), np.full(count, Compare.GE, np.uint8)
        )

    weight = sparse_ternary_layer(channels, channels, kernel, cost, channels + side)
    out = (side + 2 * (kernel // 2) - kernel) // stride + 1
    ops: list[Op] = [
        StemConv(
            "stem",
            rng.integers(-127, 128, (channels, 1, 3, 3)).astype(np.int8),
            1,
            1,
            np.zeros(1, np.uint8),
        ),
        threshold("stem.bits", channels),
        BinaryConv("conv", weight, stride, kernel // 2, Padding.MINUS_ONE),
        threshold("conv.bits", channels),
    ]
    if pooled:
        ops.append(MaxPool("pool"))
        out //= 2
    head = rng.integers(-8, 8, (10, channels * out * out)).astype(np.int8)
    ops.append(Head("head", head, np.ones(10, np.float32), np.zeros(10, np.float32)))
    return Graph("fit", Shape(1, side, side), tuple(ops))


def write(path: Path, figures: Mapping[str, float], per_instruction: float, like: str) -> None:
    """The [cost] table of a target file, where there are figures, and [cycles] per_instruction."""
    text = path.read_text()
    why = (
        f"Not measured: those of {like}."
        if like
        else "Fitted to executed instructions, emulated, synthetic weights: bench/fit_firmware.py --write"
    )
    if figures:
        lines = ["[cost]", f"# {why}", *(f"{name} = {value}" for name, value in figures.items())]
        text = re.sub(r"\[cost\]\n.*?\n\n", "\n".join(lines) + "\n\n", text, count=1, flags=re.DOTALL)
    path.write_text(re.sub(r"(?m)^per_instruction = .*$", f"per_instruction = {per_instruction}", text))


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
