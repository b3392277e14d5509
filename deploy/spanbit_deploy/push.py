"""From a bundle to a board that runs it: target, runner, release, current.

pushed = push_bundle(board, "ssh://pi@raspberrypi.local", bundle, target=None, watcher=Watcher())
pushed.digest, pushed.uploaded
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.place import check_arch, choose_target
from spanbit_deploy.release import KEEP, Step, files_of, locked, push
from spanbit_deploy.release.check import CHECK_TIMEOUT_S
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.release.lock import WAIT_S
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher


@dataclass(frozen=True)
class Pushed:
    """What a push did."""

    name: str
    digest: str
    before: str  # the digest that was current, "" for none
    uploaded: bool  # False: it was there
    target: str
    message: str  # on the choice of the target

    @property
    def summary(self) -> str:
        """In a few words."""
        sent = "sent" if self.uploaded else "it was there"
        switched = "it was current" if self.before == self.digest else f"before: {self.before or 'nothing'}"
        return f"{sent}, golden outputs equal, {switched}"


def push_bundle(
    board: Transport,
    on: str,
    bundle: BundleFile,
    *,
    target: str | None,
    watcher: Watcher,
    command: str = "",
    timeout: float = CHECK_TIMEOUT_S,
    keep: int = KEEP,
    wait: float = WAIT_S,
) -> Pushed:
    """Over an open connection; arguments as for `spanbit_deploy.release.push`.

    Raises:
        SpanbitError: BOARD, TOOLCHAIN, TIMEOUT, GOLDEN_MISMATCH; what was current is current.
    """
    choice = choose_target(on, board, bundle_target=bundle.target, wanted=target)
    check_arch(board, choice.target)
    watcher.stage(f"building the runner for {choice.target.name}")
    runner = build_runner(choice.target).read_bytes()
    files = files_of(
        bundle.name, runner=runner, bundle=bundle.data, target=choice.target.name, signature=bundle.signature
    )

    def reached(step: Step) -> None:
        watcher.stage(step.value)

    with locked(board, f"push {bundle.name}", wait=wait, told=watcher.stage, reached=reached) as lock:
        before = current_digest(board, bundle.name)
        release = push(
            *(lock, bundle.name, files),
            progress=watcher.bytes_sent,
            command=command,
            timeout=timeout,
            keep=keep,
        )
    return Pushed(bundle.name, release.digest, before, release.uploaded, choice.target.name, choice.message)
