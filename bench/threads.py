"""What sharing layers among workers leaves to each: executed AArch64 instructions of VGG-small.

    python bench/threads.py            # prints a table; some minutes

For each layer the instructions of the worker that has most to do, since all wait for it, against those of a
run without a pool. Waiting and the pool's own work are not in it. Synthetic weights, cost 0.10.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from budgets import count_layer, write_network
from emulate import plugin, toolchain
from network import synthetic_network
from results import show
from rich.table import Table
from shapes import load_shapes
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target, load_target

TARGET, NETWORK, COST = "rpi4", "vgg-small", 0.10
WORKERS = (2, 4)


def main() -> None:
    """Counts, and prints."""
    target = load_target(TARGET)
    command = toolchain(target)
    compiled = synthetic_network(load_shapes(NETWORK), COST)
    names = [plan.op.name for plan in compiled.layers]
    table = Table("layer", "alone", *(f"most of {workers}" for workers in WORKERS))
    totals = [0] * (1 + len(WORKERS))
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_network(Path(folder) / "net.spb", compiled)
        for index, name in enumerate(names):
            alone = count_layer(bundle, str(index), target, command)
            row = [alone]
            for workers in WORKERS:
                shares = [count_share(bundle, workers, worker, index, target) for worker in range(workers)]
                row.append(max(shares) or alone)  # the head is not shared
            totals = [total + count for total, count in zip(totals, row, strict=True)]
            table.add_row(name, *_cells(row))
    table.add_row("all", *_cells(totals))
    show(table)


def count_share(bundle: Path, workers: int, worker: int, layer: int, target: Target) -> int:
    """Instructions of one worker in one layer; 0 where the layer is not shared."""
    sources = [*runtime_sources(), Path(__file__).parent / "count_share.c"]
    program = build(toolchain(target), sources, include=include_dirs(), output_name="count_share")
    out = bundle.with_suffix(".json")
    share = (str(workers), str(worker), str(layer))
    words = [*target.qemu, "-plugin", f"{plugin()},out={out}", str(program), str(bundle), *share]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SpanbitError("it did not run", where=" ".join(share), why=done.stderr, code=ExitCode.INTERNAL)
    return int(json.loads(out.read_text())["marked"])


def _cells(counts: list[int]) -> list[str]:
    return [f"{counts[0]:,}", *(f"{count:,} ({counts[0] / count:.2f}x)" for count in counts[1:])]


if __name__ == "__main__":
    main()
