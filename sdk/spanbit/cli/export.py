"""`spanbit export demo.spb --format c -o DIR`: a bundle as files for another build.

What flash, RAM, stack and instructions each choice of tables takes is printed before anything is written.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from spanbit.cli.files import read_file, write_atomic
from spanbit.errors import ExitCode, SpanbitError

_FORMATS = ("c", "cmake", "platformio", "arduino", "zephyr", "esp-idf")
_TFLITE = "tflite"
_TABLES = ("flash", "expanded", "encoded")
_INPUTS = ("image", "rows")


@click.command(epilog="Example: spanbit export digits.spb --format cmake --target rp2040 -o digits")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_name", type=click.Choice((*_FORMATS, _TFLITE)), default="c", show_default=True
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write; new, or made by this command.",
)
@click.option("--target", help="Board, one without an operating system  [default: the bundle's]")
@click.option(
    "--tables",
    type=click.Choice(_TABLES),
    default="flash",
    show_default=True,
    help="The trees' tables: executed in flash; expanded into RAM once; encoded, expanded for every run.",
)
@click.option(
    "--input",
    "given",
    type=click.Choice(_INPUTS),
    default="image",
    show_default=True,
    help="The image: whole, in memory; or row by row, as a camera has it.",
)
@click.option("--name", help="What all names in C begin with  [default: the bundle file's name]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(
    bundle: Path,
    format_name: str,
    out: Path,
    target: str | None,
    tables: str,
    given: str,
    name: str | None,
    as_json: bool,
) -> None:
    """Write BUNDLE as C files for firmware, packed for a build system; or its twins as TensorFlow Lite."""
    firmware = import_module("spanbit.export")
    read = import_module("spanbit.bundle").read_bundle(read_file(bundle), str(bundle))
    if format_name == _TFLITE:
        _write_twins(read.graph, out, name or bundle.stem, as_json=as_json)
        return
    board = _board(target, read.compiled.target_name, str(bundle))
    _check_folder(out)
    chosen = firmware.Tables(tables)

    def network(choice: Any, way: Any) -> Any:
        return firmware.c_network(read, name or bundle.stem, choice, board.isa, given=way)

    nets = {choice: network(choice, firmware.Input(given)) for choice in firmware.Tables}
    figures = import_module("spanbit.export.figures")
    found = {choice: figures.firmware_figures(net, board) for choice, net in nets.items()}
    inputs = figures.input_plans(read, chosen, board.isa)
    view = import_module("spanbit.report.firmware")
    if not as_json:
        _print(view.firmware_table(read.graph.name, board, found, chosen, inputs))
    rows, by_rows = firmware.Input.ROWS, []
    if given != rows.value and not figures.fits(found[chosen], board):
        by_rows = [figures.firmware_figures(network(choice, rows), board) for choice in firmware.Tables]
    figures.check_fit(found[chosen], found, board, by_rows)
    files = import_module("spanbit.export.formats").FORMATS[format_name](nets[chosen])
    for path, data in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out / path, data)
    if as_json:
        said = {
            "target": board.name,
            "tables": tables,
            "input": given,
            "inputs": {
                way.value: {"arena_bytes": plan.compiled.arena_bytes, "image_bytes": plan.image_bytes}
                for way, plan in inputs.items()
            },
            "choices": {choice.value: found[choice].as_dict() for choice in found},
            "files": sorted(files),
        }
        click.echo(json.dumps(said, indent=2))
    else:
        click.echo(f"wrote {len(files)} files to {out}; the header is {nets[chosen].name}.h")


def _write_twins(graph: Any, out: Path, name: str, *, as_json: bool) -> None:
    """The network's twins for speed, int8 and float32 (spanbit.tflite)."""
    tflite = import_module("spanbit.tflite")
    made = {out / f"{name}-{numbers}.tflite": tflite.twin(graph, numbers) for numbers in tflite.KINDS}
    out.mkdir(parents=True, exist_ok=True)
    for path, data in made.items():
        write_atomic(path, data)
    if as_json:
        click.echo(json.dumps({"files": sorted(path.name for path in made)}, indent=2))
    else:
        names = ", ".join(str(path) for path in made)
        click.echo(f"wrote {names}: twins for speed, whose answers are not the network's")
        click.echo(f"next: spanbit profile BUNDLE --on BOARD --versus {next(iter(made))}")


def _board(target: str | None, bundle_target: str, where: str) -> Any:
    """The target to export for."""
    targets = import_module("spanbit.targets")
    firmware = [name for name in targets.list_targets() if targets.load_target(name).is_firmware]
    if target is None and bundle_target not in firmware:
        raise SpanbitError(
            f"the bundle was compiled for {bundle_target or 'no target'}, which has an operating system",
            where=where,
            why="firmware is for a board without one, and its kernels are chosen for that board",
            fix=f"compile it again with --target, one of {', '.join(firmware)}; or name one here",
            code=ExitCode.USAGE,
        )
    board = targets.load_target(target or bundle_target)
    if not board.is_firmware:
        raise SpanbitError(
            f"{board.name} has an operating system",
            where="--target",
            fix=f"one of {', '.join(firmware)}; for {board.name}: spanbit run",
            code=ExitCode.USAGE,
        )
    return board


def _check_folder(out: Path) -> None:
    """An old export may be written over; nothing else, since what is left there would be built."""
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not list(out.glob("src/*_config.h"))):
        raise SpanbitError(
            "the folder holds other files",
            where=str(out),
            why="build systems take all sources of a folder",
            fix="name a new folder, or empty this one",
            code=ExitCode.USAGE,
        )


def _print(what: object) -> None:
    import_module("rich.console").Console().print(what)
