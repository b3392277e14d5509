"""What a runner's end means: its report, or an error that says what, where, why and what to do.

report = report_of(board, board.run(command), expected, built_for="rpi4")
"""

from __future__ import annotations

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.runner_json import (
    Expected,
    ReportError,
    RunnerFailure,
    RunnerReport,
    parse_golden,
    parse_report,
)
from spanbit_deploy.transports import Result, Transport

_CODES = {
    2: ExitCode.USAGE,
    3: ExitCode.BAD_INPUT,
    4: ExitCode.BAD_BUNDLE,
    5: ExitCode.BOARD,
    8: ExitCode.GOLDEN_MISMATCH,
}
_SIGILL = (-4, 132)  # as subprocess and as a shell report it


class RunnerError(SpanbitError):
    """A failure that the runner has reported itself; `layer_name`: of the layer to blame, or ""."""

    layer_name = ""


def report_of(board: Transport, done: Result, expected: Expected, *, built_for: str) -> RunnerReport:
    """The checked report of a run of a runner that was built for the target `built_for`.

    Raises:
        SpanbitError: BOARD, BAD_BUNDLE, GOLDEN_MISMATCH (names the layer), ...
    """
    _refuse_foreign(board, done, built_for)
    try:
        said = parse_report(done.text, expected)
    except ReportError as error:
        raise _no_report(board, done, error) from error
    if isinstance(said, RunnerFailure):
        raise _failed(board, done.exit_code, said)
    _refuse_exit(board, done)
    return said


def golden_count(board: Transport, done: Result, *, built_for: str) -> int:
    """How many golden outputs were equal, of a run that only checks them; raises as `report_of`."""
    _refuse_foreign(board, done, built_for)
    try:
        said = parse_golden(done.text)
    except ReportError as error:
        raise _no_report(board, done, error) from error
    if isinstance(said, RunnerFailure):
        raise _failed(board, done.exit_code, said)
    _refuse_exit(board, done)
    return said


def _refuse_foreign(board: Transport, done: Result, built_for: str) -> None:
    if done.exit_code in _SIGILL:
        raise board.failure(
            "the runner met an instruction that this CPU does not have",
            why=f"it was built for {built_for or 'another core'}",
            fix="name the board's own target with --target",
        )


def _no_report(board: Transport, done: Result, error: ReportError) -> SpanbitError:
    why = f"exit code {done.exit_code}; {error}; it said: {_printable(done)}"
    return board.failure("the runner failed", why=why, fix="try it on the host: --on host")


def _refuse_exit(board: Transport, done: Result) -> None:
    if done.exit_code:
        raise board.failure("the runner failed", why=f"exit code {done.exit_code}: {_printable(done)}")


def _failed(board: Transport, exit_code: int, said: RunnerFailure) -> RunnerError:
    layer = f", layer {said.layer}" if said.layer >= 0 else ""
    name = f" ({said.layer_name})" if said.layer_name else ""
    code = _CODES.get(exit_code, ExitCode.INTERNAL)
    fixes = {
        ExitCode.GOLDEN_MISMATCH: "this board calculates something else than the compiler: run it --on host, "
        "and report both with the bundle",
        ExitCode.BAD_BUNDLE: "compile it again with `spanbit compile`",
        ExitCode.USAGE: "see `spanbit doctor --on` for what this board has",
        ExitCode.BOARD: "ask for fewer rounds or images",
    }
    status = f"status {said.status}" if said.status else f"the runner's exit code is {exit_code}"
    failure = RunnerError(
        f"{said.text}{layer}{name}",
        where=f"{board.name}: {said.where}",
        why=status,
        fix=fixes.get(code, ""),
        code=code,
    )
    failure.layer_name = said.layer_name
    return failure


def _printable(done: Result) -> str:
    text = done.complaint or done.text.strip()[:500] or "nothing"
    return "".join(c if c.isprintable() else " " for c in text)
