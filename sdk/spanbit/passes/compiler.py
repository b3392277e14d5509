"""All passes in their order.

compiled = compile_graph(graph, load_target("rpi4"))
"""

from __future__ import annotations

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    BinaryConv,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Output,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.validate import validate
from spanbit.passes.compiled import CompiledGraph, LayerPlan, NodeTable
from spanbit.passes.kernels import choose_kernels
from spanbit.passes.layout import (
    dense_scratch_bytes,
    head_bytes,
    round_up,
    stem_scratch_bytes,
    strip_rows,
    tree_scratch_bytes,
)
from spanbit.passes.memory import plan_memory
from spanbit.passes.nodes import fold_nodes
from spanbit.passes.pools import move_pools
from spanbit.passes.tables import table_bytes
from spanbit.passes.trees import build_trees
from spanbit.targets import Target

_LAYERS_MAX = 256
_HEAD_INPUTS_MAX = 1 << 22


def compile_graph(graph: Graph, target: Target, kernel: KernelKind | None = None) -> CompiledGraph:
    """A graph made ready for the bundle; `kernel` forces one kernel for every binary convolution.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer.
    """
    validate(graph)
    graph = choose_kernels(build_trees(move_pools(graph)), target, kernel)
    layers, tables_bytes, arena_bytes = plan_memory(_layers(graph))
    return CompiledGraph(
        graph=graph,
        target_name=target.name,
        layers=layers,
        arena_bytes=arena_bytes,
        tables_arena=0,
        tables_bytes=tables_bytes,
    )


def _layers(graph: Graph) -> list[LayerPlan]:
    """Operators grouped as the bundle has them: a convolution and its threshold are one layer."""
    infos = validate(graph)
    layers: list[LayerPlan] = []
    source = graph.input
    for index, op in enumerate(graph.ops):
        if isinstance(op, Threshold | Output):  # it came with the convolution before it
            continue
        result = infos[index].shape
        following = graph.ops[index + 1] if index + 1 < len(graph.ops) else None
        threshold = following if isinstance(following, Threshold) else None
        output = following if isinstance(following, Output) else None
        if isinstance(op, Head) and source.channels * source.height * source.width > _HEAD_INPUTS_MAX:
            raise _unsupported(op.name, f"a head may have at most {_HEAD_INPUTS_MAX} inputs")
        layers.append(_plan(op, threshold, output, source, result))
        source = result
    if len(layers) > _LAYERS_MAX:
        raise _unsupported(graph.name, f"{len(layers)} layers, a bundle holds {_LAYERS_MAX}")
    return layers


def _plan(
    op: StemConv | BinaryConv | MaxPool | Head,
    threshold: Threshold | None,
    output: Output | None,
    source: Shape,
    result: Shape,
) -> LayerPlan:
    nodes: NodeTable | None = None
    scratch = tables = rows = 0
    if isinstance(op, StemConv):
        scratch = stem_scratch_bytes(op, source, result)
    elif isinstance(op, BinaryConv) and op.kernel is KernelKind.TREE:
        assert op.tree is not None
        nodes = fold_nodes(op, threshold, source, result)
        sums = output is not None
        scratch = tree_scratch_bytes(op, source, result, op.tree.slot_count, nodes.planes, sums)
        tables = table_bytes(op, source, result, nodes.planes, sums)
        rows = strip_rows(op, source, result)
    elif isinstance(op, BinaryConv):
        scratch = dense_scratch_bytes(op, source, result)
    elif isinstance(op, Head):
        scratch = round_up(head_bytes(source), 64)
    return LayerPlan(
        op=op,
        threshold=threshold,
        output=output,
        nodes=nodes,
        source=source,
        result=result,
        in_arena=0,
        out_arena=0,
        scratch_arena=0,
        scratch_bytes=scratch,
        tables_arena=0,
        tables_bytes=tables,
        strip_rows=rows,
    )


def _unsupported(where: str, what: str) -> SpanbitError:
    return SpanbitError(what, where=where, code=ExitCode.UNSUPPORTED_MODEL)
