"""The virtual board end to end: boot, push over real SSH, golden outputs, classify, profile.

The first run builds the board's image from Debian's packages and needs the network.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import keygen, make_bundle, public_key, spanbit
from spanbit.errors import ExitCode, SpanbitError
from spanbit_deploy.board import board_settings, down, status, up
from spanbit_deploy.transports import Ssh
from spanbit_deploy.watcher import Watcher

# openssl passwd -6 -salt spanbit "long words"
HASH = "$6$spanbit$29yLqH.cR7v.K25SQ8fcKTMPr3Q5gbnybqqh/1zakcZi3GOWE2RUCGmFRiJFLmz0.tZyyJwMsLTR07pVKRifI."


@pytest.fixture(scope="module")
def board() -> Iterator[None]:
    mine = not status().running
    up(Watcher())
    yield
    if mine:
        assert down() and not status().running and not down()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


def test_it_is_a_64_bit_arm_linux(board: None) -> None:
    with Ssh(board_settings()) as connection:
        assert connection.arch() == "aarch64" and connection.emulated
        assert connection.run(("uname", "-s")).text == "Linux\n"


def test_profile_and_run(board: None, bundle: Path) -> None:
    done = spanbit("profile", str(bundle), "--on", "board", "--rounds", "5", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["runs"][0]["figures"]
    assert (said["arch"], said["isa"], said["target"]) == ("aarch64", "neon64", "rpi4")
    assert said["golden_count"] == 2 and said["emulated"] and said["rounds"] == 5
    host = json.loads(spanbit("run", str(bundle), "--json").stdout)
    assert said["classified"] == host["classified"]
    shown = spanbit("profile", str(bundle), "--on", "board", "--rounds", "2", COLUMNS="200").stdout
    for line in shown.splitlines():  # if the machine counts at all, nobody may take it for a board's
        assert "counted a run" not in line or "emulated" in line, line
    again = spanbit("run", str(bundle), "--on", "board", "--json")
    assert again.returncode == 0 and not json.loads(again.stdout)["uploaded"]


def test_the_doctor(board: None, bundle: Path) -> None:
    def ask(**environment: str) -> dict[str, Any]:
        done = spanbit("doctor", "--on", "board", "--json", **environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    first = ask(SPANBIT_BOARD_DIR="nothing-was-pushed-here")
    assert first["perf"] is None and first["counters"] is None  # nobody there who could ask
    assert spanbit("run", str(bundle), "--on", "board").returncode == 0
    said = ask()
    with Ssh(board_settings()) as connection:
        script = (
            "uname -r; nproc; cd /proc; cat sys/kernel/perf_event_paranoid; sed -n 's/MemTotal: *//p' meminfo"
        )
        release, cores, paranoid, total = connection.run(("sh", "-c", script)).text.splitlines()
        runner = connection.run(("sh", "-c", "echo .spanbit/tiny/releases/*/spb_runner")).text.split()[0]
        counted = json.loads(connection.run((runner, "--counters")).text)
    assert (said["model"], said["arch"], said["machine"]) == ("linux,dummy-virt", "aarch64", "aarch64")
    assert said["kernel"] == f"Linux {release}" and said["userland_bits"] == 64
    assert re.fullmatch(r"glibc 2\.\d+", said["libc"])
    assert (said["cores"], said["core_types"]) == (int(cores), {"Cortex-A72": 1})
    assert (said["neon"], said["dotprod"], said["fp16"]) == (True, False, False)
    assert f"{said['ram_kib']} kB" == total and 0 < said["ram_free_kib"] < said["ram_kib"]
    assert said["clock_source"] == "arch_sys_counter"
    # Its files lie in the first file system, in memory, of which BusyBox' df says nothing.
    assert said["disk_free_kib"] is None
    assert said["perf_paranoid"] == int(paranoid) and said["is_root"]
    assert said["counters"] == counted["counters"]
    assert said["perf"] == ("instructions" in counted["counters"])
    # An emulated machine has none of these, and nothing is made up in their place.
    assert (said["clocks"], said["governor"], said["celsius"], said["throttled"]) == ([], "", None, None)
    runs = {verdict["target"]: verdict["runs"] for verdict in said["targets"]}
    assert runs["rpi4"] and runs["rpi3"] and runs["generic-aarch64"]
    assert not runs["rpi5"] and not runs["rpi2"] and not runs["host"]
    assert any("ssh-keygen" in line for line in said["advice"])
    shown = spanbit("doctor", "--on", "board", COLUMNS="110").stdout
    assert "Cortex-A72" in shown and "it does not say" in shown and len(shown.splitlines()) <= 40


def test_releases_on_busybox(board: None, tmp_path: Path) -> None:
    for seed in range(5):
        path = make_bundle(tmp_path, seed=seed)
        assert spanbit("profile", str(path), "--on", "board", "--rounds", "1").returncode == 0
    with Ssh(board_settings()) as connection:
        listed = connection.run(("sh", "-c", "ls -A .spanbit/tiny .spanbit/tiny/releases")).text
        assert len(connection.run(("ls", "-A", ".spanbit/tiny/releases")).text.split()) == 3
    assert ".tmp" not in listed


def test_another_architecture(board: None, bundle: Path) -> None:
    done = spanbit("profile", str(bundle), "--on", "board", "--target", "rpi2")
    assert done.returncode == ExitCode.BOARD
    assert "the board is aarch64, rpi2 is armv7" in done.stderr
    assert "use --target generic-aarch64" in done.stderr


def test_a_runner_for_a_newer_core_falls_back(board: None, tmp_path: Path) -> None:
    path = make_bundle(tmp_path, target="rpi5")
    done = spanbit("profile", str(path), "--on", "board", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["runs"][0]["figures"]["target"] == "generic-aarch64" and "rpi5" in said["message"]


def test_full_disk(board: None, bundle: Path) -> None:
    with Ssh(board_settings()) as connection:
        connection.run(("sh", "-c", "mkdir -p full && mount -t tmpfs -o size=100k none full"))
        try:
            done = spanbit("profile", str(bundle), "--on", "board", SPANBIT_BOARD_DIR="full")
            assert done.returncode == ExitCode.BOARD
            assert "no space is left" in done.stderr
            assert connection.run(("ls", "-A", "full/tiny/releases")).text == ""
        finally:
            connection.run(("sh", "-c", "umount full && rmdir full"))


def test_its_host_key_is_pinned(board: None, tmp_path: Path) -> None:
    settings = board_settings()
    (tmp_path / "known").write_text(f"{settings.host_key_name} {public_key(keygen(tmp_path / 'other'))}\n")
    with pytest.raises(SpanbitError, match="CHANGED"):
        Ssh(replace(settings, known_hosts=(tmp_path / "known",))).connect()


def test_a_password_is_asked_for(board: None) -> None:
    # A second server on the board, which takes passwords; it is reached through the first.
    asked: list[str] = []
    words = iter(["wrong", "long words"])

    def ask(what: str) -> str:
        asked.append(what)
        return next(words)

    settings = board_settings()
    with Ssh(settings) as connection:
        serve = "/sbin/dropbear -E -r /etc/dropbear/host_key -p 127.0.0.1:2222 -P /tmp/second"
        passwd = f"root:{HASH}:0:0:root:/root:/bin/sh"
        done = connection.run(("sh", "-c", f'echo "$1" > /etc/passwd && {serve}', "sh", passwd))
        assert done.exit_code == 0, done.stderr
        try:
            inner = replace(settings, port=2222, identity_files=(), jump=settings, ask=ask)
            with Ssh(inner) as second:
                assert second.run(("uname", "-m")).text == "aarch64\n"
            assert len(asked) == 2 and "password of root@127.0.0.1" in asked[0]
            with pytest.raises(SpanbitError, match="none of our keys"):
                Ssh(replace(inner, ask=None)).connect()
        finally:
            connection.run(("sh", "-c", "kill $(cat /tmp/second)"))


def test_a_second_up_is_quick_and_offline(board: None) -> None:
    # No proxy and no apt could be reached with these: nothing is fetched.
    begin = time.monotonic()
    done = spanbit("board", "up", http_proxy="http://127.0.0.1:1", APT_CONFIG="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert "runs" in done.stdout and time.monotonic() - begin < 10
    said = json.loads(spanbit("board", "status", "--json").stdout)
    assert said["running"] and said["image"]


def test_without_qemu(tmp_path: Path) -> None:
    done = spanbit("board", "up", PATH="/nonexistent", SPANBIT_CACHE=str(tmp_path))
    assert done.returncode == ExitCode.BOARD
    assert "qemu-system-aarch64" in done.stderr and "apt install qemu-system-arm" in done.stderr


def test_without_apt(tmp_path: Path) -> None:
    (tmp_path / "qemu-system-aarch64").write_text("#!/bin/sh\n")
    (tmp_path / "qemu-system-aarch64").chmod(0o700)
    done = spanbit("board", "up", PATH=str(tmp_path), SPANBIT_CACHE=str(tmp_path / "cache"))
    assert done.returncode == ExitCode.BOARD
    assert "apt-get" in done.stderr and "Debian or Ubuntu" in done.stderr


def test_not_running(bundle: Path, tmp_path: Path) -> None:
    done = spanbit("profile", str(bundle), "--on", "board", SPANBIT_CACHE=str(tmp_path))
    assert done.returncode == ExitCode.BOARD and "spanbit board up" in done.stderr
    assert "does not run" in spanbit("board", "status", SPANBIT_CACHE=str(tmp_path)).stdout
    assert "did not run" in spanbit("board", "down", SPANBIT_CACHE=str(tmp_path)).stdout


def test_a_board_that_counts_instructions(board: None, bundle: Path, tmp_path: Path) -> None:
    done = spanbit("board", "up", "--icount")
    assert done.returncode == ExitCode.BOARD and "spanbit board down" in done.stderr
    down()
    try:
        assert spanbit("board", "up", "--icount").returncode == 0
        assert status().counted and json.loads(spanbit("board", "status", "--json").stdout)["icount"]
        runs = []
        for name in ("a", "b"):
            out = str(tmp_path / name)
            done = spanbit("profile", str(bundle), "--on", "board", "--rounds", "5", "--out", out, "--json")
            assert done.returncode == 0, done.stderr
            runs.append(json.loads(done.stdout)["runs"][0]["figures"])
        first, second = runs
        assert "executed instruction" in first["note"]
        counted = [layer["instructions"] for layer in first["layers"]]
        # Apart from a handful, which depend on where the kernel has put the stack.
        again = [layer["instructions"] for layer in second["layers"]]
        assert all(abs(one - other) <= 16 for one, other in zip(counted, again, strict=True))
        totals = [run["counters"]["instructions"] for run in runs]
        assert abs(totals[0] - totals[1]) < 100 and abs(totals[0] - sum(counted)) < 5000
        # The clock is the same count, but for its own reading and the grain of the board's timer.
        for layer in first["layers"]:
            assert abs(layer["times"]["p50_ms"] * 1e6 - layer["instructions"]) < 500
        assert (
            spanbit("compare", str(tmp_path / "a"), str(tmp_path / "b"), "--fail-over", "1").returncode == 0
        )
    finally:
        down()
        up(Watcher())
