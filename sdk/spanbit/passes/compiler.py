"""All passes in their order.

compiled = compile_graph(graph, load_target("rpi4"))
"""

from __future__ import annotations

from typing import TypeVar

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    IMAGE,
    Add,
    BinaryConv,
    Graph,
    Head,
    KernelKind,
    Op,
    Output,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    TensorInfo,
    Threshold,
    in_layers,
    layers_of,
    validate,
)
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
from spanbit.passes.trees import Progress, build_trees
from spanbit.targets import Target

_LAYERS_MAX = 256
_HEAD_INPUTS_MAX = 1 << 22


def compile_graph(
    graph: Graph, target: Target, kernel: KernelKind | None = None, progress: Progress | None = None
) -> CompiledGraph:
    """A graph made ready for the bundle; `kernel` forces one kernel for every binary convolution.

    `progress` is told how far the trees are: they take most of the time.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer.
    """
    validate(graph)
    graph = build_trees(in_layers(move_pools(graph)), progress)
    graph = choose_kernels(graph, target, kernel)
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
    """Operators grouped as the bundle has them; places are still 0."""
    infos = validate(graph)
    layers: list[LayerPlan] = []
    delivers: dict[int, int] = {IMAGE: IMAGE}  # position of an operator: the layer whose output it is
    for index, layer in enumerate(layers_of(graph)):
        sources = [source for at in layer for source in graph.sources[at] if source not in layer]
        given = graph.input if sources[0] == IMAGE else infos[sources[0]].shape
        op, *ends = (graph.ops[at] for at in layer)
        layers.append(_plan(op, ends, tuple(delivers[source] for source in sources), given, infos[layer[-1]]))
        delivers[layer[-1]] = index
    if len(layers) > _LAYERS_MAX:
        raise _unsupported(graph.name, f"{len(layers)} layers, a bundle holds {_LAYERS_MAX}")
    return layers


def _plan(op: Op, ends: list[Op], sources: tuple[int, ...], source: Shape, made: TensorInfo) -> LayerPlan:
    assert not isinstance(op, Requantize | Output)  # they come with a convolution
    result = made.shape
    inputs = source.channels * source.height * source.width
    if isinstance(op, Head | RealHead) and inputs > _HEAD_INPUTS_MAX:
        raise _unsupported(op.name, f"a head may have at most {_HEAD_INPUTS_MAX} inputs")
    threshold = _first(ends, Threshold)
    nodes: NodeTable | None = None
    scratch = tables = rows = 0
    if isinstance(op, StemConv):
        scratch = stem_scratch_bytes(op, source, result)
    elif isinstance(op, BinaryConv) and op.kernel is KernelKind.TREE:
        assert op.tree is not None
        nodes = fold_nodes(op, threshold, source, result)
        sums = threshold is None
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
        requantize=_first(ends, Requantize),
        output=_first(ends, Output),
        add=_first(ends, Add),
        nodes=nodes,
        sources=sources,
        source=source,
        result=result,
        kind=made.kind,
        in_arena=0,
        second_arena=0,
        out_arena=0,
        scratch_arena=0,
        scratch_bytes=scratch,
        tables_arena=0,
        tables_bytes=tables,
        strip_rows=rows,
    )


_Op = TypeVar("_Op", bound=Op)


def _first(ops: list[Op], kind: type[_Op]) -> _Op | None:
    return next((op for op in ops if isinstance(op, kind)), None)


def _unsupported(where: str, what: str) -> SpanbitError:
    return SpanbitError(what, where=where, code=ExitCode.UNSUPPORTED_MODEL)
