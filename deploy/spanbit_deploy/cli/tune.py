"""`spanbit tune`: a target file with the cost figures of your own board.

spanbit tune --on ssh://pi@raspberrypi.local --target rpi4 --out my-pi.toml
spanbit compile demo.pt --target ./my-pi.toml
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, TIMEOUT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES


@click.command(epilog="Example: spanbit tune --on ssh://pi@raspberrypi.local --target rpi4 --out my-pi.toml")
@click.option("--on", required=True, help=f"Where: {PLACES}.")
@click.option("--target", help="Target to start from  [default: what fits --on]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("tuned.toml"),
    show_default=True,
    help="Target file to write.",
)
@click.option("--rounds", default=30, show_default=True, type=click.IntRange(1, 10_000), help="Timed runs.")
@TIMEOUT
@ACCEPT_HOST_KEY
@click.option("--emulated-ok", is_flag=True, help="Take an emulator's times all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def tune(
    on: str,
    target: str | None,
    out: Path,
    rounds: int,
    timeout: float,
    accept_host_key: str,
    emulated_ok: bool,
    as_json: bool,
) -> None:
    """Time both kernels at a place and write a target file with its cost figures."""
    from rich.console import Console
    from spanbit.cli.files import write_atomic

    from spanbit_deploy.place import choose_target, open_place
    from spanbit_deploy.tune.figures import tune_figures
    from spanbit_deploy.tune.measure import measure
    from spanbit_deploy.tune.target_file import target_file
    from spanbit_deploy.tune.view import tune_view

    _check_out(out, target)
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    if board.emulated and not emulated_ok:
        raise SpanbitError(
            "an emulator's time is not a board's",
            where=on,
            why="figures made of it would choose kernels that are fast in the emulator",
            fix="tune on the board itself, --on ssh://USER@HOST; or add --emulated-ok to try the command out",
            code=ExitCode.USAGE,
        )
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")
        with board:
            chosen = choose_target(on, board, bundle_target="generic-aarch64", wanted=target).target
            timings = measure(board, chosen, rounds=rounds, timeout=timeout, watcher=watcher)
    figures = tune_figures(timings, on=on, target=chosen, emulated=board.emulated, rounds=rounds)
    extends = _relative(Path(target), out) if target and target.endswith(".toml") else chosen.name
    write_atomic(out, target_file(figures, extends).encode())
    if as_json:
        click.echo(json.dumps({"out": str(out), "extends": extends, **figures.as_dict()}, indent=2))
        return
    Console().print(tune_view(figures))
    click.echo(f"written: {out}\nnext: spanbit compile demo.pt --target {_relative(out, Path('x'))}")


def _check_out(out: Path, target: str | None) -> None:
    """Before anything is measured: whether the file can be written, and would not spoil another."""
    from spanbit.targets import check_name, load_target

    check_name(out)
    if target is not None:
        load_target(target)
    if not os.access(out.parent, os.W_OK | os.X_OK):
        fix = "check that the directory exists and is writable"
        raise SpanbitError("cannot write the file", where=str(out), fix=fix)
    if target is not None and target.endswith(".toml") and out.exists():
        raise SpanbitError(
            "the file is there already",
            where=str(out),
            why=f"{target} may be this file, or extend it, and the new one will extend {target}",
            fix="name another with --out, or remove it first",
            code=ExitCode.USAGE,
        )


def _relative(path: Path, beside: Path) -> str:
    """How a file is named from the folder of another."""
    return os.path.relpath(path, beside.parent)
