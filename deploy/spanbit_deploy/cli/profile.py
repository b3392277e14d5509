"""`spanbit profile`: times a bundle at a place, layer by layer, and keeps what it has measured.

spanbit profile demo.spb --on emulated:rpi4 --json
spanbit profile demo.spb --on ssh://pi@raspberrypi.local --threads 1,2,4 --out runs/pi
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.execute import place_and_images, show_messages
from spanbit_deploy.cli.fleet import fleet_of, many_boards, on_fleet
from spanbit_deploy.cli.watch import asker, shown_progress

if TYPE_CHECKING:
    from spanbit_deploy.inventory import Board
    from spanbit_deploy.transports import Transport

_THREADS_MAX = 8


def _threads(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """1 to 8, or several of them with commas between."""
    numbers = [int(part) if part.isdecimal() else 0 for part in value.split(",")]
    if not all(1 <= number <= _THREADS_MAX for number in numbers):
        raise click.BadParameter(f"{value!r} is no list of numbers from 1 to {_THREADS_MAX}, like 1,2,4")
    return tuple(dict.fromkeys(numbers))


def _cpus(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Processors as Linux lists them."""
    for part in value:
        if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", part):
            raise click.BadParameter(f"{part!r} is no list of processors, like 0-3 or 0,2")
    return value


@click.command(epilog="Example: spanbit profile demo.spb --on board --rounds 50 --out runs/board")
@place_and_images
@click.option("--rounds", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Timed runs.")
@click.option(
    "--seconds",
    default=0,
    show_default=True,
    type=click.IntRange(0, 86_400),
    help="Go on for at least so long, 10,000 rounds at most.",
)
@click.option(
    "--warmup",
    default=3,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Runs before the clock starts.",
)
@click.option(
    "--threads",
    callback=_threads,
    metavar="N[,N...]",
    default="1",
    show_default=True,
    help="Workers that share every layer; several numbers are measured one after the other.",
)
@click.option(
    "--cpus",
    callback=_cpus,
    metavar="LIST",
    multiple=True,
    help="Processors to stay on; given again, each is measured.  [default: any]",
)
@click.option(
    "--sample",
    default=2,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="Seconds between two looks at temperature and frequency meanwhile; 0: only before and after.",
)
@click.option("--cool-below", type=float, metavar="DEGREES", help="Wait until the board is no hotter.")
@click.option("--power", default="", help="Measure watts: board, or command:COMMAND that prints them.")
@click.option(
    "--versus", type=click.Path(path_type=Path), help="A .tflite file to time on the same board as well."
)
@click.option(
    "--versus-install", is_flag=True, help="Install LiteRT on the board for --versus, in spanbit's folder."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to keep the run in; of many boards, one in it each.",
)
@many_boards
def profile(
    bundle: Path,
    on: str,
    target: str | None,
    images: Path | None,
    labels: Path | None,
    count: int,
    release: str,
    timeout: float,
    wait: float,
    accept_host_key: str,
    as_json: bool,
    rounds: int,
    seconds: int,
    warmup: int,
    threads: tuple[int, ...],
    cpus: tuple[str, ...],
    sample: int,
    cool_below: float | None,
    power: str,
    versus: Path | None,
    versus_install: bool,
    out: Path | None,
    **many: Any,
) -> int:
    """Time BUNDLE on a board or on many, layer by layer, after its golden outputs were checked there."""
    from rich.console import Console

    from spanbit_deploy.place import open_place
    from spanbit_deploy.profile.folder import LoggedWatcher, check_folder, read_environment, write_folder
    from spanbit_deploy.profile.measure import Wish, measure
    from spanbit_deploy.profile.record import record_bytes
    from spanbit_deploy.subject import Wanted
    from spanbit_deploy.table import FLEET_COLUMNS, fleet_row, profile_view
    from spanbit_deploy.versus.tflite import check_versus
    from spanbit_deploy.watcher import Watcher

    if timeout <= seconds:
        raise SpanbitError(
            f"--seconds {seconds} does not fit into --timeout {timeout:g}",
            fix="layers are timed as long again: give --timeout three times the seconds",
            code=ExitCode.USAGE,
        )
    if versus is not None:
        check_versus(seconds, rounds)
    given = click.get_current_context().get_parameter_source("on") is not ParameterSource.DEFAULT
    fleet = fleet_of(on if given or many["inventory"] is None else None, **many)
    wanted = Wanted(bundle, on, target, release, images, labels, count)
    wish = Wish(
        *(on, rounds, seconds, warmup, threads, cpus or ("",), sample, cool_below, power),
        *(versus, versus_install, wait),
    )
    if fleet is not None:

        def work(transport: Transport, one: Board) -> dict[str, Any]:
            folder = None if out is None else out / one.name
            if folder is not None:
                check_folder(folder)
            log = LoggedWatcher(Watcher())
            mine = replace(wanted, on=one.on, target=target or one.target or None)
            found = measure(
                transport,
                mine.on_board(transport),
                bundle,
                wish=replace(wish, on=one.on),
                timeout=timeout,
                watcher=log,
            )
            if folder is not None:
                environment = read_environment(transport)
                write_folder(folder, found, environment=environment, log=log.text())
            return fleet_row(found)

        return on_fleet("profile", fleet, work, FLEET_COLUMNS, as_json=as_json)
    if out is not None:
        check_folder(out)
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with shown_progress() as shown:
        watcher = LoggedWatcher(shown)
        watcher.stage(f"connecting to {on}")
        with board:
            subject = wanted.on_board(board)
            found = measure(
                board,
                subject,
                bundle,
                wish=wish,
                timeout=timeout,
                watcher=watcher,
            )
            environment = {} if out is None else read_environment(board)
    if out is not None:
        write_folder(out, found, environment=environment, log=watcher.text())
    if as_json:
        click.echo(record_bytes(found), nl=False)
        return 0
    for run in found.runs:
        show_messages(found.message, run.figures)
        Console().print(profile_view(run))
    if out is None:
        click.echo("Keep it with --out DIR, then: spanbit report html DIR; spanbit compare DIR OTHER")
    else:
        click.echo(f"kept in {out}; next: spanbit report html {out}")
    return 0
