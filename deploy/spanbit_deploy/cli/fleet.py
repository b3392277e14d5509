"""Options and output of commands that go to many boards (spanbit_deploy/fleet.py).

@many_boards
def push(..., on, **fleet): ...

spanbit push demo.spb --inventory boards.toml --group home --jobs 8
spanbit push demo.spb --inventory boards.toml --retry-failed
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.watch import shown_progress

if TYPE_CHECKING:
    from spanbit_deploy.fleet import Outcome, Work

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Fleet:
    """Which boards, and how many at a time."""

    inventory: Path
    groups: tuple[str, ...]
    names: tuple[str, ...]
    jobs: int
    retry_failed: bool


def many_boards(command: _F) -> _F:
    """The options that name boards of an inventory."""
    for option in reversed(
        (
            click.option(
                "--inventory", type=click.Path(path_type=Path), help="File of boards: TOML, or Ansible's."
            ),
            click.option("--group", "groups", multiple=True, help="Its boards; may be given again."),
            click.option("--board", "names", multiple=True, help="This board; may be given again."),
            click.option(
                "--jobs",
                default=8,
                show_default=True,
                type=click.IntRange(1, 256),
                help="Boards at a time.",
            ),
            click.option("--retry-failed", is_flag=True, help="Only those that failed the last time."),
        )
    ):
        command = option(command)
    return command


def fleet_of(
    on: str | None,
    inventory: Path | None,
    groups: tuple[str, ...],
    names: tuple[str, ...],
    jobs: int,
    retry_failed: bool,
) -> Fleet | None:
    """The fleet that is meant, or None for the one place of --on.

    Raises:
        SpanbitError: USAGE: both, or neither, or options of the one with the other.
    """
    if inventory is None:
        if on is None or groups or names or retry_failed:
            raise SpanbitError(
                "no inventory is named" if on is not None else "no board is named",
                fix="give --on PLACE for one board, or --inventory FILE for many",
                code=ExitCode.USAGE,
            )
        return None
    if on is not None:
        raise SpanbitError(
            "--on and --inventory name boards each", fix="leave one of them out", code=ExitCode.USAGE
        )
    return Fleet(inventory, groups, names, jobs, retry_failed)


def on_fleet(command: str, fleet: Fleet, work: Work, columns: dict[str, str], *, as_json: bool) -> int:
    """Does the work on all boards, prints one table (or JSON), remembers who failed; the exit code.

    `columns`: titles by the keys of what the work gives.
    """
    from rich.console import Console

    from spanbit_deploy.fleet import failed_last, on_all, remember
    from spanbit_deploy.inventory import choose, read_inventory

    boards = choose(read_inventory(fleet.inventory), groups=fleet.groups, names=fleet.names)
    if fleet.retry_failed:
        failed = failed_last(fleet.inventory, command)
        boards = tuple(board for board in boards if board.name in failed)
        if not boards:
            raise SpanbitError(
                "none of these boards has failed the last time",
                why=f"those that have: {', '.join(failed)}",
                code=ExitCode.USAGE,
            )
    with shown_progress() as watcher:
        watcher.stage(f"{command} on {len(boards)} boards, {fleet.jobs} at a time")
        outcomes = on_all(
            boards,
            work,
            jobs=fleet.jobs,
            told=watcher.stage,
            finished=lambda done: remember(fleet.inventory, command, done),
        )
    failures = [outcome.error for outcome in outcomes if outcome.error is not None]
    if as_json:
        said = {"boards": [outcome.as_dict() for outcome in outcomes], "failed": len(failures)}
        click.echo(json.dumps(said, indent=2))
    else:
        Console().print(_table(outcomes, columns))
        click.echo(f"{len(outcomes) - len(failures)} of {len(outcomes)} boards: done")
        if failures:
            click.echo("again, for those that failed: the same command with --retry-failed", err=True)
    codes = {error.code for error in failures}
    return int(codes.pop() if len(codes) == 1 else ExitCode.BOARD) if failures else 0


def _table(outcomes: list[Outcome], columns: dict[str, str]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("board", "", *columns.values(), "s", "what is wrong")
    for outcome in outcomes:
        state = Text("done", "green") if outcome.ok else Text("FAILED", "red")
        cells = [Text(str(outcome.data.get(key, ""))) for key in columns]
        error = outcome.error
        wrong = "" if error is None else error.what + (f": {error.why}" if error.why else "")
        table.add_row(Text(outcome.board.name), state, *cells, f"{outcome.seconds:.1f}", Text(wrong))
    return table
