"""`spanbit run` and `spanbit profile`: the same way to a board, with and without a clock.

spanbit run demo.spb --on board
spanbit profile demo.spb --on emulated:rpi4 --json
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, TIMEOUT, WAIT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES

_F = TypeVar("_F", bound=Callable[..., Any])


def _shared(command: _F) -> _F:
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
            click.option(
                "--threads",
                default=1,
                show_default=True,
                type=click.IntRange(1, 8),
                help="Workers that share every layer.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        )
    ):
        command = option(command)
    return command


@click.command(epilog="Example: spanbit run demo.spb --on ssh://pi@raspberrypi.local --count 1000")
@_shared
def run(bundle: Path, as_json: bool, **options: Any) -> None:
    """Run BUNDLE at a place: check its golden outputs, classify images, print the accuracy."""
    from spanbit_deploy.images import default_images
    from spanbit_deploy.table import run_view

    if options["images"] is None and not default_images(bundle).is_file():
        raise SpanbitError(
            "no images to classify",
            where=str(bundle),
            why=f"there is no {default_images(bundle).name} beside it",
            fix="name some with --images FILE.npz",
            code=ExitCode.USAGE,
        )
    _show(bundle, rounds=0, view=run_view, as_json=as_json, **options)


@click.command(epilog="Example: spanbit profile demo.spb --on board --rounds 50")
@_shared
@click.option("--rounds", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Timed runs.")
def profile(bundle: Path, rounds: int, as_json: bool, **options: Any) -> None:
    """Time BUNDLE at a place, layer by layer, after its golden outputs were checked there."""
    from spanbit_deploy.table import profile_view

    _show(bundle, rounds=rounds, view=profile_view, as_json=as_json, **options)


def _show(
    path: Path,
    *,
    rounds: int,
    view: Callable[[Any], Any],
    as_json: bool,
    on: str,
    target: str | None,
    images: Path | None,
    labels: Path | None,
    count: int,
    timeout: float,
    release: str,
    wait: float,
    accept_host_key: str,
    threads: int,
) -> None:
    # Imported here: `spanbit --help` shall not wait for paramiko and numpy.
    from rich.console import Console

    from spanbit_deploy.bundle_file import bundle_name, load_bundle
    from spanbit_deploy.execute import execute
    from spanbit_deploy.fetch import fetch_release
    from spanbit_deploy.figures import run_figures
    from spanbit_deploy.images import load_images
    from spanbit_deploy.place import TargetChoice, choose_target, open_place

    if release and target:
        raise SpanbitError(
            "--release runs the runner that is on the board",
            why="--target is for a runner that is built now",
            fix="leave one of them out",
            code=ExitCode.USAGE,
        )
    board, there, pictures = open_place(on, accept_host_key=accept_host_key, ask=asker()), None, None
    bundle = None if release else load_bundle(path)
    if bundle is not None:  # a mistake in the files is found before anybody is called
        pictures = load_images(images, labels, bundle_path=path, shape=bundle.input, count=count)
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")
        with board:
            if bundle is None:
                there = fetch_release(board, bundle_name(path), release)
                bundle, choice = there.bundle, TargetChoice(there.target)
                pictures = load_images(images, labels, bundle_path=path, shape=bundle.input, count=count)
            else:
                choice = choose_target(on, board, bundle_target=bundle.target, wanted=target)
            done = execute(
                board,
                choice.target,
                bundle,
                images=pictures,
                rounds=rounds,
                timeout=timeout,
                watcher=watcher,
                threads=threads,
                release=None if there is None else there.release,
                wait=wait,
            )
    figures = run_figures(done, pictures, on=on, target=choice.target, emulated=board.emulated)
    if as_json:
        click.echo(
            json.dumps({"bundle": str(path), "message": choice.message, **figures.as_dict()}, indent=2)
        )
        return
    if choice.message:
        click.echo(choice.message, err=True)
    if threads > figures.cores:
        click.echo(
            f"note: {threads} threads on {figures.cores} cores of {on}: more than cores are no faster",
            err=True,
        )
    Console().print(view(figures))
