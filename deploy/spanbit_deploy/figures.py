"""The figures of a run: times a layer, memory, accuracy. No figure is made anywhere else.

figures = run_figures(done, images, bundle=bundle, on="board", target=target, board=board)
json.dumps(figures.as_dict())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from spanbit.report.figures import LayerFigures as CompiledLayer
from spanbit.report.figures import NetworkFigures, network_figures
from spanbit.targets import Target

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.execute import Execution
from spanbit_deploy.images import Images
from spanbit_deploy.profile.stats import Stats, stats_of
from spanbit_deploy.runner_json import LayerTimes
from spanbit_deploy.transports import Transport

EMULATED = "emulated, not a board's time"
COUNTED = "1 ns stands for one executed instruction of an emulated core; not a board's time"
_CLOCKED = "emulated: they follow this machine's clock, and are no board's"
_EXACT = "emulated: executed instructions, exactly; cycles are the same number, and no board's"


@dataclass(frozen=True)
class LayerFigures:
    """One layer. Fields that it has not are None: times without rounds, multiplications of a pool, ..."""

    name: str
    op: str
    shape: str  # of its output
    kernel: str
    reason: str  # why this kernel
    taps: int  # that differ, of a tree; what the time follows
    macs: int | None  # multiply-accumulates of the layer as the network has it
    times: Stats | None
    share: float | None  # of the sum of all layers' median times
    macs_a_second: float | None  # macs over the median time
    instructions: int | None  # of one run, where the CPU or its emulator counts them
    ns: tuple[int, ...]


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    arena: int  # what the network works in
    weights: int  # weights and tables in the bundle
    bundle: int  # the file
    program: int  # code of the whole runner, the C library's part in it too
    peak_rss: int  # of the runner's process, images and times included


@dataclass(frozen=True)
class Classified:
    """What became of the images; `correct` and `accuracy` are None without labels."""

    where: str
    count: int
    correct: int | None
    accuracy: float | None
    predictions: tuple[int, ...]


@dataclass(frozen=True)
class RunFigures:
    """All of one run."""

    on: str
    target: str
    arch: str
    isa: str
    threads: int
    cores: int  # of the place
    cpus: tuple[int, ...]  # that it could run on
    emulated: bool
    note: str  # what must be said with the times
    uploaded: bool  # False: the release was on the board already
    memory: Memory
    golden_count: int
    classified: Classified | None
    rounds: int
    warmup: int
    first_ms: float | None  # the first run of the process: nothing is in the caches yet
    total: Stats | None
    total_ns: tuple[int, ...]
    counters: Mapping[str, float]  # of one run, mean over the rounds
    counters_absent: str  # why there are no more of them
    layers: tuple[LayerFigures, ...]

    @property
    def counters_note(self) -> str:
        """What must be said with the counters; "" on a real CPU."""
        if not self.emulated:
            return ""
        return _EXACT if self.note == COUNTED else _CLOCKED

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def run_figures(
    done: Execution, images: Images | None, *, bundle: BundleFile, on: str, target: Target, board: Transport
) -> RunFigures:
    """Calculates them."""
    report = done.report
    compiled = network_figures(bundle.compiled.graph, bundle.data)
    rounds = len(report.total_ns)
    return RunFigures(
        on=on,
        target=target.name,
        arch=report.arch,
        isa=report.isa,
        threads=report.threads,
        cores=report.cores,
        cpus=report.cpus,
        emulated=board.emulated,
        note=COUNTED if board.counted else EMULATED if board.emulated else "",
        uploaded=done.release.uploaded,
        memory=Memory(
            arena=report.arena_bytes,
            weights=compiled.bytes_after,
            bundle=len(bundle.data),
            program=report.code_bytes,
            peak_rss=report.peak_rss_bytes,
        ),
        golden_count=report.golden_count,
        classified=None if images is None else _classified(report.predictions, images),
        rounds=rounds,
        warmup=done.plan.warmup,
        first_ms=report.first_ns / 1e6 if rounds else None,
        total=stats_of(report.total_ns),
        total_ns=report.total_ns,
        counters={name: value / rounds for name, value in report.counters.items()},
        counters_absent=report.counters_absent,
        layers=_layers(report.layers, compiled),
    )


def _layers(timed: tuple[LayerTimes, ...], compiled: NetworkFigures) -> tuple[LayerFigures, ...]:
    stats = [stats_of(layer.ns) for layer in timed]
    whole = sum(times.p50_ms for times in stats if times is not None)
    return tuple(
        _layer(layer, known, times, whole)
        for layer, known, times in zip(timed, compiled.layers, stats, strict=True)
    )


def _layer(timed: LayerTimes, known: CompiledLayer, times: Stats | None, whole: float) -> LayerFigures:
    speed = known.macs / times.p50_ms * 1e3 if known.macs and times and times.p50_ms else None
    return LayerFigures(
        name=known.name,
        op=known.op,
        shape=known.shape,
        kernel=known.kernel,
        reason=known.reason,
        taps=timed.taps,
        macs=known.macs,
        times=times,
        share=times.p50_ms / whole if times and whole else None,
        macs_a_second=speed,
        instructions=timed.instructions,
        ns=timed.ns,
    )


def _classified(predictions: tuple[int, ...], images: Images) -> Classified:
    count = len(predictions)
    if images.labels is None:
        return Classified(images.where, count, None, None, predictions)
    # Counted here: a board's own count is a claim.
    correct = int((np.asarray(predictions) == images.labels).sum())
    return Classified(images.where, count, correct, correct / count, predictions)
