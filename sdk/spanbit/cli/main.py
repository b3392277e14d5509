"""The `spanbit` command: a group that imports a command only when it is called.

    spanbit --help
    spanbit --debug compile demo.pt --target rpi4

Own commands stand in COMMANDS; others are found by the entry point group `spanbit.commands`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from spanbit.cli.failure import guard
from spanbit.cli.plugins import load_plugin, plugins

COMMANDS = {
    "train": ("spanbit.cli.train:train_command", "Train a small network to a tree cost."),
    "compile": ("spanbit.cli.compile:compile_command", "Compile a checkpoint into a bundle."),
    "export": ("spanbit.cli.export:export", "Write a bundle as C files for a microcontroller."),
    "inspect": ("spanbit.cli.inspect:inspect", "Show what a bundle holds."),
    "report": ("spanbit.cli.report:report", "Draw what training did; make a page of a profile."),
}
_GROUP = "spanbit.commands"
FOREIGN = {
    "run": "Classify images on a board.",
    "profile": "Time a bundle on a board, layer by layer.",
    "push": "Put a bundle on a board and make it current.",
    "releases": "List what is on a board.",
    "activate": "Make another release current that is on the board.",
    "rollback": "Make current what was current before.",
    "remove": "Remove releases from a board.",
    "keygen": "Make a key pair to sign bundles with.",
    "sign": "Sign a bundle.",
    "trust": "Let a board take bundles only that a key has signed.",
    "compare": "Say what changed between two profiles.",
    "verify": "Compare a model with its bundle, layer by layer.",
    "tune": "Measure a board for the compiler's choice of kernels.",
    "board": "The virtual board: up, down, status.",
    "doctor": "Say what is missing on this machine.",
}


class LazyGroup(click.Group):
    """Knows the names and one line of help of its commands; imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name in plugins(_GROUP) if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command = getattr(import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        plugin = plugins(_GROUP).get(cmd_name)
        return None if plugin is None else load_plugin(plugin)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._one_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    @staticmethod
    def _one_line(name: str) -> str:
        return COMMANDS[name][1] if name in COMMANDS else FOREIGN.get(name, "")


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="spanbit")
def cli(debug: bool) -> None:
    """Compiles tree-compressed binary networks for small ARM boards."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with a code of spanbit.errors.ExitCode."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    # Read ahead of click, since an error may be raised before (or while) the options are parsed.
    sys.exit(
        guard(
            lambda: cli.main(args=args, prog_name="spanbit", standalone_mode=False),
            as_json="--json" in args,
            debug="--debug" in args,
        )
    )
