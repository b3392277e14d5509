"""What the runner does for boards with little userland: SHA-256, rename, sync, counters."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from spanbit.cbuild import POOL_FLAGS, build, include_dirs, runner_sources, runtime_sources
from spanbit.targets import load_target
from spanbit_deploy.runner_json import PROTOCOL
from spanbit_deploy.toolchains import build_runner

SANITIZE = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# Around the ends of blocks and of the room for the count of bits, and of the pieces that are read.
SIZES = (0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 16383, 16384, 16385, 100_003)


@pytest.fixture(scope="module", params=["host, sanitized", "rpi4"])
def runner(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The program, behind its emulator."""
    if request.param == "rpi4":
        target = load_target(request.param)
        return (*target.qemu, str(build_runner(target)))
    program = build(
        ("gcc", *SANITIZE, *POOL_FLAGS),
        (*runtime_sources(), *runner_sources()),
        include=include_dirs(),
        output_name="spb_runner",
    )
    return (str(program),)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_sha256_is_that_of_the_standard(runner: tuple[str, ...], tmp_path: Path) -> None:
    expected = ""
    paths = [str(tmp_path / f"{size} bytes") for size in SIZES]
    for size, path in zip(SIZES, paths, strict=True):
        data = bytes(i * i % 251 for i in range(size))
        Path(path).write_bytes(data)
        expected += f"{hashlib.sha256(data).hexdigest()}  {path}\n"
    done = run(*runner, "--sha256", *paths)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_sha256_of_what_cannot_be_read(runner: tuple[str, ...], tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"")
    for absent, why in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")):
        done = run(*runner, "--sha256", str(absent), str(there))
        assert done.returncode == 1 and why in done.stderr and str(absent) in done.stderr
        assert done.stdout == f"{hashlib.sha256().hexdigest()}  {there}\n"
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run((*runner, "--sha256", str(there)), stdout=full, check=False)
        assert done.returncode == 1


def test_a_link_is_replaced_and_not_entered(runner: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / f"link to {name}").symlink_to(name)
    done = run(*runner, "--rename", str(tmp_path / "link to new"), str(tmp_path / "link to old"))
    assert done.returncode == 0, done.stderr
    assert os.readlink(tmp_path / "link to old") == "new"
    assert not (tmp_path / "link to new").is_symlink() and not list((tmp_path / "old").iterdir())
    done = run(*runner, "--rename", str(tmp_path / "absent"), str(tmp_path / "new"))
    assert done.returncode == 1 and "No such file" in done.stderr and (tmp_path / "new").is_dir()


def test_sync(runner: tuple[str, ...]) -> None:
    done = run(*runner, "--sync")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_counters_are_those_that_the_kernel_gives(runner: tuple[str, ...]) -> None:
    done = run(*runner, "--counters")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["runner"] == PROTOCOL and said["isa"] and said["arch"]
    known = {"cycles", "instructions", "cache_misses", "branch_misses"}
    assert set(said["counters"]) <= known
    assert set(said["counters"]) == known or said["absent"]  # what is missing has a reason


@pytest.mark.parametrize("wrong", [["--sha256"], ["--rename", "a"], ["--sync", "a"], ["--counters", "a"]])
def test_wrong_errands_are_refused(runner: tuple[str, ...], wrong: list[str]) -> None:
    done = run(*runner, *wrong)
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["text"]
