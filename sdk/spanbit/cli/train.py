"""`spanbit train --out demo.pt`: trains a small network and writes all that the next commands need.

While it runs, NAME.resume beside the checkpoint holds the state after the last epoch. At the end two files:
the checkpoint, and NAME.test.npz beside it with test images (uint8 [N, H, W, C]), their labels (uint8 [N])
and what PyTorch makes of them (`predictions`, uint8 [N]), which a board's answers must equal.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spanbit.cli.files import write_atomic
from spanbit.cli.recipe import use_recipe
from spanbit.errors import ExitCode, SpanbitError, not_installed

if TYPE_CHECKING:
    from spanbit.nn.data import DataSet
    from spanbit.nn.train import TrainResult

TEST_IMAGES = 1000
"""At most so many test images go into the archive: Fashion-MNIST has 10,000, which a small board classifies
for a while; the digits have 360."""


@click.command("train", epilog="Example: spanbit train --data digits --out digits.pt")
@click.argument("recipe", type=click.Path(path_type=Path), required=False, is_eager=True, callback=use_recipe)
@click.option(
    "--data",
    "data_name",
    type=click.Choice(["auto", "digits", "fashion-mnist", "mnist", "cifar10", "image-folder"]),
    default="auto",
    show_default=True,
    help="Data set. auto: Fashion-MNIST where its files are, else the digits.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Folder with the data set's files.")
@click.option("--image-size", type=click.IntRange(4), help="Scale the images of image-folder to this side.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo.pt",
    show_default=True,
    help="Checkpoint to write.",
)
@click.option(
    "--network",
    type=click.Choice(["vgg_tiny", "vgg_small", "resnet20", "resnet18", "resnet34"]),
    default="vgg_tiny",
    show_default=True,
    help="Network of the zoo.",
)
@click.option("--width", type=click.IntRange(1, 1024), default=32, show_default=True, help="Stem channels.")
@click.option(
    "--method",
    type=click.Choice(["prune", "tie", "tree-loss", "none"]),
    default="prune",
    show_default=True,
    help="How the network is compressed while it learns; none: not at all.",
)
@click.option(
    "--cost",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.10,
    show_default=True,
    help="Share of differing taps at the end.",
)
@click.option(
    "--bit-ops",
    type=click.IntRange(1),
    help="Compress to so many bit-OPs instead, each layer to the same share.",
)
@click.option("--mixed", is_flag=True, help="With tie: weights -1, 0, +1 instead of -1, +1.")
@click.option("--epochs", type=click.IntRange(1), help="Passes  [default: as the data set needs]")
@click.option("--batch", type=click.IntRange(1), help="Images a step  [default: the data set's]")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Learning rate  [default: the data set's]"
)
@click.option(
    "--smoothing",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Label smoothing.",
)
@click.option("--shift", type=click.IntRange(0), help="Augmentation: pixels  [default: the data set's]")
@click.option(
    "--mirror/--no-mirror", default=None, help="Augmentation: mirror half  [default: the data set's]"
)
@click.option(
    "--held-back",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Training images that judge each epoch instead; the best epoch's network is kept.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Same seed, same network."
)
@click.option("--start", type=click.Path(path_type=Path), help="Checkpoint to go on from: refine it.")
@click.option("--threads", type=click.IntRange(1), help="PyTorch's  [default: 1 or 2, as the data set needs]")
@click.option("--device", default="cpu", show_default=True, help="PyTorch's name of it: cpu, cuda.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the convolutions in training.",
)
@click.option("--csv", "log", type=click.Path(path_type=Path), help="CSV file to write, a line an epoch.")
@click.option("--resume", is_flag=True, help="Go on with a run of the same options that was stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def train_command(
    *,
    recipe: Path | None,
    data_name: str,
    folder: Path | None,
    image_size: int | None,
    out: Path,
    threads: int | None,
    start: Path | None,
    log: Path | None,
    resume: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a small binary network and compress it, while it learns, to a tree cost.

    RECIPE is a TOML file with these options; an option that is given goes first.
    """
    _check_writable(out)
    data = _load(data_name, folder, image_size)
    from rich.console import Console

    from spanbit.nn.train import Files, TrainConfig, train

    # The digits' layers are too small for two threads, which on a busy machine wait for each other; several
    # processes share the cores already.
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    usual = min(2, os.cpu_count() or 1) if alone and data.name != "digits" else 1
    config = TrainConfig(
        dataset=data.name,
        folder=None if folder is None else str(folder),
        start=None if start is None else str(start),
        threads=threads or usual,
        **settings,
    )
    # A run of several processes (torchrun) has one that writes.
    first = os.environ.get("RANK", "0") == "0"
    state = out.with_suffix(".resume")
    result = train(
        config,
        data=data,
        files=Files(log=log, state=state, resume=resume),
        console=Console(stderr=True) if first and not as_json else None,
    )
    if not first:
        return
    archive = out.with_suffix(".test.npz")
    # Both are whole in memory before the first is written. The checkpoint comes last.
    contents = {archive: _archive_bytes(result, data), out: _checkpoint_bytes(result)}
    for path, content in contents.items():
        write_atomic(path, content)
    state.unlink(missing_ok=True)
    _report(result, data, out, archive, as_json=as_json)


def _check_writable(out: Path) -> None:
    """Two minutes of training are not lost to a mistyped folder."""
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK) or out.is_dir():
        why = "it is a folder" if out.is_dir() else f"{out.parent} is no folder that can be written to"
        raise SpanbitError("cannot write the checkpoint", where=str(out), why=why, fix="choose another --out")


def _load(name: str, folder: Path | None, image_size: int | None) -> DataSet:
    if folder is not None and name == "digits":
        raise SpanbitError(
            "--folder is for data sets in files, the digits come with scikit-learn",
            fix="leave one of the two options out",
            code=ExitCode.USAGE,
        )
    try:
        from spanbit.nn.data import default_folder, load
    except ModuleNotFoundError as missing:
        raise not_installed("training needs PyTorch", missing, extra="train") from missing
    if name == "auto":
        there = folder is not None or default_folder("fashion-mnist").is_dir()
        name = "fashion-mnist" if there else "digits"
    return load(name, folder, image_size=image_size)


def _archive_bytes(result: TrainResult, data: DataSet) -> bytes:
    import numpy as np
    import torch

    images = data.test_images[:TEST_IMAGES]
    with torch.no_grad():
        logits = result.net(torch.from_numpy(images).permute(0, 3, 1, 2))
    file = io.BytesIO()
    np.savez_compressed(
        file,
        images=images,
        labels=data.test_labels[:TEST_IMAGES].astype(np.uint8),
        predictions=logits.argmax(1).numpy().astype(np.uint8),
    )
    return file.getvalue()


def _checkpoint_bytes(result: TrainResult) -> bytes:
    from spanbit.nn.checkpoint import checkpoint_bytes
    from spanbit.nn.train import checkpoint_meta

    return checkpoint_bytes(result.net, result.spec, checkpoint_meta(result))


def _report(result: TrainResult, data: DataSet, out: Path, archive: Path, *, as_json: bool) -> None:
    if as_json:
        figures = {
            "data": data.name,
            "method": result.config.method,
            "weights": result.spec.weights,
            "accuracy": result.accuracy,
            "test_images": len(data.test_images),
            "cost": result.cost,
            "tree_cost": result.tree_cost,
            "seconds": round(result.seconds, 1),
            "epochs": result.config.epochs,
            "seed": result.config.seed,
            "checkpoint": str(out),
            "test_archive": str(archive),
        }
        click.echo(json.dumps(figures, indent=2))
        return
    click.echo(
        f"{data.name}: accuracy {result.accuracy:.4f} on all {len(data.test_images)} test images, "
        f"{result.seconds:.0f} s\n"
        f"cost: {result.cost:.4f} of the taps are not zero, the spanning trees need {result.tree_cost:.4f}\n"
        f"written: {out}, {archive}"
    )
    click.echo(f"next: spanbit compile {out} --target rpi4")
