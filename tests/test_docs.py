"""What the documents say is so: commands, options, exit codes, links, pasted outputs, the picture."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from spanbit.cli.main import cli
from spanbit.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "runtime_c" / "README.md"])
CLI = (ROOT / "docs" / "cli.md").read_text()


def _commands() -> dict[str, click.Command]:
    assert isinstance(cli, click.Group)
    context = cli.make_context("spanbit", ["doctor"], resilient_parsing=True)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def _section(name: str) -> str:
    return CLI.partition(f"\n## spanbit {name}\n")[2].partition("\n## ")[0]


def _options(command: click.Command) -> Iterator[str]:
    for part in command.params:
        if isinstance(part, click.Option):
            yield part.opts[-1]
    for inner in _inner(command).values():
        yield from _options(inner)


def _inner(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group, those of other packages too."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: inner for name, inner in found.items() if inner is not None}


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_is_described_with_all_its_options(name: str) -> None:
    section, command = _section(name), _commands()[name]
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section)) == set(_options(command))
    assert command.epilog and command.epilog.startswith(f"Example: spanbit {name}")
    assert all(f"spanbit {name} {inner}" in section for inner in _inner(command))


def test_exit_codes_are_the_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", CLI, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [(code.value, code.name) for code in ExitCode]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_commands_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not link.startswith(("https://", "#")):
            assert (page.parent / link.partition("#")[0]).exists(), link
    made = re.findall(r"(?:^    |`)make ([a-z]+)", text, re.MULTILINE)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(made) <= set(targets)
    typed = re.findall(r"(?:^    |`|^\$ )spanbit ([a-z]+)", text, re.MULTILINE)
    assert set(typed) <= set(_commands())


def test_the_readme_shows_the_committed_outputs() -> None:
    spec = importlib.util.spec_from_file_location("readme_output", ROOT / "tools" / "readme_output.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    readme = (ROOT / "README.md").read_text()
    assert tool.with_outputs(readme) == readme, "run python tools/readme_output.py"
    assert "equal for every image" in readme


def test_the_picture_is_drawn_from_its_source() -> None:
    dot = (ROOT / "docs" / "img" / "dataflow.dot").read_text()
    svg = (ROOT / "docs" / "img" / "dataflow.svg").read_text()
    lines = [line for label in re.findall(r'label="([^"]*)"', dot) for line in label.split("\\n")]
    assert len(lines) > 10
    drawn = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    assert sorted(drawn) == sorted(lines)
