"""`spanbit board up|down|status`: the virtual board.

spanbit board up && spanbit profile demo.spb --on board
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from spanbit_deploy.cli.watch import shown_progress


@click.group(epilog="Example: spanbit board up && spanbit run demo.spb --on board")
def board() -> None:
    """The virtual board: a 64-bit ARM Linux under qemu that SSH reaches, for those who have no board."""


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value):
        raise click.BadParameter("letters, digits, - and _ only")
    return value


_NAME = click.option(
    "--name", default="", callback=_name, help="One more board; use it with --on board:NAME."
)


@board.command(epilog="Example: spanbit board up --icount")
@_NAME
@click.option(
    "--icount", is_flag=True, help="Its clock counts executed instructions, exactly, 1 ns for each."
)
@click.option(
    "--disk",
    type=click.Path(path_type=Path),
    help="File that keeps what is pushed; made if it is not there  [default: memory]",
)
def up(name: str, icount: bool, disk: Path | None) -> None:
    """Boot it; the first time, build its image from Debian packages (needs the network)."""
    from spanbit_deploy.board import up as boot

    with shown_progress() as watcher:
        found = boot(watcher, name, counted=icount, disk=disk)
    on = f"board:{name}" if name else "board"
    click.echo(f"the virtual board runs (process {found.pid}, 127.0.0.1:{found.port}); use it with --on {on}")


@board.command(epilog="Example: spanbit board down")
@_NAME
def down(name: str) -> None:
    """Stop it. What was pushed to it is gone, unless it has a disk; its image stays for the next time."""
    from spanbit_deploy.board import down as stop

    click.echo("the virtual board is stopped" if stop(name) else "the virtual board did not run")


@board.command(epilog="Example: spanbit board status --json")
@_NAME
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(name: str, as_json: bool) -> None:
    """Say whether it runs."""
    from spanbit_deploy.board import status as look

    found = look(name)
    if as_json:
        image = None if found.image is None else str(found.image)
        said = {"running": found.running, "pid": found.pid, "port": found.port, "image": image}
        said["icount"] = found.counted
        click.echo(json.dumps(said))
    elif found.running:
        counts = ", counts instructions" if found.counted else ""
        click.echo(f"runs: process {found.pid}, ssh on 127.0.0.1:{found.port}{counts}")
    else:
        click.echo("does not run; its image " + ("is built" if found.image else "is not built yet"))
