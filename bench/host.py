"""Real time on this machine: VGG-small (CIFAR size) and its layers, spanbit against what users would pick.

    python bench/host.py            # writes bench/results/host.json; nothing else may run meanwhile

One image; one thread pinned to one core, and, where there is another, two pinned to two, each number in a
process of its own (host_worker.py). In each round every program runs in turn on one thread and then every
program on two, first to warm up and then a few times measured, so that a disturbed machine hits all of them;
minimum and median over all rounds. A long run is interrupted more often than a short one, so ratios are of
the minima, and a result says that it is disturbed if others took more than a little of the cores meanwhile
(cores.py). Layers are measured on one thread: spanbit's kernels, called alone, know of no more. All weights
are SYNTHETIC: spanbit's with a prescribed tree cost, the peers' random, of the same shapes. The peers pick
the best instructions of the machine by themselves, and so does spanbit's native build.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from cores import Watch, stay_on
from emulate import arguments, bench_program, compiler_of, cpu_name, run_json
from host_worker import REPEATS, fast_isas
from layer import host_builds
from network import NETWORK, synthetic_image, synthetic_network
from results import show, write_result
from rich.table import Table
from shapes import Layer, load_shapes
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import SpanbitError
from spanbit.graph import KernelKind
from spanbit.runtime import ISAS, host_compiler
from spanbit.targets import load_target
from subject import weights, write_subject

COSTS = (0.10, 0.45)
THREADS = (1, 2)
_DISTURBED = 0.02  # of the cores' time, for others
_FLAGS = ("avx2", "avx512_vnni", "avx_vnni", "avx512_vpopcntdq", "amx_int8", "asimddp", "i8mm")

Times = dict[str, dict[str, float]]


class Worker:
    """A process for one number of threads, and what it has measured."""

    def __init__(self, threads: int, cpu: int, folder: Path) -> None:
        self.threads, self.cores = threads, list(range(cpu, cpu + threads))
        script = Path(__file__).resolve().parent / "host_worker.py"
        words = [str(script), str(threads), ",".join(map(str, self.cores)), str(folder)]
        self._process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

    def one_round(self, subject: str) -> dict[str, Any]:
        """What host_worker.py answers.

        Raises:
            SpanbitError: it has ended; what was wrong is on standard error.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{subject}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # no answer either
        answer = self._process.stdout.readline()
        if not answer:
            where = f"host_worker.py, {self.threads} threads"
            raise SpanbitError("a process of the benchmark has failed", where=where, why="see above")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(rounds: int, cpu: int) -> dict[str, Any]:
    """All figures, as the JSON file has them.

    Raises:
        SpanbitError: a peer, a compiler or a core is missing.
    """
    network = load_shapes(NETWORK)
    sweep = thread_sweep(cpu, os.sched_getaffinity(0))
    stay_on(range(cpu, cpu + max(sweep)))
    with tempfile.TemporaryDirectory() as folder:
        for cost in COSTS:
            bundle = write_bundle(synthetic_network(network, cost), synthetic_image()[None])
            (Path(folder) / f"cost-{cost:.2f}.spb").write_bytes(bundle)
        workers = [Worker(threads, cpu, Path(folder)) for threads in sweep]
        try:
            whole = _whole(workers, rounds)
            stay_on(workers[0].cores)
            layers = [_measure_layer(layer, workers[0], rounds) for layer in network.layers]
        finally:
            for worker in workers:
                worker.close()
    shares = [part["others_share"] for part in (*whole, *layers)]
    return {
        "network": f"{network.name}, one image",
        "weights": "synthetic",
        "cpu": cpu_name(),
        "instructions": [flag for flag in _FLAGS if flag in _cpu_flags()],
        "disturbed": max(shares) > _DISTURBED,
        "rounds": rounds,
        "repeats": REPEATS,
        "builds": {
            "whole": {isa: " ".join((host_compiler(), "-O3", *ISAS[isa])) for isa in fast_isas()},
            "layers": {name: compiler_of(command) for name, command in host_builds().items()},
        },
        "whole": whole,
        "layers": layers,
    }


def _whole(workers: Sequence[Worker], rounds: int) -> list[dict[str, Any]]:
    for worker in workers:
        worker.one_round("whole")  # loads it
    answers: list[list[dict[str, Any]]] = [[] for _ in workers]
    for _ in range(rounds):
        for worker, found in zip(workers, answers, strict=True):
            found.append(worker.one_round("whole"))
    return [
        {
            "threads": worker.threads,
            "cores": _pinned(found),
            "others_share": _share(found),
            "times": _times(found),
        }
        for worker, found in zip(workers, answers, strict=True)
    ]


def _measure_layer(layer: Layer, worker: Worker, rounds: int) -> dict[str, Any]:
    """The convolution alone: spanbit's kernels in bench_layer, the peers as a network of one layer."""
    board = load_target("host")
    times: Times = {}
    with tempfile.TemporaryDirectory() as folder:
        subjects = {}
        for name, cost, kernel in (
            *((f"spanbit tree, cost {cost:.2f}", cost, KernelKind.TREE) for cost in COSTS),
            ("spanbit dense", COSTS[0], KernelKind.DENSE),
        ):
            weight = weights("binary tree", layer, cost)
            assert weight is not None
            path = Path(folder) / f"{name}.spb"
            subjects[name] = write_subject(path, weight, layer.alone(), kernel, board).path
        builds = {build: str(bench_program(command)) for build, command in host_builds().items()}
        watch = Watch(worker.cores)
        for build, program in builds.items():
            said = run_json(program, *arguments([*subjects.values()], rounds * REPEATS))
            for name, figures in zip(subjects, said, strict=True):
                times[f"{name}, {build}"] = {
                    "min_ms": round(figures["min_ns"] / 1e6, 4),
                    "median_ms": round(figures["median_ns"] / 1e6, 4),
                }
        alone = {"others_s": watch.others_s(), "all_s": watch.all_s()}
    worker.one_round(layer.name)  # loads it
    found = [worker.one_round(layer.name) for _ in range(rounds)]
    share = _share([alone, *found])
    pinned = _pinned(found)
    return {"layer": str(layer), "cores": pinned, "others_share": share, "times": {**times, **_times(found)}}


def thread_sweep(cpu: int, cores: Collection[int]) -> tuple[int, ...]:
    """The numbers of threads that have a core each, from `cpu` on; 1 at least."""
    return tuple(
        threads for threads in THREADS if threads == 1 or set(range(cpu, cpu + threads)) <= set(cores)
    )


def _pinned(answers: list[dict[str, Any]]) -> list[int]:
    """The cores that a worker says it was pinned to, in every round."""
    cores: list[int] = answers[0]["pinned"]
    assert all(answer["pinned"] == cores for answer in answers)
    return cores


def _share(answers: list[dict[str, Any]]) -> float:
    """What others took of the cores while we were measured."""
    others: float = sum(answer["others_s"] for answer in answers)
    everything: float = sum(answer["all_s"] for answer in answers)
    return round(max(0.0, others) / everything, 4)


def _times(answers: list[dict[str, Any]]) -> Times:
    """Minimum and median in ms of each program."""
    times = {}
    for name in answers[0]["ns"]:
        taken = [ns for answer in answers for ns in answer["ns"][name]]
        median = statistics.median(taken)
        times[name] = {"min_ms": round(min(taken) / 1e6, 4), "median_ms": round(median / 1e6, 4)}
    return times


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    found = [line for line in lines if line.startswith(("flags", "Features"))]
    return set(found[0].partition(":")[2].split()) if found else set()


def table(title: str, times: Times) -> Table:
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


def _cores(cores: list[int]) -> str:
    return f"core{'s' * (len(cores) > 1)} {', '.join(map(str, cores))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--cpu", type=int, default=0, help="the core to stay on, and the next one")
    chosen = parser.parse_args()
    result = measure(chosen.rounds, chosen.cpu)
    note = ", DISTURBED: other programs ran meanwhile" if result["disturbed"] else ""
    for part in result["whole"]:
        threads = f"{part['threads']} thread{'s' * (part['threads'] > 1)}"
        others = f"others had {100 * part['others_share']:.1f} % of the cores"
        pinned = f"pinned to {_cores(part['cores'])}"
        show(table(f"{result['network']}, {threads} {pinned}{note}; {others}", part["times"]), 110)
    for layer in result["layers"]:
        pinned = f"pinned to {_cores(layer['cores'])}"
        show(table(f"{layer['layer']}, 1 thread {pinned}", layer["times"]), 110)
    vnni = any("vnni" in name for name in result["instructions"])  # peers then take a third of the time
    write_result("host-vnni" if vnni else "host", result)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
