"""A whole profile: every setting asked for, each between two looks at the board.

wish = Wish(on="board", rounds=100, threads=(1, 2))
profile = measure(board, subject, Path("demo.spb"), wish=wish, timeout=120, watcher=watcher)
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from spanbit.graph import BinaryConv, Graph, Op
from spanbit.passes import build_trees, choose_kernels
from spanbit.report.figures import network_figures
from spanbit.targets import list_targets, load_target

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.execute import RunPlan, execute
from spanbit_deploy.figures import RunFigures, run_figures
from spanbit_deploy.profile.conditions import judge, wait_until_cool
from spanbit_deploy.profile.power import BOARD, Energy, Meter, energy_of, open_meter
from spanbit_deploy.profile.record import SCHEMA, BundleFacts, Profile, Run, TreeShape
from spanbit_deploy.release import locked
from spanbit_deploy.release.lock import LEASE_S, WAIT_S
from spanbit_deploy.state.readings import parse_states, read_state
from spanbit_deploy.subject import Subject
from spanbit_deploy.transports import Transport
from spanbit_deploy.versus.tflite import Versus, run_tflite
from spanbit_deploy.watcher import Watcher


@dataclass(frozen=True)
class Wish:
    """What is to be measured; the sweep is every number of threads on every set of processors."""

    on: str
    rounds: int = 100
    seconds: int = 0
    warmup: int = 3
    threads: tuple[int, ...] = (1,)
    cpus: tuple[str, ...] = ("",)
    sample_s: int = 2
    cool_below_c: float | None = None
    power: str = ""
    versus: Path | None = None  # a .tflite file to time as well
    versus_install: bool = False
    wait: float = WAIT_S  # seconds, for others who use the board

    def plans(self) -> Iterator[RunPlan]:
        """One a setting."""
        for cpus in self.cpus:
            for threads in self.threads:
                yield RunPlan(self.rounds, self.seconds, self.warmup, threads, cpus, self.sample_s)


def measure(
    board: Transport,
    subject: Subject,
    path: Path,
    *,
    wish: Wish,
    timeout: float,
    watcher: Watcher,
) -> Profile:
    """Over an open connection.

    Raises:
        SpanbitError: as spanbit_deploy.execute; the power meter, the thermometer.
    """
    meter = open_meter(wish.power) if wish.power not in ("", BOARD) else None
    subject = replace(subject, bundle=_with_reasons(subject.bundle))
    bundle, without = subject.bundle, replace(subject, images=None)
    runs = [
        _run(board, without if place else subject, wish, plan, meter, timeout, watcher)
        for place, plan in enumerate(wish.plans())
    ]
    trees = {
        op.name: TreeShape(tuple(op.tree.parent.tolist()), tuple(op.tree.distance.tolist()))
        for op in bundle.compiled.graph.ops
        if isinstance(op, BinaryConv) and op.tree is not None
    }
    return Profile(
        schema=SCHEMA,
        spanbit=version("spanbit"),
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        message=subject.choice.message,
        bundle=BundleFacts(str(path), hashlib.sha256(bundle.data).hexdigest(), bundle.target),
        network=network_figures(bundle.compiled.graph, bundle.data),
        trees=trees,
        runs=tuple(runs),
    )


def _run(
    board: Transport,
    subject: Subject,
    wish: Wish,
    plan: RunPlan,
    meter: Meter | None,
    timeout: float,
    watcher: Watcher,
) -> Run:
    waited = 0.0
    if wish.cool_below_c is not None:
        waited = wait_until_cool(board, wish.cool_below_c, watcher)
    before = read_state(board)
    with meter or contextlib.nullcontext():
        done = execute(
            board,
            subject.choice.target,
            subject.bundle,
            images=subject.images,
            plan=plan,
            timeout=timeout,
            watcher=watcher,
            release=subject.release,
            wait=wish.wait,
        )
    figures = run_figures(
        done,
        subject.images,
        bundle=subject.bundle,
        on=wish.on,
        target=subject.choice.target,
        board=board,
    )
    conditions = judge(before, parse_states(done.samples), read_state(board), waited)
    watts = tuple(sum(state.power_w.values()) for state in conditions.during if state.power_w)
    if wish.power == BOARD and not watts:
        raise board.failure(
            "this board measures no watts",
            where="/sys/class/hwmon/*/power1_input",
            why="there is no such file, or the run was shorter than a sample (--sample)",
            fix="load the sensor's driver (ina2xx), or name a meter with --power command:COMMAND",
        )
    energy = _energy(wish, watts if meter is None else meter.watts(), figures)
    return Run(figures, conditions, energy, _versus(board, wish, plan, timeout, watcher))


def _versus(board: Transport, wish: Wish, plan: RunPlan, timeout: float, watcher: Watcher) -> Versus | None:
    if wish.versus is None:
        return None
    # Under the lock: nobody else disturbs the times, and nobody takes its folder for one left behind.
    lease = max(LEASE_S, 2 * timeout)
    with locked(board, "profile --versus", wait=wish.wait, lease=lease, told=watcher.stage):
        return run_tflite(
            board, wish.versus, plan=plan, install=wish.versus_install, timeout=timeout, watcher=watcher
        )


def _energy(wish: Wish, watts: tuple[float, ...], figures: RunFigures) -> Energy | None:
    if not watts or figures.total is None or not wish.power:
        return None
    return energy_of(wish.power, watts, figures.total.mean_ms)


def _with_reasons(bundle: BundleFile) -> BundleFile:
    """The same, each convolution with the reason for its kernel: a bundle does not keep it.

    Found again from the target's cost figures, where the target is known and they lead to the same choice.
    """
    if bundle.target not in list_targets():
        return bundle
    graph = bundle.compiled.graph
    chosen = choose_kernels(build_trees(graph), load_target(bundle.target))
    told: Graph = replace(graph, ops=tuple(map(_told, graph.ops, chosen.ops)))
    return replace(bundle, compiled=replace(bundle.compiled, graph=told))


def _told(op: Op, chosen: Op) -> Op:
    if isinstance(op, BinaryConv) and isinstance(chosen, BinaryConv) and op.kernel is chosen.kernel:
        return replace(op, kernel_reason=chosen.kernel_reason)
    return op
