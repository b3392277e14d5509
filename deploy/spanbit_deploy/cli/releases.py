"""`spanbit push`, `releases`, `activate`, `rollback`, `remove`: what a board runs.

spanbit push demo.spb --on ssh://pi@raspberrypi.local
spanbit releases --on ssh://pi@raspberrypi.local
spanbit rollback demo --on ssh://pi@raspberrypi.local
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.fleet import fleet_of, many_boards, on_fleet
from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, CHECK_TIMEOUT, WAIT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES

if TYPE_CHECKING:
    from spanbit_deploy.inventory import Board
    from spanbit_deploy.release import Lock
    from spanbit_deploy.transports import Transport

_F = TypeVar("_F", bound=Callable[..., Any])
_NAME = click.argument("name", type=click.Path(path_type=Path))
_COMMAND = click.option(
    "--check",
    "command",
    default="",
    metavar="COMMAND",
    help="Shell command that must succeed on the board afterwards; $1 is the release's folder.",
)
_KEEP = click.option(
    "--keep", default=3, show_default=True, type=click.IntRange(2, 1000), help="Releases that stay."
)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _place(command: _F) -> _F:
    on = click.option("--on", required=True, help=f"Where: {PLACES}.")
    for option in reversed((on, WAIT, ACCEPT_HOST_KEY, _JSON)):
        command = option(command)
    return command


@click.command(epilog="Example: spanbit push demo.spb --on ssh://pi@raspberrypi.local")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--target", help="Target to build the runner for  [default: what fits --on]")
@click.option("--on", help=f"One board: {PLACES}.")
@many_boards
@_COMMAND
@_KEEP
@CHECK_TIMEOUT
@WAIT
@ACCEPT_HOST_KEY
@_JSON
def push(
    bundle: Path,
    target: str | None,
    command: str,
    keep: int,
    timeout: float,
    on: str | None,
    wait: float,
    accept_host_key: str,
    as_json: bool,
    **many: Any,
) -> int:
    """Put BUNDLE and its runner on boards, check them there, and make them the current release."""
    from spanbit_deploy.bundle_file import load_bundle
    from spanbit_deploy.place import open_place
    from spanbit_deploy.push import push_bundle

    fleet = fleet_of(on, **many)
    checked = load_bundle(bundle)
    if fleet is not None:

        def work(transport: Transport, one: Board) -> dict[str, Any]:
            from spanbit_deploy.watcher import Watcher

            options: dict[str, Any] = {"command": command, "timeout": timeout, "keep": keep, "wait": wait}
            wanted = target or one.target or None
            done = push_bundle(transport, one.on, checked, target=wanted, watcher=Watcher(), **options)
            return asdict(done)

        columns = {"digest": "runs", "before": "before", "target": "runner for"}
        return on_fleet("push", fleet, work, columns, as_json=as_json)
    assert on is not None
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")
        with board:
            pushed = push_bundle(
                board,
                on,
                checked,
                target=target,
                command=command,
                timeout=timeout,
                keep=keep,
                wait=wait,
                watcher=watcher,
            )
    if as_json:
        click.echo(json.dumps({"on": on, **asdict(pushed)}, indent=2))
        return 0
    if pushed.message:
        click.echo(pushed.message, err=True)
    click.echo(f"{on} runs {pushed.name} {pushed.digest}: {pushed.summary}")
    return 0


@click.command(epilog="Example: spanbit releases demo --on ssh://pi@raspberrypi.local")
@click.argument("name", type=click.Path(path_type=Path), required=False)
@_place
def releases(name: Path | None, on: str, wait: float, accept_host_key: str, as_json: bool) -> None:
    """List what is on a board, all networks or that of NAME; the current release is marked."""
    from rich.console import Console

    from spanbit_deploy.bundle_file import bundle_name
    from spanbit_deploy.place import open_place
    from spanbit_deploy.release import list_releases
    from spanbit_deploy.release.view import releases_table

    with open_place(on, accept_host_key=accept_host_key, ask=asker()) as board:
        found = list_releases(board, "" if name is None else bundle_name(name))
    if as_json:
        click.echo(json.dumps({"on": on, "releases": [asdict(one) for one in found]}, indent=2))
    elif found:
        Console().print(releases_table(found))
    else:
        click.echo(f"nothing is on {on} yet; spanbit push BUNDLE --on {on} puts something there")


@click.command(epilog="Example: spanbit activate demo 0f3a --on ssh://pi@raspberrypi.local")
@_NAME
@click.argument("digest")
@_COMMAND
@CHECK_TIMEOUT
@_place
def activate(
    name: Path,
    digest: str,
    command: str,
    timeout: float,
    on: str,
    wait: float,
    accept_host_key: str,
    as_json: bool,
) -> None:
    """Make release DIGEST of NAME current that is on the board; the beginning of a digest is enough."""
    from spanbit_deploy.release import activate as make_current
    from spanbit_deploy.release import find_release

    with _locked(f"activate {name}", on, wait, accept_host_key) as (lock, plain):
        release = find_release(lock.board, plain(name), digest)
        make_current(lock, release, command=command, timeout=timeout)
    _say(on, release.name, release.digest, as_json)


@click.command(epilog="Example: spanbit rollback demo --on ssh://pi@raspberrypi.local")
@_NAME
@_COMMAND
@CHECK_TIMEOUT
@_place
def rollback(
    name: Path, command: str, timeout: float, on: str, wait: float, accept_host_key: str, as_json: bool
) -> None:
    """Make that release of NAME current that was current, and good, before."""
    from spanbit_deploy.release import rollback as go_back

    with _locked(f"rollback {name}", on, wait, accept_host_key) as (lock, plain):
        release = go_back(lock, plain(name), command=command, timeout=timeout)
    _say(on, release.name, release.digest, as_json)


@click.command(epilog="Example: spanbit remove demo 0f3a --on ssh://pi@raspberrypi.local")
@_NAME
@click.argument("digests", nargs=-1, metavar="[DIGEST]...")
@click.option("--all", "everything", is_flag=True, help="All of NAME, the current release too.")
@_place
def remove(
    name: Path,
    digests: tuple[str, ...],
    everything: bool,
    on: str,
    wait: float,
    accept_host_key: str,
    as_json: bool,
) -> None:
    """Remove releases of NAME from a board; the current one only with --all."""
    from spanbit_deploy.release import find_release, remove_all
    from spanbit_deploy.release import remove as take_away

    if bool(digests) == everything:
        raise SpanbitError(
            "say which releases to remove", fix="name digests, or give --all", code=ExitCode.USAGE
        )
    with _locked(f"remove {name}", on, wait, accept_host_key) as (lock, plain):
        if everything:
            remove_all(lock, plain(name))
        else:
            found = [find_release(lock.board, plain(name), digest) for digest in digests]
            take_away(lock, plain(name), found)
    removed = ["all"] if everything else [release.digest for release in found]
    if as_json:
        click.echo(json.dumps({"on": on, "name": str(name), "removed": removed}))
    else:
        click.echo(f"removed from {on}: {name} {', '.join(removed)}")


@contextmanager
def _locked(
    purpose: str, on: str, wait: float, accept_host_key: str
) -> Iterator[tuple[Lock, Callable[[Path], str]]]:
    """A connection with the board's lock, and what makes a name on a board of a user's word."""
    from spanbit_deploy.bundle_file import bundle_name
    from spanbit_deploy.place import open_place
    from spanbit_deploy.release import locked

    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")

        def reached(step: Any) -> None:
            watcher.stage(str(step.value))

        with board, locked(board, purpose, wait=wait, told=watcher.stage, reached=reached) as lock:
            yield lock, bundle_name


def _say(on: str, name: str, digest: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"on": on, "name": name, "digest": digest}))
    else:
        click.echo(f"{on} runs {name} {digest}")
