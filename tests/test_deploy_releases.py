"""Releases that are on a board: current, back, removed; a health check that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle
from release_helpers import Pusher, digests, tidy
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import (
    KEEP,
    activate,
    files_of,
    find_release,
    list_releases,
    locked,
    prune,
    remove,
    remove_all,
    rollback,
    stage,
)
from spanbit_deploy.release.check import check_golden
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


@pytest.fixture
def pushed(board: Local, runner: bytes) -> Pusher:
    return Pusher(board, runner)


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


def test_the_next_push_sweeps(board: Local, pushed: Pusher, bundles: list[bytes], root: Path) -> None:
    releases = root / "demo" / "releases"
    releases.mkdir(parents=True)
    for left in (releases / ".0f3a.1.tmp", root / "demo" / ".2.tmp", root / ".other.3.tmp"):
        left.mkdir()
        (left / "half a file").write_bytes(b"x")
    (root / "demo" / ".current.4.tmp").symlink_to("releases/nowhere")
    pushed(bundles[0])
    assert tidy(root)
