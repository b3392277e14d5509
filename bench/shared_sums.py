"""Does sharing the sums of a few taps among all channels ("four Russians") beat popcount, and the tree?

    python bench/shared_sums.py        # writes bench/results/shared-sums.json; some minutes

A dense bit-sliced kernel, for networks that were not trained for a tree: a prototype (shared_sums.c, derived
at its top) beside the product's dense kernel and the tree kernel, on an untrained network's weights: a
SYNTHETIC binary tree of cost 0.45, and RANDOM signs, whose tree costs what it costs. Executed instructions
and model cycles of one run of a layer, its input prepared; all three must write the same bits.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from emulate import Count, bench_program, compiler_of, count_layer, count_program, toolchain
from instructions import CORES
from mca import CycleModel, mca_version
from numpy.typing import NDArray
from results import show, write_result
from rich.table import Table
from shapes import Layer, load_shapes
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import KernelKind
from spanbit.targets import Target, load_target
from subject import LAYER, Subject, weights, write_subject

NETWORK, LAYERS = "vgg-small", ("256 -> 256, 3x3, 16x16", "128 -> 128, 3x3, 32x32")
COST = 0.45
KERNELS = ("dense", "tree", "shared sums")

Figures = dict[str, Any]


class Core:
    """An emulated core, its builds of both programs and its model of cycles."""

    def __init__(self, target_name: str, model: str) -> None:
        self.name = model
        self.target: Target = load_target(target_name)
        self.compiler = toolchain(self.target)
        self.program = prototype(self.compiler)
        self._models: dict[str, CycleModel] = {}

    def run(self, kernel: str, subject: Subject, weight_file: Path) -> tuple[Figures, int]:
        """Instructions and cycles of one run; the checksum of its output."""
        if kernel == "shared sums":
            count = count_program(
                subject.path,
                self.target,
                lambda rounds: [
                    str(self.program),
                    str(subject.path),
                    str(LAYER),
                    str(weight_file),
                    str(rounds),
                ],
            )
            program = self.program
        else:
            count = count_layer(subject.path, self.target)
            program = bench_program(self.compiler)
        return {"instructions": count.instructions, "cycles": self._cycles(program, count)}, count.output_crc

    def _cycles(self, program: Path, count: Count) -> int:
        model = self._models.setdefault(str(program), CycleModel(program, self.name))
        return round(model.cycles(count.blocks))


def prototype(command: tuple[str, ...]) -> Path:
    """shared_sums.c, compiled with `command`."""
    sources = [*runtime_sources(), Path(__file__).with_suffix(".c")]
    return build(command, sources, include=include_dirs(), output_name="shared_sums")


def write_weights(path: Path, weight: NDArray[np.int8], subject: Subject) -> Path:
    """What shared_sums.c reads beside the bundle."""
    threshold = subject.plan.threshold
    assert threshold is not None
    path.write_bytes((weight > 0).astype(np.uint8).tobytes() + threshold.value.astype("<i4").tobytes())
    return path


def measure() -> Figures:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a tool is missing, or the kernels disagree.
    """
    cores = [Core(target, model) for target, model in CORES.items()]
    layers = [layer for layer in load_shapes(NETWORK).layers if str(layer) in LAYERS]
    rows = []
    for layer in sorted(layers, key=lambda layer: LAYERS.index(str(layer))):
        shape = (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)
        signs = np.random.default_rng(0).integers(0, 2, shape)
        synthetic = weights("binary tree", layer, COST)
        assert synthetic is not None
        for name, weight in (("synthetic", synthetic), ("random", (2 * signs - 1).astype(np.int8))):
            rows.append({"layer": str(layer), "weights": name, **_measure_layer(layer, weight, cores)})
    compilers = {core.name: compiler_of(core.compiler) for core in cores}
    return {"compilers": compilers, "cycles_by": mca_version(), "rows": rows}


def _measure_layer(layer: Layer, weight: NDArray[np.int8], cores: list[Core]) -> Figures:
    on: dict[str, Figures] = {core.name: {} for core in cores}
    crcs = set()
    with tempfile.TemporaryDirectory() as folder:
        target = cores[0].target
        tree = write_subject(Path(folder) / "tree.spb", weight, layer, KernelKind.TREE, target)
        dense = write_subject(Path(folder) / "dense.spb", weight, layer, KernelKind.DENSE, target)
        weight_file = write_weights(Path(folder) / "weights", weight, tree)
        for core in cores:
            for kernel in KERNELS:
                subject = dense if kernel == "dense" else tree
                on[core.name][kernel], crc = core.run(kernel, subject, weight_file)
                crcs.add(crc)
    if len(crcs) != 1:
        what = "the kernels disagree on the same weights"
        raise SpanbitError(what, where=str(layer), code=ExitCode.GOLDEN_MISMATCH)
    return {"cost": round(tree.distance / weight.size, 3), "on": on}


def table(result: Figures) -> Table:
    """A row a kernel; in brackets how many times fewer than the dense kernel."""
    drawn = Table(
        title="executed instructions (I) and model cycles (C) of one run, in thousands",
        caption=f"in brackets: times fewer than the dense kernel; cycles are {result['cycles_by']}'s",
    )
    columns = [(core, unit) for core in CORES.values() for unit in ("instructions", "cycles")]
    for column in ("layer", "weights", "tree cost", "kernel"):
        drawn.add_column(column)
    for core, unit in columns:
        drawn.add_column(f"{core} {unit[0].upper()}", justify="right")
    for row in result["rows"]:
        drawn.add_section()
        for kernel in KERNELS:
            cells = []
            for core, unit in columns:
                figures = row["on"][core]
                fewer = figures["dense"][unit] / figures[kernel][unit]
                cells.append(f"{figures[kernel][unit] / 1000:,.0f} ({fewer:.2f})")
            drawn.add_row(row["layer"], row["weights"], f"{row['cost']:.3f}", kernel, *cells)
    return drawn


def main() -> None:
    result = measure()
    show(table(result))
    write_result("shared-sums", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
