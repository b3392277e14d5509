"""`spanbit report`: pictures of what a training did, from the files it has written.

spanbit report front *.pt --out front.svg
spanbit report costs run.csv --out costs.svg
spanbit report tree twin.pt small.pt --layer conv2 --out tree.png
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spanbit.cli.files import read_file, write_atomic
from spanbit.cli.plugins import load_plugin, plugins
from spanbit.errors import ExitCode, SpanbitError, not_installed

if TYPE_CHECKING:
    from spanbit.report.pictures import Series
    from spanbit.tree import ChannelTree

_GROUP = "spanbit.report"
_Decorator = Callable[[Callable[..., None]], Callable[..., None]]
_FILES: _Decorator = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))


def _out(default: str) -> _Decorator:
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="Picture to write, .svg or .png.",
    )


class _Reports(click.Group):
    """The pictures below, and the reports of other packages (entry points of the group `spanbit.report`)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *plugins(_GROUP)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        plugin = plugins(_GROUP).get(cmd_name)
        return load_plugin(plugin) if own is None and plugin is not None else own


@click.group(
    cls=_Reports, epilog="Example: spanbit report tree twin.pt small.pt --layer conv2 --out tree.svg"
)
def report() -> None:
    """Draw what training did, from its logs, checkpoints and bundles; make a page of a profile."""


@report.command(epilog="Example: spanbit report front *.pt --out front.svg")
@_FILES
@_out("front.svg")
def front(files: tuple[Path, ...], out: Path) -> None:
    """Accuracy against cost, a point for each of FILES: checkpoints, or logs of `spanbit train --csv`."""
    ending = _ending(out)
    read = [(path, read_file(path)) for path in files]
    kinds = {_kind(data) for _, data in read}
    if kinds not in ({"checkpoint"}, {"log"}):
        raise SpanbitError(
            f"a picture of {' and '.join(sorted(kinds))} files",
            why="a checkpoint's accuracy is that on the test images, a log's that on those held back; "
            "a bundle has none",
            fix="name checkpoints alone, or logs alone",
            code=ExitCode.USAGE,
        )
    pictures = import_module("spanbit.report.pictures")
    series = _of_checkpoints(read) if kinds == {"checkpoint"} else _of_logs(read)
    judged = "test images" if kinds == {"checkpoint"} else "images held back"
    _write(pictures.draw_front(series, title=f"accuracy on the {judged} against cost"), ending, out)


@report.command(epilog="Example: spanbit report costs run.csv --out costs.svg")
@_FILES
@_out("costs.svg")
def costs(files: tuple[Path, ...], out: Path) -> None:
    """Cost of each layer over the epochs, from FILES, logs of `spanbit train --csv`, side by side."""
    ending = _ending(out)
    read_log = import_module("spanbit.report.training_log").read_training_log
    logs = [(path.stem, read_log(read_file(path), str(path)).layer_costs) for path in files]
    _write(import_module("spanbit.report.pictures").draw_costs(logs), ending, out)


@report.command(epilog="Example: spanbit report tree twin.pt small.pt --layer conv2 --out tree.svg")
@_FILES
@click.option("--layer", help="Name of the convolution  [default: the first one]")
@_out("tree.svg")
def tree(files: tuple[Path, ...], layer: str | None, out: Path) -> None:
    """The tree of one layer in each of FILES, checkpoints or bundles: before and after, side by side."""
    ending = _ending(out)
    pictures = import_module("spanbit.report.pictures")
    trees = []
    for path in files:
        name, found = _tree_of(path, layer)
        title = f"{path.stem}, {name}"
        trees.append(pictures.TreePicture(title, found.parent.tolist(), found.distance.tolist()))
    _write(pictures.draw_trees(trees), ending, out)


def _of_checkpoints(read: list[tuple[Path, bytes]]) -> list[Series]:
    """A series for each method, of checkpoints whose training has told its figures."""
    pictures = import_module("spanbit.report.pictures")
    points: dict[str, list[Any]] = {}
    for path, data in read:
        _, meta = _checkpoint(data, str(path))
        try:
            config = meta["config"]
            label = config["method"] + " --mixed" * bool(config["mixed"])
            point = pictures.Point(float(meta["tree_cost"]), 100 * float(meta["accuracy"]), name=path.stem)
        except (KeyError, TypeError, ValueError) as failure:
            raise SpanbitError(
                "this checkpoint does not say how accurate and how cheap it is",
                where=str(path),
                why=f"no {failure}" if isinstance(failure, KeyError) else str(failure),
                fix="make one with `spanbit train`",
            ) from failure
        points.setdefault(label, []).append(point)
    return [pictures.Series(label, found) for label, found in points.items()]


def _of_logs(read: list[tuple[Path, bytes]]) -> list[Series]:
    """A series for each log: its last epoch."""
    pictures = import_module("spanbit.report.pictures")
    read_log = import_module("spanbit.report.training_log").read_training_log
    series = []
    for path, data in read:
        log = read_log(data, str(path))
        if log.accuracy[-1] is None:
            raise SpanbitError(
                "this log has no accuracies",
                where=str(path),
                why="its training held no images back to judge an epoch",
                fix="train with --held-back N, or name the checkpoints instead",
            )
        point = pictures.Point(log.cost[-1], 100 * log.accuracy[-1])
        series.append(pictures.Series(path.stem, [point]))
    return series


def _tree_of(path: Path, layer: str | None) -> tuple[str, ChannelTree]:
    """The layer's name, and its tree."""
    data = read_file(path)
    kind = _kind(data)
    if kind == "log":
        raise SpanbitError(
            "neither a checkpoint nor a bundle",
            where=str(path),
            fix="name what `spanbit train` or `spanbit compile` has written",
        )
    trees = dict(_trees_of_bundle(data, path) if kind == "bundle" else _trees_of_checkpoint(data, path))
    name = next(iter(trees), "") if layer is None else layer
    if name not in trees:
        raise SpanbitError(
            f"no binary convolution {name!r}" if name else "no binary convolution",
            where=str(path),
            why=f"it has {', '.join(trees)}" if trees else "",
            fix="name one of them with --layer" if trees else "name another network",
        )
    return name, trees[name]()


def _trees_of_bundle(data: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    """Of each binary convolution its name, and what makes its tree."""
    from spanbit.graph.ops import BinaryConv

    build = import_module("spanbit.tree").build_tree
    for op in import_module("spanbit.bundle").read_bundle(data, str(path)).graph.ops:
        if isinstance(op, BinaryConv):
            yield op.name, lambda op=op: op.tree or build(op.weight.reshape(len(op.weight), -1))


def _trees_of_checkpoint(data: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    net, _ = _checkpoint(data, str(path))
    build = import_module("spanbit.nn.tree_loss").layer_tree
    for name, layer in import_module("spanbit.nn.fit").binary_layers(net).items():
        yield name, lambda layer=layer: build(layer)


def _checkpoint(data: bytes, where: str) -> tuple[Any, dict[str, Any]]:
    try:
        read = import_module("spanbit.nn.checkpoint").read_checkpoint
    except ModuleNotFoundError as missing:
        raise not_installed(
            "reading a checkpoint needs PyTorch", missing, extra="train", where=where
        ) from missing
    found: tuple[Any, dict[str, Any]] = read(data, where)
    return found


def _kind(data: bytes) -> str:
    """By how the file begins: a bundle, a checkpoint (a zip archive), else a log."""
    if data.startswith(import_module("spanbit.bundle.records").MAGIC):
        return "bundle"
    return "checkpoint" if data.startswith(b"PK") else "log"


def _ending(out: Path) -> str:
    """The picture's format, by its name; checked before anything is read."""
    formats = import_module("spanbit.report.pictures").FORMATS
    ending = out.suffix.lower().removeprefix(".")
    if ending not in formats:
        raise SpanbitError(
            "no kind of picture that can be written",
            where=str(out),
            why=f"its name ends in {out.suffix!r}" if out.suffix else "its name has no ending",
            fix=f"choose an --out that ends in {' or '.join('.' + name for name in formats)}",
            code=ExitCode.USAGE,
        )
    return str(ending)


def _write(picture: Any, ending: str, out: Path) -> None:
    write_atomic(out, import_module("spanbit.report.pictures").picture_bytes(picture, ending))
    click.echo(f"written: {out}")
