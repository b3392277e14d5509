"""A push that is interrupted at each of its steps: the board runs the old release or the new one, whole.

Against a real sshd: the connection is cut, and the process is killed. Against the virtual board: its power is
cut (tests/test_virtual_board_power.py).
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deploy_helpers import Proxy, Sshd, make_bundle, running_sshd
from spanbit.errors import SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import Release, Step, files_of, locked, push
from spanbit_deploy.release.check import check_golden
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Local, Ssh, SshSettings

STEPS = list(Step)
AFTER = STEPS.index(Step.SWITCH)
"""Before this step has begun nobody may see the new release."""


@dataclass(frozen=True)
class Scene:
    """A board that runs a release, and what is to be pushed."""

    server: Sshd
    known: Path
    new: dict[str, bytes]
    pushed: Path  # a board's folder with the old release current

    def settings(self, port: int) -> SshSettings:
        return SshSettings(
            name="ssh://board",
            host="127.0.0.1",
            port=port,
            user=getpass.getuser(),
            identity_files=(self.server.key,),
            agent=False,
            known_hosts=(self.known,),
            host_key_name="board",
        )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("faults")
    runner = build_runner(load_target("host")).read_bytes()
    old, new = (make_bundle(folder, seed=seed).read_bytes() for seed in (0, 1))
    with Local(folder / "home") as board, locked(board, "push") as lock:
        push(lock, "demo", files_of("demo", runner=runner, bundle=old, target="host"))
    with running_sshd(folder / "sshd") as server:
        known = folder / "known"
        known.write_text(f"board {server.known_hosts_line().partition(' ')[2]}")
        yield Scene(
            server,
            known,
            # Another runner too, so that everything has to be sent.
            files_of("demo", runner=runner + b"\0", bundle=new, target="host"),
            folder / "home" / ".spanbit",
        )


@pytest.fixture
def board_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPANBIT_BOARD_DIR", str(tmp_path / "board"))
    return tmp_path / "board"


def copy_old(scene: Scene, board_dir: Path) -> Release:
    shutil.copytree(scene.pushed, board_dir, symlinks=True)
    digest = os.readlink(board_dir / "demo" / "current").rpartition("/")[2]
    return Release("demo", digest, f"{board_dir}/demo")


def current_is_whole(folder: Path, old: Release) -> bool:
    """Whether it is the new one; fails where `current` is not a release that gives its golden outputs."""
    with Local(folder) as board:
        assert check_golden(board, f"{old.root}/current", old) == 2
        return current_digest(board, "demo") != old.digest


def assert_next_push_works(scene: Scene, folder: Path, board_dir: Path) -> None:
    with Local(folder) as board:
        with locked(board, "push", wait=2) as lock:
            new = push(lock, "demo", scene.new)
        assert current_digest(board, "demo") == new.digest
        assert check_golden(board, f"{new.root}/current", new) == 2
    assert not list(board_dir.rglob(".*")) and not (board_dir / "lock").exists()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_connection_is_cut(step: Step, scene: Scene, board_dir: Path, tmp_path: Path) -> None:
    old = copy_old(scene, board_dir)
    with Proxy(scene.server.port) as proxy:

        def cut(reached: Step) -> None:
            if reached is step:
                proxy.cut()

        with Ssh(scene.settings(proxy.port)) as board, pytest.raises(SpanbitError, match="lost") as caught:
            with locked(board, "push", reached=cut) as lock:
                push(lock, "demo", scene.new)
            raise SpanbitError("lost behind the last step")  # UNLOCK is done over another connection
    is_new = current_is_whole(tmp_path, old)
    assert not (is_new and STEPS.index(step) <= AFTER)
    if step is Step.CONFIRM:  # the network was back: it was switched back, and the user reads so
        assert not is_new and f"{old.digest} is current again" in caught.value.why
    # The network came back, so nothing is left of it.
    assert not list(board_dir.rglob(".*")) and not (board_dir / "lock").exists()
    assert_next_push_works(scene, tmp_path, board_dir)


KILLED = """
import json, os, sys
from pathlib import Path
from spanbit_deploy.release import Step, locked, push
from spanbit_deploy.transports import Ssh, SshSettings

said = json.load(sys.stdin)
settings = SshSettings(
    name="ssh://board", host="127.0.0.1", port=said["port"], user=said["user"], agent=False,
    identity_files=(Path(said["key"]),), known_hosts=(Path(said["known"]),), host_key_name="board",
)
files = {name: Path(path).read_bytes() for name, path in said["files"].items()}

def reached(step):
    if step.name == said["step"]:
        os.kill(os.getpid(), 9)

with Ssh(settings) as board, locked(board, "push", reached=reached) as lock:
    # In the middle of sending, not only before and behind it.
    def progress(sent, total):
        if said["step"] == "in the middle of SEND" and sent > total // 2:
            os.kill(os.getpid(), 9)
    push(lock, "demo", files, progress=progress)
"""


@pytest.mark.parametrize("step", [*(step.name for step in STEPS), "in the middle of SEND"])
def test_the_process_is_killed(step: str, scene: Scene, board_dir: Path, tmp_path: Path) -> None:
    old = copy_old(scene, board_dir)
    files = {}
    for name, data in scene.new.items():
        files[name] = str(tmp_path / name)
        (tmp_path / name).write_bytes(data)
    said = {
        "port": scene.server.port,
        "user": getpass.getuser(),
        "key": str(scene.server.key),
        "known": str(scene.known),
        "files": files,
        "step": step,
    }
    done = subprocess.run(
        [sys.executable, "-c", KILLED], input=json.dumps(said).encode(), check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr
    is_new = current_is_whole(tmp_path, old)
    if step in ("CONFIRM", "RECORD", "PRUNE", "UNLOCK"):  # it gave its golden outputs before the switch
        assert is_new
    else:
        assert not is_new
    assert_next_push_works(scene, tmp_path, board_dir)
