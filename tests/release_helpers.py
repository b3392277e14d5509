"""For the tests of releases on a board: who pushes, and what is there afterwards."""

from __future__ import annotations

from pathlib import Path

from spanbit_deploy.release import Release, files_of, list_releases, locked, push
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.transports import Local


class Pusher:
    """Pushes to one board, with a lock for each push."""

    def __init__(self, board: Local, runner: bytes) -> None:
        self.board, self._runner = board, runner

    def __call__(self, bundle: bytes, command: str = "", runner: bytes = b"") -> Release:
        files = files_of("demo", runner=runner or self._runner, bundle=bundle, target="host")
        with locked(self.board, "push demo", wait=0) as lock:
            return push(lock, "demo", files, command=command)

    @property
    def current(self) -> str:
        return current_digest(self.board, "demo")


def digests(board: Local) -> set[str]:
    return {one.digest for one in list_releases(board, "demo")}


def tidy(root: Path) -> bool:
    return not list(root.rglob(".*")) and not (root / "lock").exists()
