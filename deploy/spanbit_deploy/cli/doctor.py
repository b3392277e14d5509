"""`spanbit doctor`: what is installed, what is missing, how to get it.

spanbit doctor --json
"""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from spanbit.errors import ExitCode


@click.command(epilog="Example: spanbit doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is installed and what is missing on this machine, and how to get it.

    Exits with 0 when training, compiling for rpi4 and running on this machine work.
    """
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
    ctx.exit(ExitCode.OK if works else ExitCode.TOOLCHAIN)
