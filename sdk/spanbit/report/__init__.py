"""Figures of a compiled network, and their table.

Console().print(compile_report(compiled, bundle_bytes))
"""

from __future__ import annotations

from typing import Protocol

from rich.console import RenderableType

from spanbit.graph.ops import Graph
from spanbit.report.figures import LayerFigures, NetworkFigures, network_figures
from spanbit.report.table import figures_table

__all__ = ["LayerFigures", "NetworkFigures", "compile_report", "figures_table", "network_figures"]


class Compiled(Protocol):
    """What the report needs of `spanbit.passes.CompiledGraph`."""

    @property
    def graph(self) -> Graph: ...


def compile_report(compiled: Compiled, bundle: bytes) -> RenderableType:
    """The table of a compiled graph and its bundle."""
    return figures_table(network_figures(compiled.graph, bundle))
