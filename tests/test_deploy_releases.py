"""Releases that are on a board: current, back, removed; a health check that fails; the lock; the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle, wait_until
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import (
    KEEP,
    Release,
    Step,
    activate,
    files_of,
    find_release,
    list_releases,
    locked,
    prune,
    push,
    remove,
    remove_all,
    rollback,
    stage,
)
from spanbit_deploy.release.check import check_golden
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Local


@pytest.fixture(scope="module")
def runner() -> bytes:
    return build_runner(load_target("host")).read_bytes()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("bundles")
    return [make_bundle(folder, seed=seed).read_bytes() for seed in range(KEEP + 2)]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Local]:
    with Local(tmp_path / "home") as board:
        yield board


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".spanbit"


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


@pytest.fixture
def pushed(board: Local, runner: bytes) -> Pusher:
    return Pusher(board, runner)


def digests(board: Local) -> set[str]:
    return {one.digest for one in list_releases(board, "demo")}


def tidy(root: Path) -> bool:
    return not list(root.rglob(".*")) and not (root / "lock").exists()


def test_back_and_forth(board: Local, pushed: Pusher, bundles: list[bytes], root: Path) -> None:
    first, second = pushed(bundles[0]), pushed(bundles[1])
    assert pushed.current == second.digest and check_golden(board, second.folder, second) == 2
    with locked(board, "back") as lock:
        assert rollback(lock, "demo").digest == first.digest == pushed.current
        assert rollback(lock, "demo").digest == second.digest == pushed.current
        activate(lock, find_release(board, "demo", first.digest[:6]))
    assert pushed.current == first.digest and tidy(root)
    listed = {one.digest: one for one in list_releases(board)}
    assert listed[first.digest].current and not listed[second.digest].current
    assert listed[first.digest].target == "host" and listed[first.digest].kib > 100


def test_nothing_to_go_back_to(board: Local, pushed: Pusher, bundles: list[bytes]) -> None:
    pushed(bundles[0])
    pushed(bundles[0])  # the same again is no earlier one
    with locked(board, "back") as lock, pytest.raises(SpanbitError, match="no earlier release"):
        rollback(lock, "demo")


def test_wrong_names(board: Local, pushed: Pusher, bundles: list[bytes]) -> None:
    digest = pushed(bundles[0]).digest
    for wanted, code, said in (
        (digest[:3], ExitCode.USAGE, "does not say which"),
        ("f" * 16, ExitCode.BOARD, digest),
        ("../../..", ExitCode.BOARD, "has no release"),
    ):
        with pytest.raises(SpanbitError, match=said) as caught:
            find_release(board, "demo", wanted)
        assert caught.value.code == code
    with pytest.raises(SpanbitError, match=r"no release of other is current[\s\S]*spanbit push other.spb"):
        find_release(board, "other", "current")


def test_the_current_one_and_the_one_before_it_stay(
    board: Local, pushed: Pusher, bundles: list[bytes], root: Path
) -> None:
    first, second = pushed(bundles[0]), pushed(bundles[1])
    with locked(board, "back") as lock:
        rollback(lock, "demo")
    for number in range(2, KEEP + 2):  # releases of others that are never current
        with locked(board, "run") as lock:
            files = files_of("demo", runner=b"no matter", bundle=bundles[number], target="host")
            staged = stage(lock, "demo", files)
            prune(lock, staged)
            # A board without a clock of its own may wake up in the past.
            os.utime(root / "demo" / "releases" / staged.digest, (1, 1))
        assert pushed.current == first.digest
        assert digests(board) == {first.digest, second.digest, staged.digest}


def test_removing(board: Local, pushed: Pusher, bundles: list[bytes], root: Path) -> None:
    first, second = pushed(bundles[0]), pushed(bundles[1])
    with locked(board, "remove") as lock:
        with pytest.raises(SpanbitError, match="is the current release"):
            remove(lock, "demo", [first, second])
        assert digests(board) == {first.digest, second.digest}
        remove(lock, "demo", [first])
        assert digests(board) == {second.digest}
        with pytest.raises(SpanbitError, match="cannot remove"):
            remove(lock, "demo", [first])
        remove_all(lock, "demo")
    assert not (root / "demo").exists() and tidy(root)


def test_a_release_that_gives_other_outputs_never_becomes_current(
    board: Local, pushed: Pusher, bundles: list[bytes], root: Path
) -> None:
    good = pushed(bundles[0])
    wrong = b'#!/bin/sh\nexec "${0%/*}/../../current/spb_runner" /dev/null\n'
    with pytest.raises(SpanbitError) as caught:
        pushed(bundles[1], runner=wrong)
    assert caught.value.code == ExitCode.BAD_BUNDLE
    mismatch = (
        b'#!/bin/sh\necho \'{"runner": 1, "error": {"status": 23, "text": "a layer differs", "layer": 2, '
        b'"layer_name": "conv1", "where": "x"}}\'\nexit 8\n'
    )
    with pytest.raises(SpanbitError, match="conv1") as caught:
        pushed(bundles[1], runner=mismatch)
    assert caught.value.code == ExitCode.GOLDEN_MISMATCH
    assert pushed.current == good.digest and tidy(root)


def test_a_health_check_that_fails_after_the_switch_switches_back(
    board: Local, pushed: Pusher, bundles: list[bytes], root: Path
) -> None:
    good = pushed(bundles[0], command='test -x "$1/spb_runner"')
    # A runner that fails once it is called through `current`.
    fails = b'#!/bin/sh\ncase $0 in */current/*) exit 1;; esac\nexec "${0%%/*}/../%s/spb_runner" "$@"\n'
    for runner, command, said in (
        (fails % good.digest.encode(), "", "runner failed"),
        (b"", "echo no light >&2; exit 3", "exit code 3: no light"),
    ):
        with pytest.raises(SpanbitError, match=f"{said}[\\s\\S]*{good.digest} is current again"):
            pushed(bundles[1], command=command, runner=runner)
        assert pushed.current == good.digest and tidy(root)
    with locked(board, "back") as lock, pytest.raises(SpanbitError, match="no earlier release"):
        rollback(lock, "demo")  # what never was good is nothing to go back to


def test_the_first_release_of_all_fails(pushed: Pusher, bundles: list[bytes], root: Path) -> None:
    with pytest.raises(SpanbitError, match="no release is current now"):
        pushed(bundles[0], command="false")
    assert not (root / "demo" / "current").is_symlink()


def test_the_current_release_itself_went_bad(pushed: Pusher, bundles: list[bytes]) -> None:
    first, second = pushed(bundles[0]), pushed(bundles[1])
    with pytest.raises(SpanbitError, match=f"{first.digest} is current again"):
        pushed(bundles[1], command="false")
    assert pushed.current == first.digest != second.digest


def test_a_damaged_release_is_not_activated(
    board: Local, pushed: Pusher, bundles: list[bytes], root: Path
) -> None:
    first, second = pushed(bundles[0]), pushed(bundles[1])
    folder = root / "demo" / "releases" / first.digest
    for name, content in (("demo.spb", bundles[2]), ("SHA256SUMS", b""), ("SHA256SUMS", b"0 x\n")):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        with locked(board, "back") as lock, pytest.raises(SpanbitError, match="damaged"):
            rollback(lock, "demo")
        (folder / name).write_bytes(before)
    assert pushed.current == second.digest


def test_what_the_board_has_is_not_sent_again(
    board: Local, pushed: Pusher, bundles: list[bytes], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    put = board.put

    def counted(data: bytes, path: str, progress: object = None) -> None:
        sent.append(path.rpartition("/")[2])
        put(data, path)

    monkeypatch.setattr(board, "put", counted)
    first = pushed(bundles[0])
    assert sent == ["spb_runner", "demo.spb", "target", "SHA256SUMS"]
    sent.clear()
    assert not pushed(bundles[0]).uploaded and not sent
    pushed(bundles[1])
    assert sent == ["demo.spb", "SHA256SUMS"]  # the runner is copied on the board
    sent.clear()
    runner = root / "demo" / "releases" / first.digest / "spb_runner"
    for folder in (root / "demo" / "releases").iterdir():  # copies that went bad are not taken
        (folder / "spb_runner").write_bytes(bytes(runner.stat().st_size))
    assert pushed(bundles[2]).uploaded and "spb_runner" in sent


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
    os.utime(lock, (time.time() - age,) * 2)


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


def test_the_next_push_sweeps(board: Local, pushed: Pusher, bundles: list[bytes], root: Path) -> None:
    releases = root / "demo" / "releases"
    releases.mkdir(parents=True)
    for left in (releases / ".0f3a.1.tmp", root / "demo" / ".2.tmp", root / ".other.3.tmp"):
        left.mkdir()
        (left / "half a file").write_bytes(b"x")
    (root / "demo" / ".current.4.tmp").symlink_to("releases/nowhere")
    pushed(bundles[0])
    assert tidy(root)


Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line in this process: exit code and both outputs."""
    monkeypatch.setenv("SPANBIT_BOARD_DIR", str(tmp_path / "board"))
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (int(ended.value.code or 0), *capsys.readouterr())

    return call


def test_the_commands(tmp_path: Path, cli: Cli) -> None:
    said = []
    for seed in (0, 1):
        code, out, err = cli("push", str(make_bundle(tmp_path, seed=seed)), "--on", "host", "--json")
        assert code == 0, err
        said.append(json.loads(out))
    first, second = (one["digest"] for one in said)
    assert (said[0]["before"], said[1]["before"], said[1]["uploaded"]) == ("", first, True)

    def ok(*arguments: str) -> str:
        code, out, err = cli(*arguments, "--on", "host")
        assert code == 0, err
        return out

    listed = ok("releases")
    assert first in listed and second in listed and "current" in listed
    assert first in ok("rollback", "tiny") and second in ok("activate", "tiny", second[:5])
    there = json.loads(ok("releases", "tiny", "--json"))["releases"]
    assert [one["digest"] for one in there if one["current"]] == [second]

    # What runs there is run again, without the file that it was made of; `current` stays.
    images = str(tmp_path / "tiny.test.npz")
    (tmp_path / "tiny.spb").unlink()
    for wanted in ("current", first[:6]):
        run = json.loads(ok("run", "tiny", "--release", wanted, "--images", images, "--json"))
        assert run["golden_count"] == 2 and run["target"] == "host" and not run["uploaded"]
    assert json.loads(ok("profile", "tiny", "--release", "current", "--rounds", "2", "--json"))["runs"]

    make_bundle(tmp_path, seed=2)
    ok("run", str(tmp_path / "tiny.spb"))  # puts a third there, and makes nothing current
    there = json.loads(ok("releases", "--json"))["releases"]
    assert len(there) == 3 and [one["digest"] for one in there if one["current"]] == [second]
    assert first in ok("remove", "tiny", first[:5])
    ok("remove", "tiny", "--all")
    assert "nothing is on host yet" in ok("releases")


def test_errors_of_the_commands(tmp_path: Path, cli: Cli) -> None:
    bundle = str(make_bundle(tmp_path))
    for arguments, code, said in (
        (("activate", "tiny", "0123"), ExitCode.BOARD, "spanbit push tiny.spb"),
        (("rollback", "tiny"), ExitCode.BOARD, "no earlier release"),
        (("remove", "tiny"), ExitCode.USAGE, "--all"),
        (("run", bundle, "--release", "current", "--target", "host"), ExitCode.USAGE, "--release"),
        (("run", bundle, "--release", "current"), ExitCode.BOARD, "no release of tiny is current"),
        (("push", bundle, "--check", "exit 3"), ExitCode.BOARD, "no release is current now"),
    ):
        ended, _, err = cli(*arguments, "--on", "host")
        assert (ended, said in err, "Traceback" in err) == (code, True, False), err


def test_a_killed_process_leaves_a_lock_that_the_next_removes(tmp_path: Path, cli: Cli) -> None:
    script = (
        "import os\nfrom spanbit_deploy.transports import Local\nfrom spanbit_deploy.release import locked\n"
        "with Local() as board, locked(board, 'push tiny'):\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert (tmp_path / "board" / "lock").is_dir()
    code, _, err = cli("push", str(make_bundle(tmp_path)), "--on", "host", "--wait", "0")
    assert code == 0 and "stale lock" in err, err
    assert not (tmp_path / "board" / "lock").exists()
