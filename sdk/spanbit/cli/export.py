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
_TABLES = ("flash", "expanded", "encoded")


@click.command(epilog="Example: spanbit export digits.spb --format cmake --target rp2040 -o digits")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(_FORMATS), default="c", show_default=True)
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
@click.option("--name", help="What all names in C begin with  [default: the bundle file's name]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(
    bundle: Path,
    format_name: str,
    out: Path,
    target: str | None,
    tables: str,
    name: str | None,
    as_json: bool,
) -> None:
    """Write BUNDLE as C files for firmware, packed for a build system."""
    firmware = import_module("spanbit.export")
    read = import_module("spanbit.bundle").read_bundle(read_file(bundle), str(bundle))
    board = _board(target, read.compiled.target_name, str(bundle))
    _check_folder(out)
    chosen = firmware.Tables(tables)
    nets = {choice: firmware.c_network(read, name or bundle.stem, choice) for choice in firmware.Tables}
    figures = import_module("spanbit.export.figures")
    found = {choice: figures.firmware_figures(net, board) for choice, net in nets.items()}
    view = import_module("spanbit.report.firmware")
    if not as_json:
        _print(view.firmware_table(read.graph.name, board, found, chosen))
    figures.check_fit(found[chosen], found, board)
    files = import_module("spanbit.export.formats").FORMATS[format_name](nets[chosen])
    for path, data in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out / path, data)
    if as_json:
        said = {
            "target": board.name,
            "tables": tables,
            "choices": {choice.value: found[choice].as_dict() for choice in found},
            "files": sorted(files),
        }
        click.echo(json.dumps(said, indent=2))
    else:
        click.echo(f"wrote {len(files)} files to {out}; the header is {nets[chosen].name}.h")


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
