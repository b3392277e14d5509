"""The lock on a board: who holds it, who waits, and what becomes of one whose owner is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle, wait_until
from release_helpers import Pusher, digests, tidy
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import Step, files_of, locked, push
from spanbit_deploy.release import lock as lock_module
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Local


@pytest.fixture(scope="module")
def runner() -> bytes:
    return build_runner(load_target("host")).read_bytes()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("bundles")
    return [make_bundle(folder, seed=seed).read_bytes() for seed in range(2)]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Local]:
    with Local(tmp_path / "home") as board:
        yield board


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".spanbit"


@pytest.fixture
def pushed(board: Local, runner: bytes) -> Pusher:
    return Pusher(board, runner)


def test_two_at_once_wait_for_each_other(tmp_path: Path, runner: bytes, bundles: list[bytes]) -> None:
    order: list[str] = []
    told: list[str] = []
    inside = threading.Event()
    files = [files_of("demo", runner=runner, bundle=bundle, target="host") for bundle in bundles[:2]]

    def second() -> None:
        inside.wait(10)
        with (
            Local(tmp_path) as board,
            locked(
                board, "push two", told=told.append, reached=lambda step: order.append(f"2 {step.name}")
            ) as second_lock,
        ):
            order.append("2 in")
            push(second_lock, "demo", files[1])

    thread = threading.Thread(target=second)
    thread.start()
    with Local(tmp_path) as board, locked(board, "push one") as lock:
        order.append("1 in")
        inside.set()
        wait_until(lambda: told)
        first = push(lock, "demo", files[0])
        assert current_digest(board, "demo") == first.digest
        order.append("1 out")
    thread.join(30)
    assert order[: order.index("2 in")] == ["1 in", "2 LOCK", "1 out"]
    assert "push one" in told[0] and "@" in told[0]  # who, and for what
    with Local(tmp_path) as board:
        assert current_digest(board, "demo") != first.digest and len(digests(board)) == 2


def test_never_two_hold_it(board: Local, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_POLL_S", 0.001)  # so that they get into each other's way
    inside: list[int] = []
    seen: list[int] = []

    def work(number: int) -> None:
        with Local(board.home) as mine:
            for _ in range(6):
                with locked(mine, "push", wait=120):
                    inside.append(number)
                    seen.append(len(inside))
                    mine.run(("true",))
                    inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert seen == [1] * 24 and tidy(root)


def test_who_waits_in_vain_is_told_who_it_is(board: Local) -> None:
    with locked(board, "profile demo"):
        with (
            pytest.raises(SpanbitError, match=r"in use[\s\S]*@[\s\S]*profile demo[\s\S]*--wait") as caught,
            locked(board, "push", wait=0),
        ):
            pass
        assert caught.value.code == ExitCode.TIMEOUT
    with locked(board, "push", wait=0):
        pass


OWNER = "0123\nbob@desk\n{process}\n16\npush demo\n{boot}\n{since}\n"


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def leave_lock(root: Path, *, process: str = "", boot: str = "", age: float = 0) -> None:
    """A lock as another would have left it."""
    lock = root / "lock"
    lock.mkdir(parents=True)
    text = OWNER.format(process=process, boot=boot or boot_id(), since=int(time.time() - age))
    (lock / "owner").write_text(text)


def ended_process() -> str:
    space = os.stat("/proc/self/ns/pid").st_ino
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    return f"{boot_id()} {space} {int(done.stdout)} 12345"


@pytest.mark.parametrize(
    "stale", ["an ended process", "a board started again", "an expired lease", "an empty file"]
)
def test_a_stale_lock_is_taken_away(stale: str, board: Local, root: Path) -> None:
    left = {
        "an ended process": {"process": ended_process()},
        "a board started again": {"boot": "0000"},
        "an expired lease": {"age": 17 * 60.0},
        "an empty file": {},
    }[stale]
    leave_lock(root, **left)  # type: ignore[arg-type]
    if stale == "an empty file":  # as a power cut leaves it
        (root / "lock" / "owner").write_text("")
    told: list[str] = []
    with locked(board, "push", wait=0, told=told.append):
        assert (root / "lock").is_dir()
    assert "stale" in told[0] and ("bob@desk" in told[0]) == (stale != "an empty file") and tidy(root)


@pytest.mark.parametrize("live", ["another machine's process", "a running process", "a lease that runs"])
def test_a_live_lock_is_respected(live: str, board: Local, root: Path) -> None:
    space = os.stat("/proc/self/ns/pid").st_ino
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    left = {
        "another machine's process": {"process": f"other {space} 1 1"},
        "a running process": {"process": f"{boot_id()} {space} {os.getpid()} {start}"},
        "a lease that runs": {"age": 14 * 60.0},
    }[live]
    leave_lock(root, **left)  # type: ignore[arg-type]
    with pytest.raises(SpanbitError, match="bob@desk"), locked(board, "push", wait=0):
        pass
    assert (root / "lock" / "owner").read_text().startswith("0123\n")


def test_a_lock_that_cannot_be_read(board: Local, root: Path) -> None:
    (root / "lock").mkdir(parents=True)
    (root / "lock" / "owner").write_text("\x1b[2Jnonsense\n")
    with pytest.raises(SpanbitError, match="cannot be read"), locked(board, "push", wait=0):
        pass


def test_a_step_without_the_lock_is_not_done(
    board: Local, runner: bytes, bundles: list[bytes], root: Path, pushed: Pusher
) -> None:
    old = pushed(bundles[0])

    def taken_away(step: Step) -> None:
        if step is Step.SWITCH:  # we were asleep for an hour, and another thought us dead
            (root / "lock" / "owner").write_text(OWNER.format(process="", boot=boot_id(), since=1))

    files = files_of("demo", runner=runner, bundle=bundles[1], target="host")
    with (
        pytest.raises(SpanbitError, match="lock on the board was taken away"),
        locked(board, "push", reached=taken_away) as lock,
    ):
        push(lock, "demo", files)
    assert pushed.current == old.digest
    assert (root / "lock" / "owner").read_text().startswith("0123\n")  # and is not ours to remove
