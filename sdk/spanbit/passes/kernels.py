"""Which kernel runs a binary convolution: the one that the target's cost figures say is faster.

Model cycles, with one vector of 128 pixels as the unit (a shorter machine word scales both alike):

    tree   vectors of the output plane * (distance * cost.tree + nodes * planes)
    dense  pixels / 128 * C_out * L' * cost.dense       L' = taps with channels rounded up to 128

The term `nodes * planes` stands for what a node costs beside its taps: copying, carries, comparing. These
are figures of a model, said as such in the report; they choose, they claim no time.
"""

from __future__ import annotations

from dataclasses import replace

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import BinaryConv, Graph, KernelKind, Op, Shape
from spanbit.graph.validate import validate
from spanbit.passes.layout import dense_words, plane_bytes
from spanbit.targets import Target

_VECTOR_BYTES = 16


def choose_kernels(graph: Graph, target: Target, kernel: KernelKind | None = None) -> Graph:
    """The same graph with `kernel` and `kernel_reason` set; `kernel` forces one for every layer.

    Raises:
        SpanbitError: the tree kernel is forced for a layer that has no tree.
    """
    infos = validate(graph)
    ops: list[Op] = []
    for op, info in zip(graph.ops, infos, strict=True):
        ops.append(_choose(op, info.shape, target, kernel) if isinstance(op, BinaryConv) else op)
    return replace(graph, ops=tuple(ops))


def _choose(op: BinaryConv, result: Shape, target: Target, forced: KernelKind | None) -> BinaryConv:
    if op.tree is None:
        reason = f"{op.weight[0].size} taps a channel are too many for a tree"
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
    tree, dense = _tree_cycles(op, result, target), _dense_cycles(op, result, target)
    kernel = KernelKind.TREE if tree <= dense else KernelKind.DENSE
    reason = f"model cycles: tree {tree:.3g}, dense {dense:.3g}"
    return replace(op, kernel=kernel, kernel_reason=reason)


def _tree_cycles(op: BinaryConv, result: Shape, target: Target) -> float:
    assert op.tree is not None
    vectors = plane_bytes(result.height, result.width) // _VECTOR_BYTES
    planes = max(1, int(op.weight[0].size)).bit_length()
    return vectors * (op.tree.total_distance * target.cost.tree + len(op.weight) * planes)


def _dense_cycles(op: BinaryConv, result: Shape, target: Target) -> float:
    out_channels, in_channels, kernel_h, kernel_w = (int(side) for side in op.weight.shape)
    taps = dense_words(in_channels) * 64 * kernel_h * kernel_w
    ternary = 1.25 if not op.weight.all() else 1.0  # one AND more for each word of weights
    return result.height * result.width / 128 * out_channels * taps * target.cost.dense * ternary
