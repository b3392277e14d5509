"""`spanbit run`: a bundle and its images to a place; and the options that `spanbit profile` shares with it.

spanbit run demo.spb --on board
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, TIMEOUT, WAIT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES

if TYPE_CHECKING:
    from spanbit_deploy.figures import RunFigures

_F = TypeVar("_F", bound=Callable[..., Any])


def place_and_images(command: _F) -> _F:
    """The bundle, where it goes, what it classifies there."""
    for option in reversed(
        (
            click.argument("bundle", type=click.Path(path_type=Path)),
            click.option("--on", default="host", show_default=True, help=f"Where: {PLACES}."),
            click.option("--target", help="Target to build the runner for  [default: what fits --on]"),
            click.option(
                "--images",
                type=click.Path(path_type=Path),
                help="Images: .npz, or raw uint8 one after the other  [default: BUNDLE.test.npz if there]",
            ),
            click.option("--labels", type=click.Path(path_type=Path), help="For raw images: a byte each."),
            click.option(
                "--count",
                default=200,
                show_default=True,
                type=click.IntRange(1, 100_000),
                help="Images at most.",
            ),
            click.option(
                "--release",
                default="",
                metavar="current|DIGEST",
                help="Run what is on the board already; of BUNDLE only the name counts.",
            ),
            TIMEOUT,
            WAIT,
            ACCEPT_HOST_KEY,
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        )
    ):
        command = option(command)
    return command


@click.command(epilog="Example: spanbit run demo.spb --on ssh://pi@raspberrypi.local --count 1000")
@place_and_images
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Workers that share every layer.",
)
def run(
    bundle: Path,
    on: str,
    target: str | None,
    images: Path | None,
    labels: Path | None,
    count: int,
    timeout: float,
    release: str,
    wait: float,
    accept_host_key: str,
    as_json: bool,
    threads: int,
) -> None:
    """Run BUNDLE at a place: check its golden outputs, classify images, print the accuracy."""
    # Imported here: `spanbit --help` shall not wait for paramiko and numpy.
    from rich.console import Console

    from spanbit_deploy.execute import RunPlan, execute
    from spanbit_deploy.figures import run_figures
    from spanbit_deploy.images import default_images
    from spanbit_deploy.place import open_place
    from spanbit_deploy.subject import Wanted
    from spanbit_deploy.table import run_view

    if images is None and not default_images(bundle).is_file():
        raise SpanbitError(
            "no images to classify",
            where=str(bundle),
            why=f"there is no {default_images(bundle).name} beside it",
            fix="name some with --images FILE.npz",
            code=ExitCode.USAGE,
        )
    wanted = Wanted(bundle, on, target, release, images, labels, count)
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")
        with board:
            subject = wanted.on_board(board)
            done = execute(
                board,
                subject.choice.target,
                subject.bundle,
                images=subject.images,
                plan=RunPlan(threads=threads),
                timeout=timeout,
                watcher=watcher,
                release=subject.release,
                wait=wait,
            )
    choice = subject.choice
    figures = run_figures(
        done, subject.images, bundle=subject.bundle, on=on, target=choice.target, board=board
    )
    if as_json:
        said = {"bundle": str(bundle), "message": choice.message, **figures.as_dict()}
        click.echo(json.dumps(said, indent=2))
        return
    show_messages(choice.message, figures)
    Console().print(run_view(figures))


def show_messages(message: str, figures: RunFigures) -> None:
    """What the user should know beside the figures, on standard error."""
    if message:
        click.echo(message, err=True)
    if figures.threads > figures.cores:
        click.echo(
            f"note: {figures.threads} threads on {figures.cores} cores of {figures.on}: "
            "more than cores are no faster",
            err=True,
        )
