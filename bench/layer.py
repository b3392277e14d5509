"""One layer, 128 -> 128 channels, 3x3, 32x32 pixels, cost 0.10: the tree kernel against the dense one.

    python bench/layer.py --json bench/results/layer.json      # what `make bench` does

The weights are SYNTHETIC (spanbit.tree.synthetic): no accuracy is claimed. Two figures for each kernel:
instructions that an emulated Cortex-A72 executes for one run of the layer, exact (two numbers of rounds,
subtracted), and time on this machine, one thread, all kernels in turn in one run. On x86 it is taken twice:
for plain AVX2, which the tree kernel is written for, and with all that the machine has (AVX-512 has a vector
popcount, which the dense kernel gains from). Ratios are of these figures, not of bit operations.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulate import arguments, bench_program, compiler_of, count_layer, cpu_name, run_json, toolchain
from results import show
from rich.table import Table
from shapes import Layer
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import KernelKind
from spanbit.targets import load_target
from spanbit.tree.synthetic import binary_tree_layer, sparse_ternary_layer
from subject import write_subject

CHANNELS, SIDE, COST = 128, 32, 0.10
SHAPE = Layer("layer", CHANNELS, CHANNELS, kernel=3, stride=1, padding=1, size=SIDE)
TARGET = "rpi4"
ROUNDS = 2000


@dataclass(frozen=True)
class Row:
    """One kernel on one set of weights."""

    kernel: str
    weights: str
    cost: float  # of the minimum spanning tree
    instructions: int  # executed by an emulated Cortex-A72, a run of the layer
    host_ns: dict[str, dict[str, float]]  # build -> "min", "median"
    output_crc: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    result = measure(ROUNDS)
    show(_table(result), 110)
    if chosen.json is not None:
        write_atomic(chosen.json, (json.dumps(result, indent=2) + "\n").encode())


def measure(rounds: int) -> dict[str, Any]:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a compiler or the emulator is missing, or two kernels disagree.
    """
    board, builds = load_target(TARGET), host_builds()
    weights = {
        "binary": binary_tree_layer(CHANNELS, CHANNELS, 3, COST, seed=0),
        "sparse ternary": sparse_ternary_layer(CHANNELS, CHANNELS, 3, COST, seed=0),
    }
    subjects = [(kernel, name) for name in weights for kernel in (KernelKind.TREE, KernelKind.DENSE)]
    with tempfile.TemporaryDirectory() as folder:
        written = [
            write_subject(Path(folder) / f"{index}.spb", weights[name], SHAPE, kernel, board)
            for index, (kernel, name) in enumerate(subjects)
        ]
        paths = [subject.path for subject in written]
        timed = {
            name: run_json(str(bench_program(command)), *arguments(paths, rounds))
            for name, command in builds.items()
        }
        counts = [count_layer(path, board) for path in paths]
    rows = []
    for index, ((kernel, name), count) in enumerate(zip(subjects, counts, strict=True)):
        host_ns = {
            build: {"min": said[index]["min_ns"], "median": said[index]["median_ns"]}
            for build, said in timed.items()
        }
        cost = round(written[index].distance / weights[name].size, 4)
        rows.append(Row(kernel.name.lower(), name, cost, count.instructions, host_ns, count.output_crc))
    for said in timed.values():
        _check_equal(rows, [figures["crc"] for figures in said])
    return {
        "layer": f"{CHANNELS} -> {CHANNELS}, 3x3, {SIDE}x{SIDE}, padding 1",
        "weights": "synthetic",
        "rounds": rounds,
        "host": {
            "cpu": cpu_name(),
            "builds": {
                name: {"isa": timed[name][0]["isa"], "compiler": compiler_of(command)}
                for name, command in builds.items()
            },
        },
        "counted": {"cpu": board.cpu, "compiler": compiler_of(toolchain(board))},
        "rows": [asdict(row) for row in rows],
        **_ratios(rows),
    }


def _ratios(rows: list[Row]) -> dict[str, Any]:
    """Of the dense kernel on binary weights to the tree kernel on each kind of weights."""
    dense = next(row for row in rows if (row.kernel, row.weights) == ("dense", "binary"))
    trees = [row for row in rows if row.kernel == "tree"]
    return {
        "fewer_instructions": {row.weights: round(dense.instructions / row.instructions, 2) for row in trees},
        "faster_on_host": {
            build: {row.weights: round(ns["median"] / row.host_ns[build]["median"], 2) for row in trees}
            for build, ns in dense.host_ns.items()
        },
    }


def _check_equal(rows: list[Row], host_crcs: list[int]) -> None:
    """Both kernels, here and under the emulator, must have written the same bits for the same weights."""
    for row, crc in zip(rows, host_crcs, strict=True):
        if {other.output_crc for other in rows if other.weights == row.weights} != {crc}:
            what = f"the kernels disagree on {row.weights} weights"
            raise SpanbitError(what, where="benchmark", code=ExitCode.GOLDEN_MISMATCH)


def host_builds() -> dict[str, tuple[str, ...]]:
    """Compiler and flags by the build's name; "native" is what `--on host` runs."""
    native = toolchain(load_target("host"))
    if platform.machine() != "x86_64":
        return {"native": native}
    return {"avx2": (native[0], "-O3", "-march=x86-64-v3"), "native": native}


def _table(result: dict[str, Any]) -> Table:
    host, rows = result["host"], result["rows"]
    table = Table(
        title=f"{result['layer']}; synthetic weights",
        caption=f"instructions: one run, emulated {result['counted']['cpu']}; time: median of "
        f"{result['rounds']} rounds, one thread, {host['cpu']}; ratios to the dense kernel on binary weights",
    )
    for name in ("kernel", "weights"):
        table.add_column(name)
    for name in ("tree cost", "instructions", "fewer"):
        table.add_column(name, justify="right")
    for name in host["builds"]:
        table.add_column(f"ms, {name}", justify="right")
        table.add_column("faster", justify="right")
    dense = next(row for row in rows if (row["kernel"], row["weights"]) == ("dense", "binary"))
    for row in rows:
        cells = [f"{row['instructions']:,}", f"{dense['instructions'] / row['instructions']:.2f}x"]
        for name, figures in row["host_ns"].items():
            cells.append(f"{figures['median'] / 1e6:.3f}")
            cells.append(f"{dense['host_ns'][name]['median'] / figures['median']:.2f}x")
        table.add_row(row["kernel"], row["weights"], f"{row['cost']:.3f}", *cells)
    return table


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
