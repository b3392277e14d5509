"""Which kernel runs a binary convolution: the one that the target's cost figures say is faster.

    graph = choose_kernels(build_trees(graph), load_target("rpi4"))

The model and its figures are in cost_model.py. Its result goes into the report under its own name: model
cycles, or model ns where `spanbit tune` has measured the figures.
"""

from __future__ import annotations

from dataclasses import replace

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import BinaryConv, Graph, KernelKind, Op, Shape
from spanbit.graph.validate import validate
from spanbit.passes.cost_model import dense_amounts, predict, tree_amounts
from spanbit.passes.trees import tree_obstacle
from spanbit.targets import Target


def choose_kernels(graph: Graph, target: Target, kernel: KernelKind | None = None) -> Graph:
    """The same graph with `kernel` and `kernel_reason` set; `kernel` forces one for every layer.

    Raises:
        SpanbitError: the tree kernel is forced for a layer that has no tree.
    """
    infos = validate(graph)
    ops: list[Op] = []
    for op, info, sources in zip(graph.ops, infos, graph.sources, strict=True):
        if isinstance(op, BinaryConv):
            ops.append(_choose(op, infos[sources[0]].shape, info.shape, target, kernel))
        else:
            ops.append(op)
    return replace(graph, ops=tuple(ops))


def _choose(
    op: BinaryConv, source: Shape, result: Shape, target: Target, forced: KernelKind | None
) -> BinaryConv:
    if op.tree is None:
        reason = tree_obstacle(op, source, result)
        if forced is KernelKind.TREE:
            raise SpanbitError(
                "the tree kernel cannot run this layer",
                where=f"layer {op.name!r}",
                why=reason,
                code=ExitCode.UNSUPPORTED_MODEL,
            )
        return replace(op, kernel=KernelKind.DENSE, kernel_reason=reason)
    if forced is not None:
        return replace(op, kernel=forced, kernel_reason="asked for")
    assert op.tree is not None
    tree = predict(tree_amounts(op, source, result, target.isa), target.cost)
    dense = predict(dense_amounts(op, source, result), target.cost)
    kernel = KernelKind.TREE if tree <= dense else KernelKind.DENSE
    reason = f"model {target.cost.unit}: tree {tree:.3g}, dense {dense:.3g}"
    return replace(op, kernel=kernel, kernel_reason=reason)
