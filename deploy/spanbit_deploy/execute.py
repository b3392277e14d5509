"""Runs a bundle at a place: push, golden check, classify, time.

plan = RunPlan(rounds=100)
done = execute(board, target, bundle, images=images, plan=plan, timeout=120, watcher=Watcher())
done.report.total_ns
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from spanbit.errors import SpanbitError
from spanbit.targets import Target

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.images import Images
from spanbit_deploy.place import check_arch
from spanbit_deploy.release import Lock, Release, files_of, locked, prune, stage
from spanbit_deploy.release.lock import LEASE_S, WAIT_S
from spanbit_deploy.runner_failure import report_of
from spanbit_deploy.runner_json import Expected, RunnerReport
from spanbit_deploy.state.readings import watched
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher


@dataclass(frozen=True)
class RunPlan:
    """How a bundle is run."""

    rounds: int = 0  # timed, at least
    seconds: int = 0  # to go on for at least
    warmup: int = 3
    threads: int = 1
    cpus: str = ""  # "0-3,5": the processors that it may use; "": as the system has it
    sample_s: int = 0  # the board's state is read so often while it runs; 0: never

    def options(self) -> list[str]:
        """For the runner."""
        said = ["--rounds", self.rounds, "--seconds", self.seconds, "--warmup", self.warmup]
        said += ["--threads", self.threads]
        if self.cpus:
            said += ["--cpus", self.cpus]
        return [str(part) for part in said]


@dataclass(frozen=True)
class Execution:
    """What a run gave; `samples`: the board's states meanwhile, for parse_states."""

    release: Release
    report: RunnerReport
    plan: RunPlan
    samples: bytes


def execute(
    board: Transport,
    target: Target,
    bundle: BundleFile,
    *,
    images: Images | None,
    plan: RunPlan,
    timeout: float,
    watcher: Watcher,
    release: Release | None = None,
    wait: float = WAIT_S,
) -> Execution:
    """Runs the bundle with a runner for `target` over an open connection; the current release stays current.

    Args:
        release: what is on the board already (`fetch_release`), to run that; else both are put there.
        wait: seconds to wait for others who use the board.

    Raises:
        SpanbitError: BOARD (other architecture, disk full, ...), TOOLCHAIN, TIMEOUT, BAD_BUNDLE,
            GOLDEN_MISMATCH (names the layer).
    """
    check_arch(board, target)
    runner = b""
    if release is None:
        watcher.stage(f"building the runner for {target.name}")
        runner = build_runner(target).read_bytes()
    watcher.stage(f"pushing to {board.name}" if runner else f"connected to {board.name}")
    lease = max(LEASE_S, 2 * timeout)
    with locked(board, f"run {bundle.name}", wait=wait, lease=lease, told=watcher.stage) as lock:
        if release is None:
            files = files_of(
                bundle.name, runner=runner, bundle=bundle.data, target=target.name, signature=bundle.signature
            )
            release = stage(lock, bundle.name, files, progress=watcher.bytes_sent)
            prune(lock, release)
        return _run(lock, release, bundle, images, plan, timeout, watcher)


def _run(
    lock: Lock,
    release: Release,
    bundle: BundleFile,
    images: Images | None,
    plan: RunPlan,
    timeout: float,
    watcher: Watcher,
) -> Execution:
    board = lock.board
    expected = Expected(
        layers=len(bundle.layer_names),
        images=0 if images is None else len(images.pixels),
        classes=bundle.class_count,
        rounds=plan.rounds,
        threads=plan.threads,
        seconds=plan.seconds,
    )
    folder = f"{release.root}/.{secrets.token_hex(4)}.tmp"
    command: Sequence[str] = (*board.emulator, release.runner, release.bundle, *plan.options())
    try:
        made = board.run(("mkdir", folder))
        if made.exit_code:
            raise board.failure("cannot make a folder", where=folder, why=made.complaint)
        if images is not None:
            command = (*command, *_send_images(board, images, folder, watcher))
        if plan.sample_s:
            command = watched(command, f"{folder}/states", plan.sample_s)
        watcher.stage(f"running on {board.name}")
        done = board.run(command, timeout=timeout)
        samples = board.get(f"{folder}/states") if plan.sample_s else b""
    finally:
        with contextlib.suppress(SpanbitError):
            board.run(("rm", "-rf", folder), timeout=10)
    report = report_of(board, done, expected, built_for=release.target)
    return Execution(release, report, plan, samples)


def _send_images(board: Transport, images: Images, folder: str, watcher: Watcher) -> list[str]:
    watcher.stage(f"sending {len(images.pixels)} images")
    data = images.pixels.tobytes()
    board.put(data, f"{folder}/images", lambda sent: watcher.bytes_sent(sent, len(data)))
    options = ["--images", f"{folder}/images"]
    if images.labels is not None:
        board.put(images.labels.tobytes(), f"{folder}/labels")
        options += ["--labels", f"{folder}/labels"]
    return options
