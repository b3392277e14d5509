"""`spanbit doctor`: what is installed, what is missing, how to get it.

spanbit doctor --json
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from spanbit.errors import ExitCode

from spanbit_deploy.cli.fleet import Fleet, fleet_of, many_boards, on_fleet
from spanbit_deploy.cli.options import ACCEPT_HOST_KEY
from spanbit_deploy.cli.watch import asker
from spanbit_deploy.place import PLACES

if TYPE_CHECKING:
    from spanbit_deploy.inventory import Board
    from spanbit_deploy.state.facts import BoardFacts
    from spanbit_deploy.transports import Transport


@click.command(epilog="Example: spanbit doctor --on ssh://pi@raspberrypi.local")
@click.option("--on", help=f"Instead: what a board is, its state, what to change. {PLACES}.")
@many_boards
@ACCEPT_HOST_KEY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(on: str | None, accept_host_key: str, as_json: bool, **many: Any) -> int:
    """Say what is installed and what is missing on this machine, and how to get it; or look at boards.

    Exits with 0 when training, compiling for rpi4 and running on this machine work; of a board, when some
    target's runner runs there.
    """
    if on is not None or many["inventory"] is not None:
        fleet = fleet_of(on, **many)
        return _board(str(on), accept_host_key, as_json) if fleet is None else _boards(fleet, as_json)
    from spanbit_deploy.doctor import examine

    findings = examine()
    works = all(finding.ok for finding in findings if finding.needed)
    if as_json:
        click.echo(json.dumps({"works": works, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("", "", "state")
        table.add_column("detail", overflow="fold")
        table.add_column("how to get it", overflow="fold")
        for f in findings:
            state, style = (
                ("ok", "green") if f.ok else ("MISSING", "red") if f.needed else ("absent", "yellow")
            )
            table.add_row(f.group, f.name, Text(state, style), Text(f.detail), Text(f.fix))
        Console().print(table)
        click.echo("the main path works" if works else "something that is needed is MISSING")
    return ExitCode.OK if works else ExitCode.TOOLCHAIN


def _board(on: str, accept_host_key: str, as_json: bool) -> int:
    from rich.console import Console

    from spanbit_deploy.place import open_place
    from spanbit_deploy.state.facts import probe
    from spanbit_deploy.state.view import probe_view

    with open_place(on, accept_host_key=accept_host_key, ask=asker()) as board:
        facts = probe(board)
    said = _said(facts)
    if as_json:
        click.echo(json.dumps({"on": on, **said}, indent=2))
    else:
        Console().print(probe_view(facts, on))
    return ExitCode.OK if any(verdict["runs"] for verdict in said["targets"]) else ExitCode.BOARD


def _boards(fleet: Fleet, as_json: bool) -> int:
    from spanbit_deploy.state.facts import probe

    def work(transport: Transport, one: Board) -> dict[str, Any]:
        said = _said(probe(transport))
        return {
            **said,
            "runs": ", ".join(verdict["target"] for verdict in said["targets"] if verdict["runs"]),
        }

    columns = {"model": "model", "arch": "arch", "governor": "governor", "celsius": "°C", "runs": "targets"}
    return on_fleet("doctor", fleet, work, columns, as_json=as_json)


def _said(facts: BoardFacts) -> dict[str, Any]:
    from spanbit_deploy.state.verdicts import advice, verdicts

    return {
        **facts.as_dict(),
        "targets": [asdict(verdict) for verdict in verdicts(facts)],
        "advice": list(advice(facts)),
    }
