"""`spanbit compile demo.pt --target rpi4`: model -> graph -> passes -> bundle, and its report.

Golden images are the first real test images, from NAME.test.npz beside the model or a file that is named.
"""

from __future__ import annotations

import io
import zipfile
from importlib import import_module
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from spanbit.cli.files import read_file, write_atomic
from spanbit.cli.inspect import show
from spanbit.cli.progress import shown
from spanbit.errors import SpanbitError


def channel_numbers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Of an option: numbers with commas between, one a channel or one for all."""
    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter("give one number, or one a channel: 0.485,0.456,0.406") from error


@click.command("compile", epilog="Example: spanbit compile demo.pt --target rpi4")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--target", default="rpi4", show_default=True, help="Board to compile for.")
@click.option("--out", type=click.Path(path_type=Path), help="Bundle to write  [default: MODEL.spb]")
@click.option("--golden", default=4, show_default=True, type=click.IntRange(1, 256), help="Golden images.")
@click.option(
    "--golden-images",
    "images_file",
    type=click.Path(path_type=Path),
    help="Where they are  [default: MODEL.test.npz]",
)
@click.option(
    "--mean", callback=channel_numbers, help="MODEL (no checkpoint) takes (pixel / 255 - MEAN) / STD;"
)
@click.option("--std", callback=channel_numbers, help="one number each, or one a channel: 0.5,0.5,0.5.")
@click.option("--explain", is_flag=True, help="First say what became of every layer of the network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compile_command(
    model: Path,
    target: str,
    out: Path | None,
    golden: int,
    images_file: Path | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Compile MODEL (a checkpoint, ONNX, Larq or Keras) into a bundle and report each layer."""
    board = import_module("spanbit.targets").load_target(target)  # the cheap check first
    images = golden_images(images_file or model.with_suffix(".test.npz"), golden)
    importers, source = import_module("spanbit.importers"), read_file(model)
    explanation = importers.explain_file(source, where=str(model), mean=mean, std=std)
    graph = explanation.graph
    if explain:
        click.echo(explanation, err=as_json)  # one JSON object on standard output stays one
    with shown("compiling") as progress:
        compiled = import_module("spanbit.passes").compile_graph(graph, board, progress=progress)
        data: bytes = import_module("spanbit.bundle").write_bundle(compiled, images, progress)
    write_atomic(out or model.with_suffix(".spb"), data)
    show(compiled.graph, data, as_json=as_json)


def golden_images(path: Path, count: int) -> NDArray[np.uint8]:
    """The first `count` images [count, H, W, C] of an archive written by `spanbit train`."""
    data = read_file(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            images = archive["images"]
    except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _bad_images(path, str(error)) from error
    if images.dtype != np.uint8 or images.ndim != 4:
        raise _bad_images(path, f"images are {images.dtype} {images.shape}")
    if len(images) < count:
        raise _bad_images(path, f"it holds {len(images)} images, {count} are asked for")
    return np.ascontiguousarray(images[:count], dtype=np.uint8)


def _bad_images(path: Path, why: str) -> SpanbitError:
    fix = "write an npz with `images`, uint8 [N, H, W, C], and `labels`; `spanbit train` makes one"
    return SpanbitError("cannot take golden images from this file", where=str(path), why=why, fix=fix)
