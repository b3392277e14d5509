"""`spanbit inspect demo.spb`: reads a bundle back, checks all of it, and shows what it holds."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import click

from spanbit.cli.files import read_file


@click.command(epilog="Example: spanbit inspect demo.spb --json")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(bundle: Path, as_json: bool) -> None:
    """Show what BUNDLE holds: layers, kernels, tree costs, sizes."""
    data = read_file(bundle)
    read = import_module("spanbit.bundle").read_bundle(data, str(bundle))
    show(read.graph, data, as_json=as_json)


def show(graph: object, data: bytes, *, as_json: bool) -> None:
    """Prints the figures of a graph and its bundle; shared with `spanbit compile`."""
    from rich.console import Console

    from spanbit.graph.ops import Graph
    from spanbit.report import figures_table, network_figures

    assert isinstance(graph, Graph)
    figures = network_figures(graph, data)
    if as_json:
        click.echo(json.dumps(figures.as_dict(), indent=2))
    else:
        Console().print(figures_table(figures))
