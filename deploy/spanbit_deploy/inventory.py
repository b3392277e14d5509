"""Many boards by name: an inventory file, its groups.

boards = read_inventory(Path("boards.toml"))
chosen = choose(boards, groups=("home",), names=())
chosen[0].name, chosen[0].on

The file is TOML:

    [boards.kitchen]
    on = "ssh://pi@kitchen.local"
    groups = ["home"]                # may be left out, as all below
    target = "rpi4"                  # what the runner is built for
    key = "~/.ssh/kitchen"           # a private key beside those of the ssh config
    host_key = "SHA256:..."          # the fingerprint to accept if the host key is unknown

or one of Ansible's (a file that does not end in .toml), in any format that the installed `ansible-inventory`
reads: ansible_host, ansible_port, ansible_user, ansible_ssh_private_key_file count, and spanbit_on,
spanbit_target and spanbit_host_key go first.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError

_tomllib: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

_TIMEOUT_S = 60
_KEYS = {"on", "groups", "target", "key", "host_key"}


@dataclass(frozen=True)
class Board:
    """One board of an inventory."""

    name: str
    on: str
    groups: tuple[str, ...] = ()
    target: str = ""
    key: str = ""
    host_key: str = ""


def read_inventory(path: Path) -> tuple[Board, ...]:
    """All boards of the file, in its order.

    Raises:
        SpanbitError: it cannot be read, or holds something else.
    """
    boards = _from_toml(path) if path.suffix == ".toml" else _from_ansible(path)
    if not boards:
        raise SpanbitError("no board is in this inventory", where=str(path), fix="docs/boards.md shows one")
    return boards


def choose(boards: Sequence[Board], *, groups: Sequence[str], names: Sequence[str]) -> tuple[Board, ...]:
    """Those of any of the groups and those named; all where nothing is asked for.

    Raises:
        SpanbitError: USAGE: no such group or board.
    """
    known_groups = dict.fromkeys(group for board in boards for group in board.groups)
    known_names = [board.name for board in boards]
    for word, wanted, known in (("group", groups, [*known_groups]), ("board", names, known_names)):
        for name in wanted:
            if name not in known:
                there = ", ".join(known) or "none"
                raise SpanbitError(
                    f"the inventory has no {word} {name!r}", why=f"it has {there}", code=ExitCode.USAGE
                )
    if not groups and not names:
        return tuple(boards)
    return tuple(board for board in boards if board.name in names or set(board.groups) & set(groups))


def _from_toml(path: Path) -> tuple[Board, ...]:
    try:
        said = _tomllib.loads(read_file(path).decode())
    except (_tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpanbitError("the inventory is no TOML", where=str(path), why=str(error)) from error
    found = said.get("boards")
    if set(said) != {"boards"} or not isinstance(found, dict):
        raise SpanbitError(
            "the inventory holds something else than [boards.NAME]",
            where=str(path),
            why=f"it has {', '.join(said) or 'nothing'}",
        )
    return tuple(_board(path, name, table) for name, table in found.items())


def _board(path: Path, name: str, table: object) -> Board:
    def wrong(why: str) -> SpanbitError:
        return SpanbitError(f"the board {name!r} is not described well", where=str(path), why=why)

    if not isinstance(table, dict):
        raise wrong("it is no table")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise wrong(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    groups = table.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise wrong("groups is not a list of names")
    words = {key: table.get(key, "") for key in _KEYS - {"groups"}}
    for key, value in words.items():
        if not isinstance(value, str):
            raise wrong(f"{key} is not a text")
    if not words["on"]:
        raise wrong('on is missing: on = "ssh://USER@HOST"')
    return Board(name, groups=tuple(groups), **words)


def _from_ansible(path: Path) -> tuple[Board, ...]:
    read_file(path)  # a file that is not there is said in our own words
    program = ansible_program("ansible-inventory")
    try:
        done = subprocess.run(
            (program, "-i", str(path), "--list"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        said = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SpanbitError("ansible-inventory failed", where=str(path), why=str(error)) from error
    if said is None or "[WARNING]: Unable to parse" in done.stderr:
        why = done.stderr.strip()[-500:]
        raise SpanbitError("Ansible cannot read this inventory", where=str(path), why=why)
    return tuple(
        _ansible_board(path, name, said["_meta"]["hostvars"].get(name, {}), _groups_of(name, said))
        for name in _members("all", said)
    )


def ansible_program(name: str) -> str:
    """The path of one of Ansible's programs.

    Raises:
        SpanbitError: TOOLCHAIN: it is not installed.
    """
    beside = Path(sys.executable).with_name(name)  # of the environment that runs us
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise SpanbitError(
            f"this is no TOML file, and for Ansible's inventories {name} is needed",
            why="it is not installed",
            fix="pip install ansible-core; or write the boards into a .toml file (docs/boards.md)",
            code=ExitCode.TOOLCHAIN,
        )
    return found


def _members(group: str, said: Mapping[str, Any]) -> list[str]:
    """The hosts of a group and of those in it, once each."""
    entry = said.get(group, {})
    inner = [host for child in entry.get("children", ()) for host in _members(child, said)]
    return list(dict.fromkeys([*entry.get("hosts", ()), *inner]))


def _groups_of(name: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    own = (group for group in said if group not in ("_meta", "all", "ungrouped"))
    return tuple(group for group in own if name in _members(group, said))


def _ansible_board(path: Path, name: str, said: Mapping[str, Any], groups: tuple[str, ...]) -> Board:
    host, port, user = (said.get(f"ansible_{key}", "") for key in ("host", "port", "user"))
    address = f"{f'{user}@' if user else ''}{host or name}{f':{port}' if port else ''}"
    words = {
        "on": said.get("spanbit_on", f"ssh://{address}"),
        "target": said.get("spanbit_target", ""),
        "key": said.get("ansible_ssh_private_key_file", ""),
        "host_key": said.get("spanbit_host_key", ""),
        "groups": list(groups),
    }
    return _board(path, name, words)
