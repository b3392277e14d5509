"""Every network of the zoo, random and trained, from PyTorch to bundles that run everywhere.

    python bench/zoo.py               # all, bench/results/zoo.json; a quarter of an hour
    python bench/zoo.py resnet20      # one, nothing is written

Weights are random in the literature's shapes (binary as a network begins with, and ternary with one tap in
ten that is not zero; the batch-norms have seen a few random images, so that the sums are where they would
be), and trained on the digits in smaller ones (zoo_networks.py). Each network is imported, compiled and
written in a process of its own, whose CPU time (of all its threads: other programs do not count) and peak
memory are measured; then the golden records, all layers of their images, are checked by every instruction set
of this machine and on emulated cores. A trained one classifies all test images in PyTorch and as a bundle.
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

from emulate import cpu_name
from results import show, write_result
from rich.table import Table
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.importers import from_torch
from spanbit.passes import compile_graph
from spanbit.report.arena import arena_plan
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from spanbit_deploy.toolchains import build_runner
from zoo_networks import SHAPES, Subject, classes_of, random_network, trained_network

WEIGHTS = ("binary", "ternary", "trained")
TARGET = "rpi4"
EMULATED = ("rpi4", "rpi2", "rpi-zero")


@dataclass(frozen=True)
class Made:
    """What a network took to make, in CPU seconds and MiB, and what came of it, in bytes.

    Of a trained one also: the training's seconds, PyTorch's share of test images that are right, the
    bundle's, and how many of them both classify alike.
    """

    network: str
    images: str
    width: int
    weights: str
    import_s: float
    compile_s: float
    write_s: float
    peak_mib: float | None
    layers: int
    file_bytes: int
    arena_bytes: int
    tables_bytes: int
    above_least: float
    train_s: float | None
    accuracy: float | None
    bundle_accuracy: float | None
    same_class: int | None
    tested: int | None


def make(name: str, weights: str, out: Path) -> Made:
    """Network -> bundle, in this process."""
    subject = trained_network(name) if weights == "trained" else random_network(name, weights)
    shape = subject.input_shape
    begin = time.process_time()
    graph = from_torch(subject.net, shape, name=name)
    imported = time.process_time()
    compiled = compile_graph(graph, load_target(TARGET))
    done = time.process_time()
    data = write_bundle(compiled, subject.images)
    written = time.process_time()
    out.write_bytes(data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Made(
        network=name,
        images="x".join(map(str, shape)),
        width=subject.width,
        weights=weights,
        import_s=round(imported - begin, 2),
        compile_s=round(done - imported, 2),
        write_s=round(written - done, 2),
        peak_mib=None if weights == "trained" else round(peak, 0),  # of a trained one it is the training's
        layers=len(compiled.layers),
        file_bytes=len(data),
        arena_bytes=compiled.arena_bytes,
        tables_bytes=compiled.tables_bytes,
        above_least=round(arena_plan(compiled).above_least, 4),
        train_s=subject.train_s,
        accuracy=subject.accuracy,
        **_classified(subject, data),
    )


def _classified(subject: Subject, bundle: bytes) -> dict[str, Any]:
    """What the bundle makes of the test images, on this machine."""
    if subject.test is None:
        return {"bundle_accuracy": None, "same_class": None, "tested": None}
    images, labels = subject.test
    ours = Model(bundle).classify(images)
    theirs = classes_of(subject.net, images)
    return {
        "bundle_accuracy": float((ours == labels).mean()),
        "same_class": int((ours == theirs).sum()),
        "tested": len(labels),
    }


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
    drawn = Table(title=f"zoo, compiled for {TARGET}")
    for column in ("network", "images", "width", "weights", "import s", "compile s", "write s", "peak MiB"):
        drawn.add_column(column)
    for column in ("file bytes", "arena bytes", "of it tables", "plan above least", "PyTorch", "bundle"):
        drawn.add_column(column, justify="right")
    drawn.add_column("equal on")
    for row in rows:
        drawn.add_row(
            row["network"],
            row["images"],
            str(row["width"]),
            row["weights"],
            *(f"{row[name]:.1f}" for name in ("import_s", "compile_s", "write_s")),
            "" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}",
            *(f"{row[name]:,}" for name in ("file_bytes", "arena_bytes", "tables_bytes")),
            f"{row['above_least']:.1%}",
            *("" if row[name] is None else f"{row[name]:.2%}" for name in ("accuracy", "bundle_accuracy")),
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
            for weights in WEIGHTS:
                print(f"{name}, {weights} ...", flush=True)
                rows.append(measure(name, weights, Path(folder)))
    show(table(rows))
    if asked == list(SHAPES):
        write_result("zoo", {"cpu": cpu_name(), "target": TARGET, "rows": rows})


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
