"""Finds a target's TOML file and reads it.

target = load_target("rpi4")
names = list_targets()
"""

from __future__ import annotations

import difflib
import re
import sys
from importlib import import_module
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError
from spanbit.resources import data_dir
from spanbit.targets.machine import this_arch, this_isa
from spanbit.targets.table import Table
from spanbit.targets.types import ARCHES, ISAS, Cost, Target, Toolchain

_toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

MACHINE = "machine"
"""As `arch` or `isa` of a target: whatever this machine is."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")  # 16 bytes: the bundle header's field
_KEYS = ("board", "arch", "isa", "cpu", "clock_mhz", "ram_bytes", "cores", "qemu", "cost", "toolchain")
_COST_KEYS = ("tree", "dense")
_TOOLCHAIN_KEYS = ("name", "command", "flags", "install")
_PYTHON = "{python}"  # in a toolchain's command: the interpreter that runs spanbit


def list_targets() -> tuple[str, ...]:
    """Names of the boards that come with spanbit."""
    return tuple(sorted(path.stem for path in data_dir("targets").glob("*.toml")))


def load_target(name: str) -> Target:
    """The target of that name, or of the user's own file where `name` ends in .toml.

    Raises:
        SpanbitError: no such target; or the file cannot be read, or has keys that are unknown,
            missing or of the wrong type.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    known = list_targets()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise SpanbitError(
            f"no target {name!r}",
            fix=f"{hint}there are {', '.join(known)}; or name a file of your own that ends in .toml",
            code=ExitCode.USAGE,
        )
    return _read(data_dir("targets") / f"{name}.toml")


def _read(path: Path) -> Target:
    if not _NAME.fullmatch(path.stem):
        raise SpanbitError(
            f"{path.stem!r} cannot be a target's name",
            where=str(path),
            why="a bundle stores it in 16 bytes: letters, digits, . _ -",
            fix="rename the file",
        )
    try:
        values = _toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpanbitError(
            "cannot read the target file", where=str(path), why=error.strerror or str(error)
        ) from error
    except ValueError as error:
        raise SpanbitError("the target file is not TOML", where=str(path), why=str(error)) from error
    return _target(path.stem, Table(values, _KEYS, str(path)))


def _target(name: str, table: Table) -> Target:
    arch = table.text("arch", (*ARCHES, MACHINE))
    isa = table.text("isa", (*ISAS, MACHINE))
    return Target(
        name=name,
        board=table.text("board"),
        arch=this_arch() if arch == MACHINE else arch,
        isa=this_isa() if isa == MACHINE else isa,
        cpu=table.text("cpu"),
        clock_mhz=table.count("clock_mhz"),
        ram_bytes=table.count("ram_bytes"),
        cores=table.count("cores"),
        qemu=table.texts("qemu"),
        toolchains=tuple(_toolchain(part) for part in table.tables("toolchain", _TOOLCHAIN_KEYS)),
        cost=_cost(table.table("cost", _COST_KEYS)),
    )


def _toolchain(table: Table) -> Toolchain:
    command = tuple(sys.executable if part == _PYTHON else part for part in table.texts("command"))
    toolchain = Toolchain(table.text("name"), command, table.texts("flags"), table.text("install"))
    if not command:
        raise SpanbitError(f"the command of toolchain {toolchain.name!r} is empty", where=table.where)
    return toolchain


def _cost(table: Table) -> Cost:
    return Cost(tree=table.positive("tree"), dense=table.positive("dense"))
