"""Runs a bundle at a place: push, golden check, classify, time.

done = execute(board, target, bundle, images=images, rounds=100, timeout=120, watcher=Watcher())
done.report.total_ns
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass

from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.images import Images
from spanbit_deploy.place import check_arch
from spanbit_deploy.release import Release, push
from spanbit_deploy.runner_json import Expected, ReportError, RunnerFailure, RunnerReport, parse_report
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Result, Transport

_CODES = {
    3: ExitCode.BAD_INPUT,
    4: ExitCode.BAD_BUNDLE,
    5: ExitCode.BOARD,
    8: ExitCode.GOLDEN_MISMATCH,
}
_SIGILL = (-4, 132)  # as subprocess and as a shell report it


class Watcher:
    """Told what goes on; the command line shows it. This one is silent."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def bytes_sent(self, sent: int, total: int) -> None:
        """Within the upload."""


class RunnerError(SpanbitError):
    """A failure that the runner has reported itself; `layer_name`: of the layer to blame, or ""."""

    layer_name = ""


@dataclass(frozen=True)
class Execution:
    """What a run gave."""

    release: Release
    report: RunnerReport


def execute(
    board: Transport,
    target: Target,
    bundle: BundleFile,
    *,
    images: Images | None,
    rounds: int,
    timeout: float,
    watcher: Watcher,
    threads: int = 1,
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
        rounds=rounds,
        threads=threads,
    )
    folder = f"{release.root}/.{secrets.token_hex(4)}.tmp"
    command = [*board.emulator, release.runner, release.bundle, "--rounds", str(rounds)]
    command += ["--threads", str(threads)]
    try:
        if images is not None:
            command += _send_images(board, images, folder, watcher)
        watcher.stage(f"running on {board.name}")
        done = board.run(command, timeout=timeout)
    finally:
        if images is not None:
            with contextlib.suppress(SpanbitError):
                board.run(("rm", "-rf", folder), timeout=10)
    return Execution(release, _report(board, target, done, expected))


def _send_images(board: Transport, images: Images, folder: str, watcher: Watcher) -> list[str]:
    watcher.stage(f"sending {len(images.pixels)} images")
    made = board.run(("mkdir", folder))
    if made.exit_code:
        raise board.failure("cannot make a folder", where=folder, why=made.complaint)
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
