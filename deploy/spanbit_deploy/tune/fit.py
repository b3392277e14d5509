"""Cost figures from times: the ones with which the model of spanbit.passes.cost_model errs least.

    cost = fit(timings)         # Cost(tree=0.16, dense=0.12, ..., unit="ns")

Least squares of the relative errors, so that a small layer counts as much as a large one, over figures that
are not negative. Each kernel for itself: they share no figure. `held_out` asks the harder question: what do
the figures say of a layer that they were not fitted to?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls
from spanbit.errors import ExitCode, SpanbitError
from spanbit.passes.cost_model import Amounts
from spanbit.targets import NS, Cost

from spanbit_deploy.tune.measure import Timing

_LEAST_SHARE = 0.01  # of a layer's time, for its taps
_MANTISSA = 4  # digits that are kept: times are no better than that


def fit(timings: Sequence[Timing]) -> Cost:
    """The figures, in nanoseconds, as the target file will have them.

    Raises:
        SpanbitError: BOARD: a layer took no time, or time does not grow with the taps.
    """
    for timing in timings:
        if min(timing.tree_ns, timing.dense_ns) <= 0:
            raise _unusable(f"layer {timing.name} took no time", "the clock of this place is too coarse")
    cost = _cost(timings)
    for name, share in (("tree", _share(timings, cost, "tree")), ("dense", _share(timings, cost, "dense"))):
        if share < _LEAST_SHARE:
            raise _unusable(f"the {name} kernel's time does not grow with its taps", "something disturbed it")
    return cost


def _share(timings: Sequence[Timing], cost: Cost, kernel: str) -> float:
    """What the taps have of a kernel's time, by the figures, where they have most."""
    taps = [getattr(timing, kernel)[kernel] / getattr(timing, f"{kernel}_ns") for timing in timings]
    return float(getattr(cost, kernel) * max(taps))


def held_out(timings: Sequence[Timing]) -> tuple[Cost, ...]:
    """For each layer the figures that all the others give."""
    return tuple(_cost([*timings[:at], *timings[at + 1 :]]) for at in range(len(timings)))


def _cost(timings: Sequence[Timing]) -> Cost:
    tree = fitted([timing.tree for timing in timings], [timing.tree_ns for timing in timings])
    dense = fitted([timing.dense for timing in timings], [timing.dense_ns for timing in timings])
    return Cost(**tree, **dense, unit=NS)


def fitted(amounts: Sequence[Amounts], ns: Sequence[float]) -> dict[str, float]:
    """A figure for each name in the amounts, in whatever `ns` counts."""
    names = list(amounts[0])
    relative = np.array([[row[name] for name in names] for row in amounts]) / np.asarray(ns, float)[:, None]
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)  # columns of one size, for the solver
    solved, _ = nnls(relative / scale, np.ones(len(ns)))
    return {name: float(f"{value:.{_MANTISSA}g}") for name, value in zip(names, solved / scale, strict=True)}


def _unusable(what: str, why: str) -> SpanbitError:
    fix = "let nothing else run there, and ask for more rounds with --rounds"
    return SpanbitError(f"these times cannot be used: {what}", why=why, fix=fix, code=ExitCode.BOARD)
