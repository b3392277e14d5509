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

from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.images import Images
from spanbit_deploy.place import check_arch
from spanbit_deploy.profile.conditions import watched
from spanbit_deploy.release import Release, push
from spanbit_deploy.runner_json import Expected, ReportError, RunnerFailure, RunnerReport, parse_report
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Result, Transport
from spanbit_deploy.watcher import Watcher

_CODES = {
    2: ExitCode.USAGE,
    3: ExitCode.BAD_INPUT,
    4: ExitCode.BAD_BUNDLE,
    5: ExitCode.BOARD,
    8: ExitCode.GOLDEN_MISMATCH,
}
_SIGILL = (-4, 132)  # as subprocess and as a shell report it


class RunnerError(SpanbitError):
    """A failure that the runner has reported itself; `layer_name`: of the layer to blame, or ""."""

    layer_name = ""


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
    """What a run gave; `samples`: the board's states meanwhile, for conditions.parse_states."""

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
) -> Execution:
    """Pushes the bundle and a runner for `target` over an open connection, and runs it.

    Raises:
        SpanbitError: BOARD (other architecture, disk full, ...), TOOLCHAIN, TIMEOUT, BAD_BUNDLE,
            GOLDEN_MISMATCH (names the layer).
    """
    check_arch(board, target)
    watcher.stage(f"building the runner for {target.name}")
    runner = build_runner(target).read_bytes()
    watcher.stage(f"pushing to {board.name}")
    release = push(board, bundle.name, runner=runner, bundle=bundle.data, progress=watcher.bytes_sent)
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
    return Execution(release, _report(board, target, done, expected), plan, samples)


def _send_images(board: Transport, images: Images, folder: str, watcher: Watcher) -> list[str]:
    watcher.stage(f"sending {len(images.pixels)} images")
    data = images.pixels.tobytes()
    board.put(data, f"{folder}/images", lambda sent: watcher.bytes_sent(sent, len(data)))
    options = ["--images", f"{folder}/images"]
    if images.labels is not None:
        board.put(images.labels.tobytes(), f"{folder}/labels")
        options += ["--labels", f"{folder}/labels"]
    return options


def _report(board: Transport, target: Target, done: Result, expected: Expected) -> RunnerReport:
    if done.exit_code in _SIGILL:
        raise board.failure(
            "the runner met an instruction that this CPU does not have",
            why=f"it was built for {target.name} ({target.cpu})",
            fix="name the board's own target with --target",
        )
    try:
        said = parse_report(done.text, expected)
    except ReportError as error:
        why = f"exit code {done.exit_code}; {error}; it said: {_printable(done)}"
        raise board.failure("the runner failed", why=why, fix="try it on the host: --on host") from error
    if isinstance(said, RunnerFailure):
        raise _failed(board, done.exit_code, said)
    if done.exit_code:
        raise board.failure("the runner failed", why=f"exit code {done.exit_code}: {_printable(done)}")
    return said


def _failed(board: Transport, exit_code: int, said: RunnerFailure) -> RunnerError:
    layer = f", layer {said.layer}" if said.layer >= 0 else ""
    name = f" ({said.layer_name})" if said.layer_name else ""
    code = _CODES.get(exit_code, ExitCode.INTERNAL)
    fixes = {
        ExitCode.GOLDEN_MISMATCH: "this board calculates something else than the compiler: run it --on host, "
        "and report both with the bundle",
        ExitCode.BAD_BUNDLE: "compile it again with `spanbit compile`",
        ExitCode.USAGE: "see `spanbit doctor --on` for what this board has",
        ExitCode.BOARD: "ask for fewer rounds or images",
    }
    status = f"status {said.status}" if said.status else f"the runner's exit code is {exit_code}"
    failure = RunnerError(
        f"{said.text}{layer}{name}",
        where=f"{board.name}: {said.where}",
        why=status,
        fix=fixes.get(code, ""),
        code=code,
    )
    failure.layer_name = said.layer_name
    return failure


def _printable(done: Result) -> str:
    text = done.complaint or done.text.strip()[:500] or "nothing"
    return "".join(c if c.isprintable() else " " for c in text)
