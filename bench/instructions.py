"""Executed instructions and model cycles of every binary convolution of a network, tree against dense.

    python bench/instructions.py vgg-small        # writes bench/results/instructions-vgg-small.json

The weights are SYNTHETIC, with a prescribed tree cost. For each layer of bench/shapes/NAME.toml the dense
kernel runs on binary weights, and the tree kernel on three kinds of weights at four costs, on three emulated
cores, each with its own build. Instructions are exact (emulate.py), cycles are a model's (mca.py). Beside
them stands the limit: 3 vector operations and 1 load for each differing tap and 128 pixels.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emulate import bench_program, compiler_of, count_layer, toolchain
from mca import CycleModel, mca_version
from results import show, write_result
from rich.table import Table
from shapes import Layer, load_shapes, networks
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import KernelKind
from spanbit.targets import Target, load_target
from subject import KINDS, Subject, weights, write_subject

COSTS = (0.45, 0.25, 0.10, 0.05)
CHECKED = ("binary tree", 0.10)  # both kernels run these weights, and must write the same bits
CORES = {"rpi4": "cortex-a72", "rpi3": "cortex-a53", "rpi5": "neoverse-n1"}
"""Target -> llvm-mca's core. The Neoverse-N1 is the Cortex-A76's twin; llvm-mca has no model of the A76."""
_LIMIT = 4  # instructions a tap and 128 pixels

Figures = dict[str, Any]


class Core:
    """An emulated core, its build of the benchmark and its model of cycles."""

    def __init__(self, target_name: str, model: str) -> None:
        self.target: Target = load_target(target_name)
        self.compiler = toolchain(self.target)
        self.model = CycleModel(bench_program(self.compiler), model)

    def run(self, subject: Subject) -> tuple[Figures, int]:
        """Instructions, cycles and the inner loops of one run; the checksum of its output."""
        count = count_layer(subject.path, self.target)
        loops = self.model.inner_loops(count.blocks)
        figures: Figures = {
            "instructions": count.instructions,
            "cycles": round(self.model.cycles(count.blocks)),
        }
        if loops is not None:
            figures["inner_loops"] = asdict(loops)
        return figures, count.output_crc


def measure(name: str, only: str | None = None) -> Figures:
    """All figures of a network (or of its layer `only`), as the JSON file has them.

    Raises:
        SpanbitError: a tool is missing, or the kernels disagree.
    """
    network = load_shapes(name)
    cores = [Core(target, model) for target, model in CORES.items()]
    layers = [layer for layer in network.layers if only in (None, layer.name)]
    with tempfile.TemporaryDirectory() as folder:
        measured = [_measure_layer(layer, cores, Path(folder)) for layer in layers]
    return {
        "network": network.name,
        "weights": "synthetic",
        "cores": {
            core.model.cpu: {"emulated": core.target.cpu, "compiler": compiler_of(core.compiler)}
            for core in cores
        },
        "cycles_by": mca_version(),
        "layers": measured,
        "total": _totals(measured, cores),
    }


def _measure_layer(layer: Layer, cores: list[Core], folder: Path) -> Figures:
    kind, cost = CHECKED
    weight = weights(kind, layer, cost)
    assert weight is not None, "every layer has weights of this cost"
    dense = write_subject(folder / "dense.spb", weight, layer, KernelKind.DENSE, cores[0].target)
    dense_runs = [core.run(dense) for core in cores]
    rows = []
    for kind in KINDS:
        for cost in COSTS:
            weight = weights(kind, layer, cost)
            if weight is None:
                continue
            tree = write_subject(folder / "tree.spb", weight, layer, KernelKind.TREE, cores[0].target)
            runs = [core.run(tree) for core in cores]
            if (kind, cost) == CHECKED:
                _check_equal(layer, [crc for _, crc in runs + dense_runs])
            rows.append(
                {
                    "weights": kind,
                    "asked": cost,
                    "cost": round(tree.distance / weight.size, 4),
                    "limit": round(_LIMIT * tree.distance * layer.pixels / 128),
                    "on": {core.model.cpu: run for core, (run, _) in zip(cores, runs, strict=True)},
                }
            )
    on = {core.model.cpu: run for core, (run, _) in zip(cores, dense_runs, strict=True)}
    return {"name": layer.name, "layer": str(layer), "count": layer.count, "dense": on, "trees": rows}


def _check_equal(layer: Layer, crcs: list[int]) -> None:
    if len(set(crcs)) != 1:
        what = "the kernels disagree on the same weights"
        raise SpanbitError(what, where=str(layer), code=ExitCode.GOLDEN_MISMATCH)


def _totals(layers: list[Figures], cores: list[Core]) -> list[Figures]:
    """All convolutions of the network together, where every layer has such weights."""
    totals = []
    for kind in KINDS:
        for cost in COSTS:
            key = (kind, cost)
            found = [
                (layer, row)
                for layer in layers
                for row in layer["trees"]
                if (row["weights"], row["asked"]) == key
            ]
            if len(found) < len(layers):
                continue
            fewer = {
                core.model.cpu: {
                    unit: round(
                        sum(layer["count"] * layer["dense"][core.model.cpu][unit] for layer, _ in found)
                        / sum(layer["count"] * row["on"][core.model.cpu][unit] for layer, row in found),
                        2,
                    )
                    for unit in ("instructions", "cycles")
                }
                for core in cores
            }
            totals.append({"weights": kind, "asked": cost, "fewer": fewer})
    return totals


def table(result: Figures) -> Table:
    """The dense kernel's figures, and how many times fewer the tree kernel's are."""
    drawn = Table(
        title=f"{result['network']}: executed instructions (I) and model cycles (C); synthetic weights",
        caption="one run of the layer; dense kernel: in thousands, on binary weights; tree kernel: "
        f"times fewer than that; cycles are a model's ({result['cycles_by']})",
    )
    for column in ("layer", "weights"):
        drawn.add_column(column)
    columns = [(core, unit) for core in result["cores"] for unit in ("instructions", "cycles")]
    for column in ("cost", "of limit", *(f"{core} {unit[0].upper()}" for core, unit in columns)):
        drawn.add_column(column, justify="right")
    first = next(iter(result["cores"]))
    for layer in result["layers"]:
        dense = layer["dense"]
        drawn.add_section()
        cells = [f"{dense[core][unit] / 1000:,.0f} k" for core, unit in columns]
        drawn.add_row(layer["layer"], "dense", "", "", *cells)
        for row in layer["trees"]:
            cells = [f"{dense[core][unit] / row['on'][core][unit]:.2f}" for core, unit in columns]
            over = row["on"][first]["instructions"] / row["limit"]
            drawn.add_row("", row["weights"], f"{row['cost']:.3f}", f"{over:.2f}", *cells)
    for total in result["total"]:
        if total is result["total"][0]:
            drawn.add_section()
        cells = [f"{total['fewer'][core][unit]:.2f}" for core, unit in columns]
        drawn.add_row("all layers", total["weights"], f"{total['asked']:.2f}", "", *cells)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("network", choices=networks())
    parser.add_argument("--layer", help="only this layer, and no JSON file")
    chosen = parser.parse_args()
    result = measure(chosen.network, chosen.layer)
    show(table(result))
    if chosen.layer is None:
        write_result(f"instructions-{chosen.network}", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
