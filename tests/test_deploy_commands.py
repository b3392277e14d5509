"""The commands for releases: push, releases, activate, rollback, remove, and run of what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deploy_helpers import make_bundle
from spanbit.cli.main import main
from spanbit.errors import ExitCode

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
