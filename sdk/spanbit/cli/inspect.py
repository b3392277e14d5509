"""`spanbit inspect demo.spb`: reads a bundle back, checks all of it, and shows what it holds."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import click

from spanbit.cli.files import read_file, write_atomic


@click.command(epilog="Example: spanbit inspect demo.spb --json")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--arena", is_flag=True, help="Show what lies where in the arena, layer by layer, instead.")
@click.option("--svg", type=click.Path(path_type=Path), help="Draw the arena into this file too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(bundle: Path, arena: bool, svg: Path | None, as_json: bool) -> None:
    """Show what BUNDLE holds: layers, kernels, tree costs, sizes."""
    data = read_file(bundle)
    read = import_module("spanbit.bundle").read_bundle(data, str(bundle))
    if not arena and svg is None:
        show(read.graph, data, as_json=as_json)
        return
    report = import_module("spanbit.report.arena")
    plan = report.arena_plan(read.compiled)
    if svg is not None:
        write_atomic(svg, report.arena_svg(plan).encode())
    if as_json:
        click.echo(json.dumps(plan.as_dict(), indent=2))
    elif arena:
        import_module("rich.console").Console().print(report.arena_table(plan))
    if svg is not None and not as_json:
        click.echo(f"wrote {svg}: open it in a browser; a region under the pointer says its name")


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
