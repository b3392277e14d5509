"""Real time on this machine: VGG-small (CIFAR size) and its layers, spanbit against what users would pick.

    python bench/host.py            # writes bench/results/host.json; nothing else may run meanwhile

One image, one thread, the process pinned to one core. In each round every program runs in turn, once to warm
up and then a few times measured, so that a disturbed machine hits all of them; minimum and median over all
rounds. A long run is interrupted more often than a short one, so ratios are of the minima, and a result for
which the core was shared with others says that it is disturbed. All weights are SYNTHETIC: spanbit's with a
prescribed tree cost, the peers' random, of the same shapes. The peers pick the best instructions of the
machine by themselves, and so does spanbit's native build.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from emulate import arguments, bench_program, compiler_of, cpu_name, run_json
from layer import host_builds
from network import CLASSES, STEM, synthetic_image, synthetic_network
from results import show, write_result
from rich.table import Table
from shapes import Layer, load_shapes
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import KernelKind
from spanbit.runtime import ISAS, Model, host_compiler, isas
from spanbit.targets import load_target
from subject import weights, write_subject

NETWORK = "vgg-small"
COSTS = (0.10, 0.45)
REPEATS = 3  # measured runs of a program in a round
_UNDISTURBED = 0.98  # time on the core, as a share of all time, that a process alone on it has
_FLAGS = ("avx2", "avx512_vnni", "avx_vnni", "avx512_vpopcntdq", "amx_int8", "asimddp", "i8mm")

Program = Callable[[], object]


def measure(rounds: int, cpu: int) -> dict[str, Any]:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a peer or a compiler is missing.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu})
    network = load_shapes(NETWORK)
    whole = {**_spanbit(), **_peers((STEM, *network.layers), CLASSES)}
    times, share = _in_turn(whole, rounds)
    return {
        "network": f"{network.name}, one image, one thread",
        "weights": "synthetic",
        "cpu": cpu_name(),
        "instructions": [flag for flag in _FLAGS if flag in _cpu_flags()],
        "core_share": round(share, 3),
        "disturbed": share < _UNDISTURBED,
        "rounds": rounds,
        "repeats": REPEATS,
        "builds": {
            "whole": {isa: " ".join((host_compiler(), "-O3", *ISAS[isa])) for isa in _isas()},
            "layers": {name: compiler_of(command) for name, command in host_builds().items()},
        },
        "whole": times,
        "layers": [_measure_layer(layer, rounds) for layer in network.layers],
    }


def _isas() -> tuple[str, ...]:
    return tuple(isa for isa in isas() if not isa.startswith("scalar"))


def _spanbit() -> dict[str, Program]:
    programs: dict[str, Program] = {}
    for cost in COSTS:
        image = synthetic_image()
        bundle = write_bundle(synthetic_network(load_shapes(NETWORK), cost), image[None])
        for isa in _isas():
            model = Model(bundle, isa)
            programs[f"spanbit, cost {cost:.2f}, {isa}"] = partial(model.run, image)
    return programs


def _peers(steps: tuple[Layer, ...], classes: int | None) -> dict[str, Program]:
    try:
        from peers import litert_int8, onnx_int8, torch_float
    except ImportError as error:
        fix = "tools/venv.sh train,test,bench"
        raise SpanbitError("a peer is missing", why=str(error), fix=fix, code=ExitCode.USAGE) from error
    return {peer.NAME: peer.load(steps, classes) for peer in (onnx_int8, litert_int8, torch_float)}


def _measure_layer(layer: Layer, rounds: int) -> dict[str, Any]:
    """The convolution alone: spanbit's kernels in bench_layer, the peers as a network of one layer."""
    board, times = load_target("host"), {}
    alone = Layer(**{**vars(layer), "pool": False})
    with tempfile.TemporaryDirectory() as folder:
        subjects = {}
        for name, cost, kernel in (
            *((f"spanbit tree, cost {cost:.2f}", cost, KernelKind.TREE) for cost in COSTS),
            ("spanbit dense", COSTS[0], KernelKind.DENSE),
        ):
            weight = weights("binary tree", alone, cost)
            assert weight is not None
            subjects[name] = write_subject(Path(folder) / f"{name}.spb", weight, alone, kernel, board).path
        for build, command in host_builds().items():
            said = run_json(str(bench_program(command)), *arguments([*subjects.values()], rounds * REPEATS))
            for name, figures in zip(subjects, said, strict=True):
                times[f"{name}, {build}"] = {
                    "min_ms": round(figures["min_ns"] / 1e6, 4),
                    "median_ms": round(figures["median_ns"] / 1e6, 4),
                }
    return {"layer": str(layer), "times": {**times, **_in_turn(_peers((alone,), None), rounds)[0]}}


def _in_turn(programs: dict[str, Program], rounds: int) -> tuple[dict[str, dict[str, float]], float]:
    """Minimum and median in ms of each program, all in turn; the share of the core that they got."""
    began, busy = time.perf_counter(), time.process_time()
    ns: dict[str, list[int]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            program()
            for _ in range(REPEATS):
                begin = time.perf_counter_ns()
                program()
                ns[name].append(time.perf_counter_ns() - begin)
    share = (time.process_time() - busy) / (time.perf_counter() - began)
    times = {
        name: {
            "min_ms": round(min(taken) / 1e6, 4),
            "median_ms": round(statistics.median(taken) / 1e6, 4),
        }
        for name, taken in ns.items()
    }
    return times, share


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    found = [line for line in lines if line.startswith(("flags", "Features"))]
    return set(found[0].partition(":")[2].split()) if found else set()


def table(title: str, times: dict[str, dict[str, float]]) -> Table:
    """Times, and each minimum against ONNX Runtime's."""
    drawn = Table(title=title)
    drawn.add_column("program")
    for column in ("min ms", "median ms", "faster than ONNX Runtime"):
        drawn.add_column(column, justify="right")
    yardstick = next(figures for name, figures in times.items() if name.startswith("ONNX"))
    for name, figures in times.items():
        ratio = yardstick["min_ms"] / figures["min_ms"]
        cells = (f"{figures['min_ms']:.3f}", f"{figures['median_ms']:.3f}", f"{ratio:.2f}x")
        drawn.add_row(name, *cells)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--cpu", type=int, default=0, help="the core to stay on")
    chosen = parser.parse_args()
    result = measure(chosen.rounds, chosen.cpu)
    note = ", DISTURBED: other programs ran meanwhile" if result["disturbed"] else ""
    show(table(result["network"] + note, result["whole"]), 110)
    for layer in result["layers"]:
        show(table(layer["layer"], layer["times"]), 110)
    write_result("host", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
