"""Finds a target's TOML file and reads it.

target = load_target("rpi4")
names = list_targets()
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets.extend import list_targets, read_values, shipped_file, suggestion
from spanbit.targets.machine import this_arch, this_isa
from spanbit.targets.table import Table
from spanbit.targets.types import (
    ARCHES,
    CYCLES,
    INSTRUCTION_CLASSES,
    ISAS,
    LINUX,
    NO_OS,
    NS,
    SYSTEMS,
    UNITS,
    Cost,
    CycleModel,
    Target,
    Toolchain,
)

__all__ = ["MACHINE", "check_name", "list_targets", "load_target"]

MACHINE = "machine"
"""As `arch` or `isa` of a target: whatever this machine is."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")  # 16 bytes: the bundle header's field
_OPTIONAL = ("os", "flash_bytes", "cycles")
_KEYS = (
    *("board", "arch", "isa", "cpu", "clock_mhz", "ram_bytes", "cores", "qemu", "cost", "toolchain"),
    *_OPTIONAL,
)
_MORE_COSTS = ("node", "prepare", "gather", "tile", "pack")
_FIRMWARE_COSTS = ("stem", "head", "pool", "decode")
_COST_KEYS = ("tree", "dense", *_MORE_COSTS, *_FIRMWARE_COSTS, "unit")
_TOOLCHAIN_KEYS = ("name", "command", "flags", "install")
_PYTHON = "{python}"  # in a toolchain's command: the interpreter that runs spanbit


def load_target(name: str) -> Target:
    """The target of that name, or of the user's own file where `name` ends in .toml.

    Raises:
        SpanbitError: no such target; or the file cannot be read, or has keys that are unknown,
            missing or of the wrong type.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    if name not in list_targets():
        raise SpanbitError(
            f"no target {name!r}",
            fix=f"{suggestion(name)}; or name a file of your own that ends in .toml",
            code=ExitCode.USAGE,
        )
    return _read(shipped_file(name))


def check_name(path: Path) -> None:
    """Raises SpanbitError where a target file cannot have this name."""
    if path.suffix != ".toml" or not _NAME.fullmatch(path.stem):
        raise SpanbitError(
            f"{path.stem!r} cannot be a target's name",
            where=str(path),
            why="a bundle stores it in 16 bytes: letters, digits, . _ -; and the file ends in .toml",
            fix="rename the file",
        )


def _read(path: Path) -> Target:
    check_name(path)
    values, where = read_values(path, _KEYS)
    return _target(path.stem, Table(values, _KEYS, where))


def _target(name: str, table: Table) -> Target:
    arch = table.text("arch", (*ARCHES, MACHINE))
    isa = table.text("isa", (*ISAS, MACHINE))
    system = table.text("os", SYSTEMS) if table.has("os") else LINUX
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
        os=system,
        cycles=_cycles(table),
        flash_bytes=table.count("flash_bytes") if system == NO_OS or table.has("flash_bytes") else 0,
    )


def _cycles(table: Table) -> CycleModel | None:
    if not table.has("cycles"):
        return None
    classes = table.table("cycles", ("source", "per_instruction", *INSTRUCTION_CLASSES))
    found = {name: classes.amount(name) for name in INSTRUCTION_CLASSES if classes.has(name)}
    return CycleModel(classes.text("source"), classes.positive("per_instruction"), found)


def _toolchain(table: Table) -> Toolchain:
    command = tuple(sys.executable if part == _PYTHON else part for part in table.texts("command"))
    toolchain = Toolchain(table.text("name"), command, table.texts("flags"), table.text("install"))
    if not command:
        raise SpanbitError(f"the command of toolchain {toolchain.name!r} is empty", where=table.where)
    return toolchain


def _cost(table: Table) -> Cost:
    unit = table.text("unit", UNITS) if table.has("unit") else CYCLES
    # What a model leaves out has its default; measured figures mean something only all together.
    more = {key: table.amount(key) for key in _MORE_COSTS if unit == NS or table.has(key)}
    more |= {key: table.amount(key) for key in _FIRMWARE_COSTS if table.has(key)}
    return Cost(tree=table.positive("tree"), dense=table.positive("dense"), unit=unit, **more)
