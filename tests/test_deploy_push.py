"""Pushing a release, and all that may go wrong in the middle: the release before it still runs.

Real sshd, a proxy that cuts the connection, a full disk, ctrl-C.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import Proxy, Sshd, make_bundle, running_sshd, spanbit, spanbit_command, wait_until
from spanbit.cbuild import cache_dir
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import KEEP, Release, files_of, locked, prune, stage
from spanbit_deploy.release import push as push_files
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.toolchains import build_runner
from spanbit_deploy.transports import Local, Ssh, SshSettings, Transport

LARGE = os.urandom(3 << 20)


@pytest.fixture(scope="module")
def runner() -> bytes:
    return build_runner(load_target("host")).read_bytes()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_bundle(tmp_path_factory.mktemp("bundle")).read_bytes()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("push") / "sshd") as server:
        yield server


@pytest.fixture
def board_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPANBIT_BOARD_DIR", str(tmp_path / "board"))
    return tmp_path / "board"


def ssh(server: Sshd, folder: Path, port: int | None = None) -> Ssh:
    (folder / "known").write_text(server.known_hosts_line(port))
    return Ssh(
        SshSettings(
            name="ssh://board",
            host="127.0.0.1",
            port=port or server.port,
            user=getpass.getuser(),
            identity_files=(server.key,),
            agent=False,
            known_hosts=(folder / "known",),
        )
    )


def push(board: Transport, name: str, *, runner: bytes, bundle: bytes, progress: Any = None) -> Release:
    files = files_of(name, runner=runner, bundle=bundle, target="host")
    with locked(board, f"push {name}", wait=5) as lock:
        return push_files(lock, name, files, progress=progress)


def put_there(board: Transport, name: str, *, runner: bytes, bundle: bytes) -> Release:
    """Stages it: it need not be a bundle that runs."""
    with locked(board, f"run {name}", wait=5) as lock:
        release = stage(lock, name, files_of(name, runner=runner, bundle=bundle, target="host"))
        prune(lock, release)
        return release


def runs(board: Transport, release: Release) -> bool:
    """Whether `current` is this release and whole: the runner checks the golden outputs of its bundle."""
    current = f"{release.root}/current"
    done = board.run((f"{current}/spb_runner", f"{current}/{release.name}.spb", "--rounds", "1"))
    same = current_digest(board, release.name) == release.digest
    return same and done.exit_code == 0 and '"ok": true' in done.text


def releases(board_dir: Path, name: str = "demo") -> set[str]:
    """Everything in the folder, hidden leftovers as well."""
    return set(os.listdir(board_dir / name / "releases"))


def leftovers(board_dir: Path, name: str = "demo") -> set[str]:
    return {path.name for path in (board_dir / name).rglob(".*")}


def test_layout_and_second_push(board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes) -> None:
    with Local(tmp_path) as board:
        seen: list[tuple[int, int]] = []
        first = push(board, "demo", runner=runner, bundle=bundle, progress=lambda *a: seen.append(a))
        assert first.uploaded and seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1] > len(runner) + len(bundle)
        current = board_dir / "demo" / "current"
        assert current.is_symlink() and os.readlink(current).startswith("releases/")
        assert sorted(os.listdir(current)) == ["SHA256SUMS", "demo.spb", "spb_runner", "target"]
        sums = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=current, check=False)
        assert sums.returncode == 0
        assert (current / "spb_runner").stat().st_mode & 0o777 == 0o755
        assert runs(board, first)
        again = push(board, "demo", runner=runner, bundle=bundle)
        assert not again.uploaded and len(releases(board_dir)) == 1 and not leftovers(board_dir)


def test_a_damaged_release_is_sent_again(
    board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes
) -> None:
    with Local(tmp_path) as board:
        first = push(board, "demo", runner=runner, bundle=bundle)
        path = board_dir / "demo" / "current" / "demo.spb"
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])  # same size
        assert not runs(board, first)
        again = push(board, "demo", runner=runner, bundle=bundle)
        assert again.uploaded and runs(board, again) and not leftovers(board_dir)


def test_old_releases_are_removed_but_not_the_last(
    board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes
) -> None:
    with Local(tmp_path) as board:
        names = []
        for number in range(KEEP + 2):
            push(board, "demo", runner=runner + bytes([number]), bundle=bundle)
            names.append(os.readlink(board_dir / "demo" / "current").rpartition("/")[2])
            path = board_dir / "demo" / "releases" / names[-1]
            os.utime(path, (1e9 + number, 1e9 + number))  # a second each, without waiting for it
        assert releases(board_dir) == set(names[-KEEP:])
        # A board without a clock of its own may wake up in the past: the current one stays all the same.
        for name in names[-KEEP:]:
            os.utime(board_dir / "demo" / "releases" / name, (4e9, 4e9))
        new = push(board, "demo", runner=runner, bundle=bundle)
        assert new.uploaded and runs(board, new)


def test_altered_on_the_way(
    board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Local(tmp_path) as board:
        old = push(board, "demo", runner=runner, bundle=bundle)
        put = board.put
        monkeypatch.setattr(board, "put", lambda data, path, progress=None: put(bytes(len(data)), path))
        with pytest.raises(SpanbitError, match="arrived altered") as caught:
            push(board, "demo", runner=runner, bundle=bundle + b"new")
        assert caught.value.code == ExitCode.BOARD
        assert runs(board, old) and not leftovers(board_dir) and len(releases(board_dir)) == 1


@pytest.mark.parametrize("comes_back", [True, False])
def test_connection_lost_in_the_middle(
    comes_back: bool, sshd: Sshd, board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes
) -> None:
    with ssh(sshd, tmp_path) as board:
        old = push(board, "demo", runner=runner, bundle=bundle)
    before = os.readlink(board_dir / "demo" / "current")
    with Proxy(sshd.port, cut_after=1 << 20, once=comes_back) as proxy:
        with ssh(sshd, tmp_path, proxy.port) as board, pytest.raises(SpanbitError) as caught:
            put_there(board, "demo", runner=runner, bundle=LARGE)
        assert proxy.cuts == 1
    assert caught.value.code == ExitCode.BOARD and "lost" in caught.value.what
    assert os.readlink(board_dir / "demo" / "current") == before
    if comes_back:
        assert not leftovers(board_dir)
    else:  # nobody could tidy up; the next push does, when the lock is old
        assert len(leftovers(board_dir)) == 1
        (board_dir / "lock" / "renewed").write_text("1\n")
        owner = (board_dir / "lock" / "owner").read_text().splitlines()
        (board_dir / "lock" / "owner").write_text("\n".join((*owner[:2], "", *owner[3:6], "1", "")))
    with ssh(sshd, tmp_path) as board:
        assert runs(board, old)
        assert put_there(board, "demo", runner=runner, bundle=LARGE).uploaded
        assert not leftovers(board_dir)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[int]:
    """A file system of 400 kB at `folder`, where we may mount one; else the limit of a file's size to use."""
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], check=False
        ).returncode
    )
    try:
        yield 0 if mounted else 200_000
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_over_ssh(board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes) -> None:
    with (
        full_disk(board_dir) as limit,
        running_sshd(tmp_path / "sshd", file_limit=limit) as server,
        ssh(server, tmp_path) as board,
    ):
        old = push(board, "demo", runner=runner, bundle=bundle)
        with pytest.raises(SpanbitError) as caught:
            put_there(board, "demo", runner=runner, bundle=LARGE)
        assert caught.value.code == ExitCode.BOARD and "cannot write" in caught.value.what
        assert limit or "no space is left" in caught.value.why
        assert runs(board, old) and not leftovers(board_dir) and len(releases(board_dir)) == 1


def test_full_disk_here(board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes) -> None:
    with full_disk(board_dir) as limit:
        bundle_file, where = tmp_path / "demo.spb", {"SPANBIT_BOARD_DIR": str(board_dir)}
        bundle_file.write_bytes(bundle)
        with Local(tmp_path) as board:
            old = push(board, "demo", runner=runner, bundle=bundle)
            fill = board_dir / "fill"
            if not limit:
                with contextlib.suppress(OSError):
                    fill.write_bytes(bytes(1 << 20))
            command = spanbit_command("profile", str(bundle_file), "--rounds", "1", "--target", "host")
            # Another target's release needs room that is not there.
            command = command if not limit else ["prlimit", "--fsize=20000", *command]
            bundle_file.write_bytes(make_bundle(tmp_path, seed=5).read_bytes())
            done = subprocess.run(
                command, env={**os.environ, **where}, capture_output=True, text=True, check=False
            )
            assert done.returncode == ExitCode.BOARD, done.stderr
            assert "cannot" in done.stderr and "Traceback" not in done.stderr
            fill.unlink(missing_ok=True)
            assert runs(board, old) and not leftovers(board_dir)


def test_ctrl_c_in_the_middle(sshd: Sshd, board_dir: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    environment = {
        **os.environ,
        "HOME": str(home),
        "SPANBIT_BOARD_DIR": str(board_dir),
        "SPANBIT_CACHE": str(cache_dir()),
    }
    path = make_bundle(tmp_path, seed=1)
    with Proxy(sshd.port, delay_s=0.05) as slow:
        (home / ".ssh" / "config").write_text(f"Host *\n  IdentityFile {sshd.key}\n")
        (home / ".ssh" / "known_hosts").write_text(sshd.known_hosts_line() + sshd.known_hosts_line(slow.port))
        done = spanbit("push", str(path), "--on", f"ssh://127.0.0.1:{sshd.port}", **environment)
        assert done.returncode == 0, done.stderr
        before = os.readlink(board_dir / "tiny" / "current")

        path = make_bundle(tmp_path, seed=2)
        process = subprocess.Popen(
            spanbit_command("push", str(path), "--on", f"ssh://127.0.0.1:{slow.port}"),
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: list((board_dir / "tiny" / "releases").glob(".*/*")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "interrupted" in said and "Traceback" not in said
    assert os.readlink(board_dir / "tiny" / "current") == before
    assert not leftovers(board_dir, "tiny")
    with Local(tmp_path) as board:
        digest = before.rpartition("/")[2]
        assert runs(board, Release("tiny", digest, f"{board_dir}/tiny"))


def test_names_cannot_break_out(board_dir: Path, tmp_path: Path, runner: bytes, bundle: bytes) -> None:
    name = "a b$(touch x);'"
    with Local(tmp_path) as board:
        assert runs(board, push(board, name, runner=runner, bundle=bundle))
    assert not list(tmp_path.rglob("x"))
