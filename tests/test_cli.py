"""The command line's manners: help without torch, errors in four parts, exit codes, atomic files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.cli.main import cli, main
from spanbit.errors import ExitCode, SpanbitError


def _exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


def test_help_lists_all_commands_and_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys\nfrom spanbit.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit as stop: assert not stop.code\n"
        "assert not {'torch', 'numpy', 'paramiko'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("inspect", "profile", "board", "doctor"):
        assert name in done.stdout


def test_a_missing_bundle_is_told_in_parts_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert _exit_code("inspect", "no-such.spb") == ExitCode.BAD_INPUT
    text = capsys.readouterr().err
    assert "no-such.spb" in text and "why:" in text and "fix:" in text and "Traceback" not in text


def test_json_errors_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert _exit_code("inspect", "no-such.spb", "--json") == ExitCode.BAD_INPUT
    error = json.loads(capsys.readouterr().err)
    assert error["code"] == ExitCode.BAD_INPUT and error["where"] == "no-such.spb"


def test_unknown_command_is_a_usage_error() -> None:
    assert _exit_code("no-such-command") == ExitCode.USAGE


@pytest.mark.parametrize(
    ("raised", "code"),
    [(KeyboardInterrupt(), 130), (SpanbitError("x", code=ExitCode.BOARD), 6), (ValueError("x"), 1)],
)
def test_exit_codes(raised: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def action() -> None:
        raise raised

    assert guard(action, as_json=False, debug=False) == code
    assert "Traceback" not in capsys.readouterr().err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert _exit_code("--debug", "inspect", "no-such.spb") == ExitCode.BAD_INPUT
    assert "Traceback" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "demo.spb"
    write_atomic(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(SpanbitError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_every_listed_own_command_can_be_imported() -> None:
    from spanbit.cli.main import COMMANDS

    context = cli.make_context("spanbit", ["inspect"], resilient_parsing=True)
    for name in COMMANDS:
        assert cli.get_command(context, name) is not None  # type: ignore[attr-defined]
