"""Runs a bundle at a place: push, golden check, classify, time.

done = execute(board, target, bundle, images=images, rounds=100, timeout=120, watcher=Watcher())
done.report.total_ns
"""

from __future__ import annotations

import contextlib
import secrets
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
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Transport


class Watcher:
    """Told what goes on; the command line shows it. This one is silent."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def bytes_sent(self, sent: int, total: int) -> None:
        """Within the upload."""


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
        expected = Expected(
            layers=len(bundle.layer_names),
            images=0 if images is None else len(images.pixels),
            classes=bundle.class_count,
            rounds=rounds,
            threads=threads,
        )
        options = ["--rounds", str(rounds), "--threads", str(threads)]
        report = _run(lock, release, images, expected, options, timeout, watcher)
    return Execution(release, report)


def _run(
    lock: Lock,
    release: Release,
    images: Images | None,
    expected: Expected,
    options: list[str],
    timeout: float,
    watcher: Watcher,
) -> RunnerReport:
    board = lock.board
    folder = f"{release.root}/.{secrets.token_hex(4)}.tmp"
    command = [*board.emulator, release.runner, release.bundle, *options]
    try:
        if images is not None:
            command += _send_images(board, images, folder, watcher)
        watcher.stage(f"running on {board.name}")
        done = board.run(command, timeout=timeout)
    finally:
        if images is not None:
            with contextlib.suppress(SpanbitError):
                board.run(("rm", "-rf", folder), timeout=10)
    return report_of(board, done, expected, built_for=release.target)


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
