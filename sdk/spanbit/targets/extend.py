"""Where target files are, and what is in them: a file may extend another and say only what differs.

extends = "rpi4"            # a board that comes with spanbit, or "base.toml" beside this file
[cost]
...                         # a table or list takes the place of the whole one in the base
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from spanbit.errors import SpanbitError
from spanbit.resources import data_dir
from spanbit.targets.table import Table

_toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

_EXTENDS = "extends"


def list_targets() -> tuple[str, ...]:
    """Names of the boards that come with spanbit."""
    return tuple(sorted(path.stem for path in data_dir("targets").glob("*.toml")))


def shipped_file(name: str) -> Path:
    """The file of a board that comes with spanbit."""
    return data_dir("targets") / f"{name}.toml"


def suggestion(name: str) -> str:
    """For a name that is none: the one that may be meant, and all there are."""
    known = list_targets()
    close = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"there are {', '.join(known)}"


def read_values(path: Path, known: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The keys of a file over those of the files that it extends; and what to call it in an error.

    Raises:
        SpanbitError: a file cannot be read, has a key that is not `known`, or extends what is not there.
    """
    values: dict[str, Any] = {}
    files: list[Path] = []
    base: Path | None = path
    while base is not None:
        files.append(base)
        own = _read(base, str(path) if len(files) == 1 else f"{path}, which extends {base}")
        table = Table(own, (*known, _EXTENDS), str(base))
        base = _base(base, table) if table.has(_EXTENDS) else None
        if base is not None and base.resolve() in [file.resolve() for file in files]:
            raise SpanbitError("the target file extends itself", where=str(path), why=f"through {files[-1]}")
        own.pop(_EXTENDS, None)
        values = {**own, **values}
    return values, ", which extends ".join(str(file) for file in files)


def _base(path: Path, table: Table) -> Path:
    name = table.text(_EXTENDS)
    if name.endswith(".toml"):
        return path.parent / name
    if name not in list_targets():
        fix = f'{suggestion(name)}; or a file: extends = "base.toml"'
        raise SpanbitError(f"it extends {name!r}, which is no target", where=str(path), fix=fix)
    return shipped_file(name)


def _read(path: Path, where: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = _toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or str(error)
        raise SpanbitError("cannot read the target file", where=where, why=why) from error
    except ValueError as error:
        raise SpanbitError("the target file is not TOML", where=where, why=str(error)) from error
    return values
