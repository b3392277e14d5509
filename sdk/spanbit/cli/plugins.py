"""Commands of other packages, found by an entry point group and imported when they are called.

names = plugins("spanbit.commands")
command = load_plugin(names["profile"])
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

from spanbit.errors import ExitCode, SpanbitError


def plugins(group: str) -> dict[str, EntryPoint]:
    """The commands of a group, by name."""
    return {point.name: point for point in entry_points(group=group)}


def load_plugin(plugin: EntryPoint) -> click.Command:
    """The command.

    Raises:
        SpanbitError: INTERNAL: it cannot be imported.
    """
    try:
        command = plugin.load()
    except (ImportError, AttributeError) as error:
        raise SpanbitError(
            f"the command {plugin.name!r} cannot be loaded",
            where=plugin.value,
            why=str(error),
            fix="install spanbit again: pip install --force-reinstall spanbit",
            code=ExitCode.INTERNAL,
        ) from error
    assert isinstance(command, click.Command)
    return command
