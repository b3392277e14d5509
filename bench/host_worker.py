"""The programs of bench/host.py on one number of threads: a process of their own, as OpenMP and torch want.

    python bench/host_worker.py THREADS CORES FOLDER     # cores: "0,1"; FOLDER has cost-0.10.spb and so on

Answers each line that it reads with a line of JSON: "whole", or the name of a layer of the network, runs all
programs in turn on that and gives their nanoseconds, the cores that the process is pinned to, and what others
took of them meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cores import Watch, stay_on
from network import CLASSES, NETWORK, STEM, synthetic_image
from shapes import Layer, load_shapes
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode, SpanbitError
from spanbit.runtime import Model, isas

REPEATS = 3  # measured runs of a program in a round
_WARM_S = 0.003  # warm-up: at least one run, and so long
_PAUSE_S, _PAUSES_MAX = 0.02, 50

Program = Callable[[], object]


def fast_isas() -> tuple[str, ...]:
    """The vector builds of spanbit that this machine runs."""
    return tuple(isa for isa in isas() if not isa.startswith("scalar"))


def programs(subject: str, threads: int, folder: Path) -> dict[str, Program]:
    """The peers on one layer alone; on the whole network spanbit too.

    Raises:
        SpanbitError: a peer is missing.
    """
    network = load_shapes(NETWORK)
    if subject != "whole":
        layer = next(layer for layer in network.layers if layer.name == subject)
        return _peers((layer.alone(),), None, threads)
    found: dict[str, Program] = {}
    for path in sorted(folder.glob("cost-*.spb")):
        for isa in fast_isas():
            model = Model(path.read_bytes(), isa, threads=threads)
            found[f"spanbit, {path.stem.replace('-', ' ')}, {isa}"] = partial(model.run, synthetic_image())
    return {**found, **_peers((STEM, *network.layers), CLASSES, threads)}


def _peers(steps: tuple[Layer, ...], classes: int | None, threads: int) -> dict[str, Program]:
    try:
        from peers import litert_int8, onnx_int8, torch_float
    except ImportError as error:
        fix = "tools/venv.sh train,test,bench"
        raise SpanbitError("a peer is missing", why=str(error), fix=fix, code=ExitCode.USAGE) from error
    return {peer.NAME: peer.load(steps, classes, threads) for peer in (onnx_int8, litert_int8, torch_float)}


def one_round(found: dict[str, Program], cores: Sequence[int]) -> dict[str, Any]:
    """Every program in turn: nanoseconds of each run; the cores, their seconds, and how many others took."""
    watch, ns = Watch(cores), {}
    for name, program in found.items():
        warm = time.perf_counter() + _WARM_S
        program()
        while time.perf_counter() < warm:
            program()
        ns[name] = [_time_ns(program) for _ in range(REPEATS)]
        if len(cores) > 1:
            _until_quiet()
    pinned = sorted(os.sched_getaffinity(0))
    return {"ns": ns, "pinned": pinned, "others_s": watch.others_s(), "all_s": watch.all_s()}


def _time_ns(program: Program) -> int:
    begin = time.perf_counter_ns()
    program()
    return time.perf_counter_ns() - begin


def _until_quiet() -> None:
    """Threads look for work for a while before they sleep: they must not take the next program's cores."""
    for _ in range(_PAUSES_MAX):
        before = time.process_time()
        time.sleep(_PAUSE_S)
        if time.process_time() - before < _PAUSE_S / 20:
            return


def main() -> None:
    threads, cores = int(sys.argv[1]), [int(core) for core in sys.argv[2].split(",")]
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # a peer that prints does not answer for us
        stay_on(cores)
        loaded: dict[str, dict[str, Program]] = {}
        for line in sys.stdin:
            subject = line.strip()
            if subject not in loaded:
                loaded = {subject: programs(subject, threads, Path(sys.argv[3]))}
            print(json.dumps(one_round(loaded[subject], cores)), file=answers, flush=True)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
