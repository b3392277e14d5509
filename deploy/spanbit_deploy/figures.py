"""The figures of a run: percentiles a layer, accuracy. No figure is made anywhere else.

figures = run_figures(done, images, on="board", target=target, emulated=True)
json.dumps(figures.as_dict())
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from spanbit.targets import Target

from spanbit_deploy.execute import Execution
from spanbit_deploy.images import Images

EMULATED = "emulated, not a board's time"
_OPS = {1: "stem", 2: "tree", 3: "dense", 4: "pool", 5: "head"}


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds that so many percent of the rounds stay within."""

    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class LayerFigures:
    """One layer; `times` is None without rounds."""

    name: str
    op: str
    taps: int
    times: Percentiles | None


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
    emulated: bool
    note: str  # what must be said with the times
    uploaded: bool  # False: the release was on the board already
    arena_bytes: int
    golden_count: int
    classified: Classified | None
    rounds: int
    total: Percentiles | None
    layers: tuple[LayerFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def run_figures(
    done: Execution, images: Images | None, *, on: str, target: Target, emulated: bool
) -> RunFigures:
    """Calculates them."""
    report = done.report
    layers = tuple(
        LayerFigures(layer.name, _OPS.get(layer.op, str(layer.op)), layer.taps, _percentiles(layer.ns))
        for layer in report.layers
    )
    return RunFigures(
        on=on,
        target=target.name,
        arch=report.arch,
        isa=report.isa,
        threads=report.threads,
        cores=report.cores,
        emulated=emulated,
        note=EMULATED if emulated else "",
        uploaded=done.release.uploaded,
        arena_bytes=report.arena_bytes,
        golden_count=report.golden_count,
        classified=None if images is None else _classified(report.predictions, images),
        rounds=len(report.total_ns),
        total=_percentiles(report.total_ns),
        layers=layers,
    )


def _percentiles(ns: tuple[int, ...]) -> Percentiles | None:
    if not ns:
        return None
    p50, p90, p99 = (float(value) for value in np.percentile(np.asarray(ns), (50, 90, 99)) / 1e6)
    return Percentiles(p50, p90, p99)


def _classified(predictions: tuple[int, ...], images: Images) -> Classified:
    count = len(predictions)
    if images.labels is None:
        return Classified(images.where, count, None, None, predictions)
    # Counted here: a board's own count is a claim.
    correct = int((np.asarray(predictions) == images.labels).sum())
    return Classified(images.where, count, correct, correct / count, predictions)
