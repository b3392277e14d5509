"""Figures of a compiled network, and their table.

Console().print(compile_report(compiled, bundle_bytes))
"""

from __future__ import annotations

from rich.console import RenderableType

from spanbit.passes.compiled import CompiledGraph
from spanbit.report.figures import LayerFigures, NetworkFigures, network_figures
from spanbit.report.table import figures_table

__all__ = ["LayerFigures", "NetworkFigures", "compile_report", "figures_table", "network_figures"]


def compile_report(compiled: CompiledGraph, bundle: bytes) -> RenderableType:
    """The table of a compiled graph and its bundle."""
    return figures_table(network_figures(compiled.graph, bundle))
