"""`spanbit keygen`, `sign`, `trust`: bundles that a board takes only from those it knows.

spanbit keygen release.key
spanbit sign demo.spb --key release.key
spanbit trust release.key.pub --as release@example.org --on ssh://pi@raspberrypi.local
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, WAIT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES


@click.command(epilog="Example: spanbit keygen release.key")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--comment", default="spanbit", show_default=True, help="Stands behind the public key.")
@click.option("--no-passphrase", is_flag=True, help="Ask for none: for a machine that signs by itself.")
def keygen(file: Path, comment: str, no_passphrase: bool) -> None:
    """Make an Ed25519 key pair to sign bundles with: FILE and FILE.pub, in OpenSSH's format."""
    from spanbit_deploy.signature import make_key

    passphrase = ""
    if not no_passphrase:
        passphrase = click.prompt(
            "passphrase (empty: none)",
            default="",
            hide_input=True,
            confirmation_prompt=True,
            show_default=False,
        )
    make_key(file, comment, passphrase)
    click.echo(f"written: {file} (keep it to yourself), {file}.pub (for `spanbit trust`)")


@click.command(epilog="Example: spanbit sign demo.spb --key release.key")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), required=True, help="OpenSSH private key, Ed25519.")
def sign(bundle: Path, key: Path) -> None:
    """Sign BUNDLE: writes BUNDLE.sig beside it, which `spanbit push` takes along."""
    from spanbit.cli.files import write_atomic

    from spanbit_deploy import signature
    from spanbit_deploy.bundle_file import load_bundle

    data = load_bundle(bundle, with_signature=False).data
    text = signature.sign(
        data, signature.read_key(key, lambda what: click.prompt(what, hide_input=True, err=True))
    )
    path = bundle.with_name(bundle.name + ".sig")
    write_atomic(path, text.encode())
    click.echo(f"written: {path}")


@click.command(
    epilog="Example: spanbit trust release.key.pub --as me@example.org --on ssh://pi@raspberrypi.local"
)
@click.argument("key", type=click.Path(path_type=Path))
@click.option("--as", "who", required=True, metavar="NAME", help="Whose key it is, like an e-mail address.")
@click.option("--on", required=True, help=f"Where: {PLACES}.")
@WAIT
@ACCEPT_HOST_KEY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def trust(key: Path, who: str, on: str, wait: float, accept_host_key: str, as_json: bool) -> None:
    """From now on a board takes bundles only that this public KEY, or another it trusts, has signed."""
    from spanbit_deploy.place import open_place
    from spanbit_deploy.release import locked
    from spanbit_deploy.release.trust import trust as trust_key
    from spanbit_deploy.signature import read_public_key

    public = read_public_key(key)
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with shown_progress() as watcher:
        watcher.stage(f"connecting to {on}")
        with board, locked(board, "trust", wait=wait, told=watcher.stage) as lock:
            trust_key(lock, who, public)
    if as_json:
        click.echo(json.dumps({"on": on, "who": who, "key": public}))
    else:
        click.echo(f"{on} takes signed bundles only, and trusts {who}")
