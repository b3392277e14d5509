"""`spanbit verify demo.pt demo.spb`: the model, the bundle, and the place where it runs, layer by layer.

spanbit verify demo.pt demo.spb --on ssh://pi@raspberrypi.local --count 50
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from spanbit.cli.compile import channel_numbers
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.cli.options import ACCEPT_HOST_KEY, TIMEOUT
from spanbit_deploy.cli.watch import asker, shown_progress
from spanbit_deploy.place import PLACES

if TYPE_CHECKING:
    from spanbit.verify import Agreement

    from spanbit_deploy.bundle_file import BundleFile
    from spanbit_deploy.images import Images
    from spanbit_deploy.watcher import Watcher


@click.command(epilog="Example: spanbit verify demo.pt demo.spb --count 50")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--on", default="host", show_default=True, help=f"Where the bundle runs: {PLACES}.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Image files, or an .npz: `images`, perhaps the model's `logits`  [default: BUNDLE.test.npz]",
)
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Images.")
@click.option(
    "--agree",
    default=0.99,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the images whose class must be the model's.",
)
@click.option("--mean", callback=channel_numbers, help="Of the pixels, as for `spanbit compile`.")
@click.option("--std", callback=channel_numbers, help="The same, their deviation.")
@TIMEOUT
@ACCEPT_HOST_KEY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(model: Path, bundle: Path, data: Path | None, count: int, as_json: bool, **options: Any) -> None:
    """Run MODEL and the BUNDLE compiled from it on images; say where they differ first, if they do."""
    from rich.console import Console

    from spanbit_deploy.bundle_file import load_bundle
    from spanbit_deploy.images import default_images, images_of_folder, load_images
    from spanbit_deploy.verify import agreement_table, verify_model

    checked = load_bundle(bundle)
    if data is not None and data.is_dir():
        images = images_of_folder(data, checked.input, count)
    else:
        wanted = data or default_images(bundle)
        found = load_images(wanted, None, bundle_path=bundle, shape=checked.input, count=count)
        assert found is not None
        images = found
    with shown_progress() as watcher:
        agreement = verify_model(model, checked, images, watcher, options["mean"], options["std"])
        differs = _at_place(checked, images, watcher, **{key: options[key] for key in _PLACE})
    if as_json:
        click.echo(
            json.dumps({"model": str(model), "bundle": str(bundle), **_figures(agreement, differs)}, indent=2)
        )
    else:
        Console().print(agreement_table(agreement, differs, on=options["on"]))
    if differs:
        raise SpanbitError(
            f"layer {differs!r} gives other integers than the reference",
            where=options["on"],
            fix="this is a bug of the kernels: report it with the bundle",
            code=ExitCode.GOLDEN_MISMATCH,
        )
    if agreement.same_class < options["agree"] * agreement.images:
        raise SpanbitError(
            f"{agreement.same_class} of {agreement.images} images have the model's class",
            where=str(model),
            why=f"first difference: {agreement.first_difference}",
            fix="see the table; --agree sets the share that is wanted",
            code=ExitCode.GOLDEN_MISMATCH,
        )


_PLACE = ("on", "timeout", "accept_host_key")


def _figures(agreement: Agreement, differs: str) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(agreement), "first_difference": agreement.first_difference, "place_differs_at": differs}


def _at_place(
    bundle: BundleFile, images: Images, watcher: Watcher, *, on: str, timeout: float, accept_host_key: str
) -> str:
    """The first layer that the place calculates otherwise than the reference; "": none."""
    from spanbit.verify import compare_runtime

    from spanbit_deploy.place import open_place
    from spanbit_deploy.verify import differs_on_board

    if on == "host":
        watcher.stage("running every layer on the host")
        return compare_runtime(bundle.data, images.pixels, where=bundle.name)
    board = open_place(on, accept_host_key=accept_host_key, ask=asker())
    with board:
        return differs_on_board(board, on, bundle, images, timeout=timeout, watcher=watcher)
