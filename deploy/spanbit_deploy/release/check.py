"""The health check: the runner of a release finds the golden outputs of its bundle, on the board.

check_golden(board, release.folder, release, timeout=60)
"""

from __future__ import annotations

from spanbit_deploy.release.layout import Release
from spanbit_deploy.runner_failure import golden_count
from spanbit_deploy.toolchains import RUNNER_NAME
from spanbit_deploy.transports import Transport

CHECK_TIMEOUT_S = 120.0


def check_golden(board: Transport, folder: str, release: Release, *, timeout: float = CHECK_TIMEOUT_S) -> int:
    """Runs it in `folder` (the release's own, or `current`); the number of golden outputs, all equal.

    Raises:
        SpanbitError: GOLDEN_MISMATCH, BAD_BUNDLE, BOARD, TIMEOUT: what the runner said.
    """
    command = (*board.emulator, f"{folder}/{RUNNER_NAME}", f"{folder}/{release.name}.spb")
    return golden_count(board, board.run(command, timeout=timeout), built_for=release.target)
