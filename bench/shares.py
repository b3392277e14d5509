"""Which kinds of layers VGG-small's work goes to, at cost 0.10: is anything around the convolution too much?

    python bench/shares.py        # writes bench/results/shares.json

Every layer of the network is run by itself on three emulated cores. Instructions are exact, between the
markers of count_layer.c; *rest* is what a run of the whole network executes beyond its layers. Cycles are a
model's (mca.py), of those blocks of the runtime, memset and memcpy that two runs more of a layer add; none
are counted for the rest. `stem_at_least` is what the stem would take if multiplying and adding were all it
did. The weights are SYNTHETIC.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from budgets import HERE, write_network
from emulate import Block, compiler_of, plugin, run_json, toolchain
from instructions import CORES
from mca import CycleModel, mca_version
from network import STEM, synthetic_network
from results import show, write_result
from rich.table import Table
from shapes import load_shapes
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.cli.failure import guard
from spanbit.graph import BinaryConv, Head, KernelKind, MaxPool, StemConv
from spanbit.passes.compiled import CompiledGraph
from spanbit.targets import load_target

NETWORK, COST = "vgg-small", 0.10
AIM = 0.15
KINDS = ("tree", "stem", "pool", "head", "rest")
# Cycles of the models for 16 products of 8 bits: 2 SMLAL on the one multiplier; these and a SADALP on the one
# pipe for vectors; half an SDOT, of two pipes.
CYCLES_OF_16 = {"cortex-a72": 2, "cortex-a53": 3, "neoverse-n1": 0.5}
_NOT_A_LAYERS = ("main", "run_one", "run_all", "spb_crc32", "spb_layer_read")
_UNITS = ("instructions", "cycles")

Figures = dict[str, Any]


def kinds_of(compiled: CompiledGraph) -> list[str]:
    """The kind of each layer of the bundle."""
    kinds: list[str] = []
    for plan in compiled.layers:
        if isinstance(plan.op, BinaryConv):
            assert plan.op.kernel is KernelKind.TREE, "a cost of 0.10 is the tree kernel's"
            kinds.append("tree")
        else:
            kinds.append({StemConv: "stem", MaxPool: "pool", Head: "head"}[type(plan.op)])
    return kinds


class Core:
    """An emulated core that runs layers of one bundle."""

    def __init__(self, target_name: str, model: str, bundle: Path) -> None:
        self.target, self.bundle = load_target(target_name), bundle
        self.compiler = toolchain(self.target)
        sources = [*runtime_sources(), HERE / "count_layer.c"]
        self.program = build(self.compiler, sources, include=include_dirs(), output_name="count_layer")
        self.model = CycleModel(self.program, model)
        self._functions = _functions(self.program)

    def instructions(self, layer: str) -> int:
        """Of one run of a layer, by its number, or of all."""
        return self._run([layer])[0]

    def cycles(self, layer: str) -> int:
        """Model cycles of one run of a layer."""
        added = self._run([layer] * 3)[1]
        added.subtract(self._run([layer])[1])
        blocks = {
            block: executions / 2 for block, executions in added.items() if executions and self._ours(block)
        }
        return round(self.model.cycles(blocks))

    def _ours(self, block: Block) -> bool:
        return any(begin <= block[0] < end for begin, end in self._functions)

    def _run(self, layers: list[str]) -> tuple[int, Counter[Block]]:
        out, blocks = self.bundle.with_suffix(".json"), self.bundle.with_suffix(".blocks")
        counter = f"{plugin()},out={out},blocks={blocks}"
        command = (*self.target.qemu, "-plugin", counter, str(self.program), str(self.bundle), *layers)
        # count_layer prints a checksum a line: for one layer that is JSON, and all are thrown away
        run_json("sh", "-c", '"$@" > /dev/null && echo []', "sh", *command)
        executed: Counter[Block] = Counter()
        for line in blocks.read_text().splitlines():
            address, instructions, executions = line.split()
            executed[int(address, 16), int(instructions)] += int(executions)
        return int(json.loads(out.read_text())["marked"]), executed


def _functions(program: Path) -> list[tuple[int, int]]:
    """Where the functions of layers are: the runtime's, which the linker puts side by side, and memset's."""
    command = ["aarch64-linux-gnu-nm", "--print-size", "--defined-only", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    symbols = [line.split() for line in done.stdout.splitlines()]
    functions = [
        (words[3].partition(".")[0], int(words[0], 16), int(words[0], 16) + int(words[1], 16))
        for words in symbols
        if len(words) == 4 and words[2] in "tT"
    ]
    ours = [(begin, end) for name, begin, end in functions if name.startswith("spb_")]
    first, last = min(begin for begin, _ in ours), max(end for _, end in ours)
    return [
        (begin, end)
        for name, begin, end in functions
        if name.startswith("__mem") or (first <= begin < last and name not in _NOT_A_LAYERS)
    ]


def measure() -> Figures:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a tool is missing.
    """
    compiled = synthetic_network(load_shapes(NETWORK), COST)
    kinds = kinds_of(compiled)
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_network(Path(folder) / "net.spb", compiled)
        cores = {model: Core(target, model, bundle) for target, model in CORES.items()}
        on = {model: _measure_core(core, kinds) for model, core in cores.items()}
    return {
        "network": NETWORK,
        "cost": COST,
        "weights": "synthetic",
        "aim": AIM,
        "cores": {
            model: {"emulated": core.target.cpu, "compiler": compiler_of(core.compiler)}
            for model, core in cores.items()
        },
        "cycles_by": mca_version(),
        "on": on,
        "stem_at_least": {model: stem_at_least(figures["cycles"], model) for model, figures in on.items()},
    }


def stem_at_least(cycles: Figures, core: str) -> Figures:
    """Cycles of the stem's products alone, taps in fours, and their share beside the other layers."""
    taps = (STEM.taps + 3) // 4 * 4
    count = round(STEM.pixels * STEM.out_channels * taps / 16 * CYCLES_OF_16[core])
    others = sum(figures["count"] for kind, figures in cycles.items() if kind != "stem")
    return {"cycles": count, "share": round(count / (count + others), 4)}


def _measure_core(core: Core, kinds: list[str]) -> Figures:
    sums: dict[str, Counter[str]] = {unit: Counter(dict.fromkeys(KINDS, 0)) for unit in _UNITS}
    for index, kind in enumerate(kinds):
        sums["instructions"][kind] += core.instructions(str(index))
        sums["cycles"][kind] += core.cycles(str(index))
    sums["instructions"]["rest"] = core.instructions("all") - sum(sums["instructions"].values())
    figures: Figures = {}
    for unit, counts in sums.items():
        total = sum(counts.values())
        figures[unit] = {kind: {"count": n, "share": round(n / total, 4)} for kind, n in counts.items()}
    return figures


def table(result: Figures) -> Table:
    """A row a kind of layer, a column a core and unit."""
    columns = [(core, unit) for core in result["cores"] for unit in _UNITS]
    drawn = Table(
        title=f"{result['network']} at cost {result['cost']:.2f}: shares of executed instructions (I) and "
        "model cycles (C); synthetic weights",
        caption=f"aim: nothing around the tree convolutions over {100 * result['aim']:.0f} %",
    )
    drawn.add_column("layers")
    for core, unit in columns:
        drawn.add_column(f"{core} {unit[0].upper()}", justify="right")
    for kind in KINDS:
        cells = [result["on"][core][unit][kind] for core, unit in columns]
        drawn.add_row(kind, *(f"{cell['count']:,} ({100 * cell['share']:.1f} %)" for cell in cells))
    return drawn


def main() -> None:
    result = measure()
    show(table(result))
    write_result("shares", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
