"""A recipe: the options of `spanbit train` as a TOML file.

    # fashion-prune.toml
    data = "fashion-mnist"
    method = "prune"
    cost = 0.10

A key is an option without its dashes, `bit_ops` or `bit-ops`. The recipe's values stand in the place of the
defaults: click checks them as it does the options, and an option on the command line goes first. Paths are
relative to where the command runs, as on the command line.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError

_toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

NOT_IN_A_RECIPE = {"recipe", "as_json", "resume", "help"}


def use_recipe(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Callback of the argument RECIPE, which must be eager: its values become the command's defaults."""
    if path is None:
        return None
    options = {
        part.opts[-1].lstrip("-").replace("-", "_"): str(part.name)
        for part in context.command.params
        if isinstance(part, click.Option) and part.name not in NOT_IN_A_RECIPE
    }
    values = {key.replace("-", "_"): value for key, value in _read(path).items()}
    if unknown := sorted(set(values) - set(options)):
        raise _wrong(path, f"no option {', '.join(unknown)}", f"there are {', '.join(sorted(options))}")
    if lists := [key for key, value in values.items() if isinstance(value, list | dict)]:
        raise _wrong(path, f"{lists[0]} is a list or a table", "give one value, on the top level")
    context.default_map = {options[key]: value for key, value in values.items()}
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = _toml.loads(read_file(path).decode())
        return values
    except (_toml.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise _wrong(path, str(failure), "mend it; recipes/ of the project has examples") from failure


def _wrong(path: Path, why: str, fix: str) -> SpanbitError:
    return SpanbitError("not a recipe", where=str(path), why=why, fix=fix, code=ExitCode.USAGE)
