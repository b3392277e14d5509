"""The power of a board is cut in the middle of a push: what its disk holds afterwards runs.

A virtual board with a disk of its own (ext4, as a board's). Its process is killed, so that what its kernel
had not written is lost.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle
from spanbit.errors import SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.board import board_settings, down, status, up
from spanbit_deploy.release import Release, Step, files_of, locked, push
from spanbit_deploy.release.check import check_golden
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Ssh
from spanbit_deploy.watcher import Watcher

NAME = "power"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    disk = tmp_path_factory.mktemp("power") / "disk"
    up(Watcher(), NAME, disk=disk)
    yield disk
    down(NAME)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("bundles")
    runner = build_runner(load_target("rpi4")).read_bytes()
    bundles = [make_bundle(folder, seed=seed).read_bytes() for seed in (0, 1)]
    # Two runners, so that both are sent.
    return [files_of("demo", runner=runner + bytes(i), bundle=bundles[i], target="rpi4") for i in (0, 1)]


def test_power_cuts(disk: Path, files: list[dict[str, bytes]]) -> None:
    with Ssh(board_settings(NAME)) as board, locked(board, "push") as lock:
        old = push(lock, "demo", files[0])

    for step in (
        Step.VERIFY,
        Step.CONFIRM,
    ):  # all is sent and nothing is synced; the link has just been replaced

        def cut(reached: Step, step: Step = step) -> None:
            if reached is step:
                os.kill(status(NAME).pid, signal.SIGKILL)

        with (
            Ssh(board_settings(NAME)) as board,
            pytest.raises(SpanbitError) as caught,
            locked(board, "push", wait=2, reached=cut) as lock,
        ):
            push(lock, "demo", files[1])
        assert "lost" in caught.value.what and not status(NAME).running

        up(Watcher(), NAME, disk=disk)
        with Ssh(board_settings(NAME)) as board:
            digest = current_digest(board, "demo")
            assert check_golden(board, f"{old.root}/current", Release("demo", digest, old.root)) == 2
            assert step is Step.CONFIRM or digest == old.digest

    # The lock is of before the start, so it is stale; what was left is removed.
    told: list[str] = []
    with Ssh(board_settings(NAME)) as board:
        with locked(board, "push", wait=0, told=told.append) as lock:
            new = push(lock, "demo", files[1])
        assert "stale" in told[0] and current_digest(board, "demo") == new.digest
        assert ".tmp" not in board.run(("find", ".spanbit")).text
