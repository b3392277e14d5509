"""Releases on boards with little userland: POSIX utilities and nothing else, BusyBox, Toybox.

Real programs: Debian's, which are kept from all that POSIX.1-2017 does not have; BusyBox' and Toybox' own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle
from spanbit.errors import SpanbitError
from spanbit.targets import load_target
from spanbit.targets.machine import this_arch
from spanbit_deploy.release import (
    Release,
    activate,
    files_of,
    list_releases,
    locked,
    push,
    remove,
    remove_all,
    rollback,
)
from spanbit_deploy.release.check import check_golden
from spanbit_deploy.release.layout import manifest_of, sums_of
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.release.verify import damage
from spanbit_deploy.state.facts import probe
from spanbit_deploy.toolchains import build_runner
from userlands import NAMES, Bare, userland


@pytest.fixture(params=NAMES)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bare]:
    with Bare(tmp_path / "home", userland(tmp_path / "bin", request.param)) as board:
        yield board


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("bundles")
    runner = build_runner(load_target("host")).read_bytes()
    bundles = [make_bundle(folder, seed=seed).read_bytes() for seed in range(3)]
    return [files_of("demo", runner=runner, bundle=bundle, target="host") for bundle in bundles]


def put_there(board: Bare, files: dict[str, bytes], command: str = "") -> Release:
    with locked(board, "push demo", wait=0) as lock:
        return push(lock, "demo", files, command=command)


def runs(board: Bare, release: Release) -> bool:
    current = f"{release.root}/current"
    return current_digest(board, "demo") == release.digest and check_golden(board, current, release) == 2


def test_the_life_of_releases(
    board: Bare, releases: list[dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    get = board.get
    monkeypatch.setattr(board, "get", lambda path, *rest: fetched.append(path) or get(path, *rest))
    first = put_there(board, releases[0])
    assert runs(board, first)
    second = put_there(board, releases[1])  # `current` is a link to a folder by now: it is not entered
    assert runs(board, second)
    names = {path.name for path in (board.home / first.folder).iterdir()}
    assert names == {"spb_runner", "demo.spb", "target", "SHA256SUMS"}
    with locked(board, "back", wait=0) as lock:
        assert rollback(lock, "demo").digest == first.digest
        assert runs(board, first)
        activate(lock, second)
    listed = list_releases(board)
    assert {one.digest: one.current for one in listed} == {first.digest: False, second.digest: True}
    assert all(abs(one.since - time.time()) < 600 for one in listed)

    with pytest.raises(SpanbitError, match=f"{second.digest} is current again"):
        put_there(board, releases[2], command="false")
    assert runs(board, second)
    with locked(board, "remove", wait=0) as lock:
        remove(lock, "demo", [first])
        assert {one.digest for one in list_releases(board)} >= {second.digest}
        remove_all(lock, "demo")
    assert list(board.home.joinpath(".spanbit").iterdir()) == []
    # All sums were calculated on the board: what was read back are the lists of them.
    assert {path.rpartition("/")[2] for path in fetched} == {"SHA256SUMS"}


def test_damage_is_found(board: Bare, releases: list[dict[str, bytes]]) -> None:
    first = put_there(board, releases[0])
    assert not put_there(board, releases[0]).uploaded
    for name in ("demo.spb", "spb_runner"):
        path = board.home / first.folder / name
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
        assert put_there(board, releases[0]).uploaded and runs(board, first)
    path.write_bytes(bytes(len(path.read_bytes())))  # no program any more: the files are read back
    assert put_there(board, releases[0]).uploaded and runs(board, first)
    path.chmod(0o644)  # nor is this one
    assert damage(board, first.folder, sums_of(manifest_of(releases[0]))) == ""


def test_the_doctor(board: Bare) -> None:
    facts = probe(board)
    assert facts.arch == this_arch() and facts.cores == os.cpu_count() and facts.userland_bits == 64
    assert facts.disk_free_kib and facts.ram_free_kib and facts.features and facts.state.load is not None
    assert "sha256sum" not in facts.tools and facts.perf is None
    paranoid = Path("/proc/sys/kernel/perf_event_paranoid")
    assert facts.perf_paranoid == (int(paranoid.read_text()) if paranoid.exists() else None)


def test_the_lock_holds_and_expires(board: Bare) -> None:
    lock_folder = board.home / ".spanbit" / "lock"
    with locked(board, "profile demo", wait=0) as lock:
        with pytest.raises(SpanbitError, match=r"in use[\s\S]*profile demo"), locked(board, "push", wait=0):
            pass
        assert {path.name for path in lock_folder.iterdir()} == {"owner"}  # who came second left nothing
        lock.sh("true", what="never")
        renewed = int((lock_folder / "renewed").read_text())
        assert abs(renewed - time.time()) < 60
        owner = (lock_folder / "owner").read_text().splitlines()
    assert not lock_folder.exists()

    def leave(renewed_s_ago: float) -> None:
        lock_folder.mkdir(exist_ok=True)
        begun = str(int(time.time() - 7200))
        (lock_folder / "owner").write_text("\n".join(["0123", owner[1], "", *owner[3:6], begun, ""]))
        (lock_folder / "renewed").write_text(f"{int(time.time() - renewed_s_ago)}\n")

    leave(14 * 60)
    with pytest.raises(SpanbitError, match="in use"), locked(board, "push", wait=0):
        pass
    leave(17 * 60)
    told: list[str] = []
    with locked(board, "push", wait=0, told=told.append):
        assert not (lock_folder / "owner").read_text().startswith("0123")
    assert "stale" in told[0] and os.listdir(board.home / ".spanbit") == []
