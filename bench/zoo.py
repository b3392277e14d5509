"""Every network of the zoo, in the literature's shapes, from PyTorch to bundles that run everywhere.

    python bench/zoo.py               # all, bench/results/zoo.json; a few minutes
    python bench/zoo.py resnet20      # one, nothing is written

Weights are RANDOM: binary as a network begins with, and ternary with one tap in ten that is not zero. The
batch-norms have seen a few random images, so that the sums are where they would be. Each network is imported,
compiled and written in a process of its own, whose time and peak memory count; then the golden record, all
layers of one image, is checked by every instruction set of this machine and on emulated cores.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from emulate import cpu_name
from results import show, write_result
from rich.table import Table
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.importers import from_torch
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.zoo import NETWORKS
from spanbit.passes import compile_graph
from spanbit.report.arena import arena_plan
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from spanbit_deploy.toolchains import build_runner

SHAPES = {
    "vgg_small": (3, 32, 32),
    "resnet20": (3, 32, 32),
    "resnet18": (3, 224, 224),
    "resnet34": (3, 224, 224),
}
TERNARY_SHARE = 0.10
TARGET = "rpi4"
EMULATED = ("rpi4", "rpi2", "rpi-zero")
_SEEN = 4  # random images that the batch-norms see


@dataclass(frozen=True)
class Made:
    """What a network took to make, in seconds and MiB, and what came of it, in bytes."""

    network: str
    images: str
    weights: str
    import_s: float
    compile_s: float
    write_s: float
    peak_mib: float
    layers: int
    file_bytes: int
    arena_bytes: int
    tables_bytes: int
    above_least: float


def make(name: str, weights: str, out: Path) -> Made:
    """Network -> bundle, in this process."""
    torch.manual_seed(0)
    shape = SHAPES[name]
    classes = 1000 if shape[1] > 32 else 10
    network = NETWORKS[name]
    kind = "binary" if weights == "binary" else "ternary"
    net = network.build(shape, classes, network.width, mean=(0.45,) * 3, std=(0.25,) * 3, weights=kind)
    with torch.no_grad():
        for layer in net.modules():
            if kind == "ternary" and isinstance(layer, BinaryConv2d):
                layer.mask.copy_(torch.rand(layer.mask.shape) < TERNARY_SHARE)
        net.train()
        for _ in range(2):
            net(torch.randint(0, 256, (_SEEN, *shape), dtype=torch.uint8))
    image = np.random.default_rng(0).integers(0, 256, (1, shape[1], shape[2], shape[0])).astype(np.uint8)
    begin = time.perf_counter()
    graph = from_torch(net.eval(), shape, name=name)
    imported = time.perf_counter()
    compiled = compile_graph(graph, load_target(TARGET))
    done = time.perf_counter()
    data = write_bundle(compiled, image)
    written = time.perf_counter()
    out.write_bytes(data)
    return Made(
        network=name,
        images="x".join(map(str, shape)),
        weights=weights,
        import_s=round(imported - begin, 2),
        compile_s=round(done - imported, 2),
        write_s=round(written - done, 2),
        peak_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0),
        layers=len(compiled.layers),
        file_bytes=len(data),
        arena_bytes=compiled.arena_bytes,
        tables_bytes=compiled.tables_bytes,
        above_least=round(arena_plan(compiled).above_least, 4),
    )


def check(bundle: Path) -> list[str]:
    """Where the golden record was equal in every layer.

    Raises:
        SpanbitError: GOLDEN_MISMATCH, naming place and layer.
    """
    places: list[str] = []
    for isa in isas():
        Model(bundle.read_bytes(), isa, str(bundle)).check_golden()
        places.append(isa)
    for name in EMULATED:
        target = load_target(name)
        command = (*target.qemu, str(build_runner(target)), str(bundle))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not json.loads(done.stdout)["golden"]["ok"]:
            raise SpanbitError(
                "golden outputs differ",
                where=f"emulated {name}",
                why=done.stdout.strip()[:300],
                code=ExitCode.GOLDEN_MISMATCH,
            )
        places.append(f"{target.isa} (emulated {name})")
    return places


def measure(name: str, weights: str, folder: Path) -> dict[str, Any]:
    """One row: made in a process of its own, then checked."""
    bundle = folder / f"{name}-{weights}.spb"
    command = (sys.executable, __file__, "--make", name, weights, str(bundle))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout), "equal_on": check(bundle)}


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for a terminal."""
    drawn = Table(title=f"zoo, random weights, compiled for {TARGET}")
    for column in ("network", "images", "weights", "import s", "compile s", "write s", "peak MiB"):
        drawn.add_column(column)
    for column in ("file bytes", "arena bytes", "of it tables", "plan above least", "equal on"):
        drawn.add_column(column, justify="right")
    for row in rows:
        drawn.add_row(
            row["network"],
            row["images"],
            row["weights"],
            *(f"{row[name]:.1f}" for name in ("import_s", "compile_s", "write_s")),
            f"{row['peak_mib']:.0f}",
            *(f"{row[name]:,}" for name in ("file_bytes", "arena_bytes", "tables_bytes")),
            f"{row['above_least']:.1%}",
            f"{len(row['equal_on'])} places",
        )
    return drawn


def main() -> None:
    if sys.argv[1:2] == ["--make"]:
        name, weights, out = sys.argv[2:5]
        print(json.dumps(asdict(make(name, weights, Path(out)))))
        return
    asked = sys.argv[1:] or list(SHAPES)
    if unknown := set(asked) - set(SHAPES):
        sys.exit(f"no network {', '.join(sorted(unknown))}; there are {', '.join(SHAPES)}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked:
            for weights in ("binary", "ternary"):
                print(f"{name}, {weights} ...", flush=True)
                rows.append(measure(name, weights, Path(folder)))
    show(table(rows))
    if asked == list(SHAPES):
        write_result("zoo", {"cpu": cpu_name(), "target": TARGET, "weights": "random", "rows": rows})


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
