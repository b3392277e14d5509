"""Times every convolution of the tuning network at a place, with the tree kernel and with the dense one.

timings = measure(board, target, rounds=30, timeout=120, watcher=Watcher())
timings[0].tree_ns, timings[0].dense_ns
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass

from spanbit.errors import SpanbitError
from spanbit.graph import BinaryConv, KernelKind
from spanbit.passes.cost_model import Amounts, dense_amounts, tree_amounts
from spanbit.targets import Target
from spanbit.tree import tree_cost

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.execute import RunPlan, execute
from spanbit_deploy.release import board_dir
from spanbit_deploy.transports import Transport
from spanbit_deploy.tune.network import tuning_bundle
from spanbit_deploy.watcher import Watcher

PASSES = 2
"""Both kernels in turn, so often: a board that grows warm slows both."""


@dataclass(frozen=True)
class Timing:
    """One convolution: what it is, what each kernel does for it, and how long that took."""

    name: str
    shape: str  # channels, kernel, stride where it is not 1, side of the (square) input
    weights: str
    cost: float
    tree: Amounts
    dense: Amounts
    tree_ns: int  # the fastest round: the one that nothing disturbed
    dense_ns: int


def measure(
    board: Transport, target: Target, *, rounds: int, timeout: float, watcher: Watcher
) -> tuple[Timing, ...]:
    """Runs the network over an open connection and removes it from the board again.

    Raises:
        SpanbitError: as spanbit_deploy.execute.
    """
    name = f"tune-{secrets.token_hex(4)}"  # nobody else's folder: it is removed at the end
    watcher.stage("compiling the tuning network (synthetic weights)")
    bundles = {kind: tuning_bundle(target, kind, name) for kind in (KernelKind.TREE, KernelKind.DENSE)}
    fastest: dict[KernelKind, dict[str, int]] = {kind: {} for kind in bundles}
    try:
        for _ in range(PASSES):
            for kind, bundle in bundles.items():
                times = fastest[kind]
                done = execute(
                    board,
                    target,
                    bundle,
                    images=None,
                    plan=RunPlan(rounds=rounds),
                    timeout=timeout,
                    watcher=watcher,
                )
                for layer in done.report.layers:
                    times[layer.name] = min(*layer.ns, times.get(layer.name, layer.ns[0]))
    finally:
        with contextlib.suppress(SpanbitError):
            board.run(("rm", "-rf", f"{board_dir()}/{name}"), timeout=10)
    return timings_of(target, bundles[KernelKind.TREE], fastest[KernelKind.TREE], fastest[KernelKind.DENSE])


def timings_of(
    target: Target, bundle: BundleFile, tree_ns: dict[str, int], dense_ns: dict[str, int]
) -> tuple[Timing, ...]:
    """The convolutions of a bundle of trees, and nanoseconds by their names."""
    found = []
    for plan in bundle.compiled.layers:
        op = plan.op
        if not isinstance(op, BinaryConv):
            continue
        assert op.tree is not None
        stride = f"/{op.stride}" if op.stride > 1 else ""
        kernel = "x".join(map(str, op.weight.shape[2:]))
        found.append(
            Timing(
                name=op.name,
                shape=f"{plan.source.channels}>{plan.result.channels} {kernel}{stride} @{plan.source.height}",
                weights="binary" if op.weight.all() else "ternary",
                cost=round(tree_cost(op.tree, op.weight[0].size), 4),
                tree=tree_amounts(op, plan.source, plan.result, target.isa),
                dense=dense_amounts(op, plan.source, plan.result),
                tree_ns=tree_ns[op.name],
                dense_ns=dense_ns[op.name],
            )
        )
    return tuple(found)
