"""What tuning found: each layer's times beside what the model says with the old and with the new figures.

figures = tune_figures(timings, on="host", target=target, emulated=False, rounds=30)
figures.old.wrong, figures.new.wrong
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spanbit.passes.cost_model import predict
from spanbit.targets import NS, Cost, Target

from spanbit_deploy.figures import EMULATED
from spanbit_deploy.tune.fit import fit, held_out
from spanbit_deploy.tune.measure import Timing

TREE, DENSE = "tree", "dense"


@dataclass(frozen=True)
class Prediction:
    """What the model says of a layer, in the figures' own unit, and the kernel it would choose."""

    tree: float
    dense: float
    choice: str


@dataclass(frozen=True)
class TunedLayer:
    """One convolution."""

    name: str
    shape: str
    weights: str
    cost: float
    tree_ns: int
    dense_ns: int
    faster: str
    old: Prediction
    new: Prediction


@dataclass(frozen=True)
class Verdict:
    """How good a set of figures is on these layers."""

    cost: Cost
    wrong: int  # layers for which it chooses the slower kernel
    time_lost: float  # by that, as a share of the time with the faster kernel everywhere
    worst_error: float | None  # of a predicted time, as a share of the measured one; None: not in ns


@dataclass(frozen=True)
class TuneFigures:
    """All of one tuning."""

    on: str
    target: str
    emulated: bool
    note: str  # what must be said with the times
    weights: str
    rounds: int
    old: Verdict
    new: Verdict
    wrong_held_out: int  # layers for which figures fitted to all the others choose the slower kernel
    layers: tuple[TunedLayer, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def tune_figures(
    timings: Sequence[Timing], *, on: str, target: Target, emulated: bool, rounds: int
) -> TuneFigures:
    """Fits new figures and compares them with the target's.

    Raises:
        SpanbitError: the times cannot be used.
    """
    cost = fit(timings)
    layers = tuple(
        TunedLayer(
            name=timing.name,
            shape=timing.shape,
            weights=timing.weights,
            cost=timing.cost,
            tree_ns=timing.tree_ns,
            dense_ns=timing.dense_ns,
            faster=_least(timing.tree_ns, timing.dense_ns),
            old=_prediction(timing, target.cost),
            new=_prediction(timing, cost),
        )
        for timing in timings
    )
    return TuneFigures(
        on=on,
        target=target.name,
        emulated=emulated,
        note=EMULATED if emulated else "",
        weights="synthetic",
        rounds=rounds,
        old=_verdict(target.cost, [(layer, layer.old) for layer in layers]),
        new=_verdict(cost, [(layer, layer.new) for layer in layers]),
        wrong_held_out=sum(
            _prediction(timing, cost).choice != layer.faster
            for timing, cost, layer in zip(timings, held_out(timings), layers, strict=True)
        ),
        layers=layers,
    )


def _prediction(timing: Timing, cost: Cost) -> Prediction:
    tree, dense = predict(timing.tree, cost), predict(timing.dense, cost)
    return Prediction(tree, dense, _least(tree, dense))


def _least(tree: float, dense: float) -> str:
    return TREE if tree <= dense else DENSE  # as spanbit.passes.kernels chooses


def _verdict(cost: Cost, layers: Sequence[tuple[TunedLayer, Prediction]]) -> Verdict:
    best = sum(min(layer.tree_ns, layer.dense_ns) for layer, _ in layers)
    chosen = sum(layer.tree_ns if said.choice == TREE else layer.dense_ns for layer, said in layers)
    errors = [
        abs(predicted / measured - 1)
        for layer, said in layers
        for predicted, measured in ((said.tree, layer.tree_ns), (said.dense, layer.dense_ns))
    ]
    return Verdict(
        cost=cost,
        wrong=sum(said.choice != layer.faster for layer, said in layers),
        time_lost=chosen / best - 1,
        worst_error=max(errors) if cost.unit == NS else None,
    )
