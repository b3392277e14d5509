"""One layer, 128 -> 128 channels, 3x3, 32x32 pixels, cost 0.10: the tree kernel against the dense one.

    python bench/layer.py --json bench/results/layer.json      # what `make bench` does

The weights are SYNTHETIC (synthetic.py): no accuracy is claimed. Two figures for each kernel:
instructions that an emulated Cortex-A72 executes for one run of the layer, exact (two numbers of rounds,
subtracted), and time on this machine, one thread, all kernels in turn in one run. On x86 it is taken twice:
for plain AVX2, which the tree kernel is written for, and with all that the machine has (AVX-512 has a vector
popcount, which the dense kernel gains from). Ratios are of these figures, not of bit operations.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from spanbit.bundle import write_bundle
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import BinaryConv, Compare, Graph, Head, KernelKind, Shape, StemConv, Threshold
from spanbit.passes import compile_graph
from spanbit.targets import Target, load_target
from spanbit.tree import build_tree

sys.path.insert(0, str(Path(__file__).resolve().parent))
from synthetic import binary_tree_layer, sparse_ternary_layer

HERE = Path(__file__).resolve().parent
CHANNELS, SIDE, COST = 128, 32, 0.10
LAYER = 1  # of the bundle: behind the stem
TARGET = "rpi4"
ROUNDS = 2000
COUNTED = (2, 6)  # rounds under the emulator


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
    Console(width=110).print(_table(result))
    if chosen.json is not None:
        write_atomic(chosen.json, (json.dumps(result, indent=2) + "\n").encode())


def measure(rounds: int) -> dict[str, Any]:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a compiler or the emulator is missing, or two kernels disagree.
    """
    board, builds = load_target(TARGET), _host_builds()
    weights = {
        "binary": binary_tree_layer(CHANNELS, CHANNELS, 3, COST, seed=0),
        "sparse ternary": sparse_ternary_layer(CHANNELS, CHANNELS, 3, COST, seed=0),
    }
    subjects = [(kernel, name) for name in weights for kernel in (KernelKind.TREE, KernelKind.DENSE)]
    with tempfile.TemporaryDirectory() as folder:
        bundles = [
            write_layer(Path(folder) / f"{index}.spb", weights[name], kernel, board)
            for index, (kernel, name) in enumerate(subjects)
        ]
        timed = {
            name: _json(_bench(command), *_arguments(bundles, rounds)) for name, command in builds.items()
        }
        counts = [count_instructions(path, board) for path in bundles]
    rows = []
    for index, ((kernel, name), (instructions, crc)) in enumerate(zip(subjects, counts, strict=True)):
        tree = build_tree(weights[name].reshape(CHANNELS, -1))
        host_ns = {
            build: {"min": said[index]["min_ns"], "median": said[index]["median_ns"]}
            for build, said in timed.items()
        }
        cost = round(tree.total_distance / weights[name].size, 4)
        rows.append(Row(kernel.name.lower(), name, cost, instructions, host_ns, crc))
    for said in timed.values():
        _check_equal(rows, [figures["crc"] for figures in said])
    return {
        "layer": f"{CHANNELS} -> {CHANNELS}, 3x3, {SIDE}x{SIDE}, padding 1",
        "weights": "synthetic",
        "rounds": rounds,
        "host": {
            "cpu": _cpu(),
            "builds": {
                name: {"isa": timed[name][0]["isa"], "compiler": _compiler(command)}
                for name, command in builds.items()
            },
        },
        "counted": {"cpu": board.cpu, "compiler": _compiler(_toolchain(board))},
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


def write_layer(path: Path, weight: NDArray[np.int8], kernel: KernelKind, target: Target) -> Path:
    """A bundle whose layer 1 is a convolution with `weight`, run by `kernel`."""
    channels, source, _, _ = weight.shape
    random = np.random.default_rng(0)

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = random.integers(-spread, spread, count).astype(np.int32)
        return Threshold(name, values, np.full(count, Compare.GE, np.uint8))

    stem = random.integers(-127, 128, (source, 1, 1, 1)).astype(np.int8)
    head = random.integers(-1, 2, (2, channels * SIDE * SIDE)).astype(np.int8)
    graph = Graph(
        "bench",
        Shape(1, SIDE, SIDE),
        (
            StemConv("stem", stem, 1, 0, np.zeros(1, np.uint8)),
            threshold("stem.bits", source, 9000),
            BinaryConv("conv", weight, 1, 1, 0),
            threshold("conv.bits", channels, 20),
            Head("head", head, np.ones(2, np.float32), np.zeros(2, np.float32)),
        ),
    )
    no_images = np.zeros((0, SIDE, SIDE, 1), np.uint8)
    path.write_bytes(write_bundle(compile_graph(graph, target, kernel), no_images))
    return path


def count_instructions(bundle: Path, target: Target) -> tuple[int, int]:
    """Instructions executed by one run of the layer on the emulated core, and the checksum of its output."""
    plugin = build(
        ("gcc", "-std=c11", "-O2", "-fPIC", "-shared"),
        [HERE / "insn_plugin.c"],
        include=(),
        output_name="libinsn.so",
    )
    out = bundle.with_suffix(".json")
    emulator = [
        target.qemu[0],
        *target.qemu[1:],
        "-plugin",
        f"{plugin},out={out}",
        _bench(_toolchain(target)),
    ]
    totals = []
    for rounds in COUNTED:
        said = _json(*map(str, emulator), *_arguments([bundle], rounds), BENCH_NO_CLOCK="1")
        totals.append(json.loads(out.read_text())["total"])
    return (totals[1] - totals[0]) // (COUNTED[1] - COUNTED[0]), said[0]["crc"]


def _arguments(bundles: list[Path], rounds: int) -> list[str]:
    first, *others = bundles
    more = [word for path in others for word in (str(path), str(LAYER))]
    return [str(first), str(LAYER), str(rounds), *more]


def _toolchain(target: Target) -> tuple[str, ...]:
    for toolchain in target.toolchains:
        if shutil.which(toolchain.command[0]):
            return (*toolchain.command, *toolchain.flags)
    fix = " or ".join(toolchain.install for toolchain in target.toolchains)
    raise SpanbitError(f"no compiler for {target.name}", fix=fix, code=ExitCode.TOOLCHAIN)


def _host_builds() -> dict[str, tuple[str, ...]]:
    """Compiler and flags by the build's name; "native" is what `--on host` runs."""
    native = _toolchain(load_target("host"))
    if platform.machine() != "x86_64":
        return {"native": native}
    return {"avx2": (native[0], "-O3", "-march=x86-64-v3"), "native": native}


def _bench(command: tuple[str, ...]) -> str:
    sources = [*runtime_sources(), HERE / "bench_layer.c"]
    return str(build(command, sources, include=include_dirs(), output_name="bench_layer"))


def _compiler(command: tuple[str, ...]) -> str:
    """Its version and the flags."""
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join((version.splitlines()[0], *command[1:]))


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else "unknown"


def _json(*command: str, **environment: str) -> list[dict[str, Any]]:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
    except OSError as error:
        fix = "apt install qemu-user"
        raise SpanbitError(f"cannot start {command[0]}", why=str(error), fix=fix) from error
    if done.returncode != 0:
        raise SpanbitError("the benchmark failed", where=command[0], why=done.stderr.strip())
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


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
