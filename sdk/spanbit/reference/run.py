"""A whole graph in numpy, operator by operator.

outputs = run_graph(graph, image)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError
from spanbit.graph.ops import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Graph,
    Head,
    MaxPool,
    Op,
    Output,
    OutputKind,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    StemConv,
    Threshold,
)
from spanbit.reference.operators import (
    add,
    avg_pool,
    binary_conv,
    concat,
    head,
    head_sums,
    max_pool,
    output,
    prelu,
    real_conv,
    real_head,
    real_head_sums,
    requantize,
    stem_conv,
    threshold,
)


def run_graph(graph: Graph, image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """What every operator delivers for `image`, uint8 [H, W, C].

    The last are the logits, float32 [O], or what the `Output` says, [C, H, W].

    Raises:
        SpanbitError: the image has another shape or type than the graph takes.
    """
    shape = graph.input
    wanted = (shape.height, shape.width, shape.channels)
    if image.dtype != np.uint8 or image.shape != wanted:
        raise SpanbitError(
            f"an image of {image.dtype} {image.shape}",
            where=graph.name,
            fix=f"give uint8 {wanted}: rows, columns, channels",
        )
    outputs: list[NDArray[Any]] = []
    for op, sources in zip(graph.ops, graph.sources, strict=True):
        outputs.append(_step(op, [image if source == IMAGE else outputs[source] for source in sources]))
    return outputs


def delivered(graph: Graph, layer: tuple[int, ...], outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The integers or bits that one of `layers_of(graph)` leaves behind: of floats, the sums behind them.

    `outputs` are those of `run_graph`.
    """
    op, source = graph.ops[layer[-1]], graph.sources[layer[-1]][0]
    if isinstance(op, Head):
        return head_sums(op, outputs[source])
    if isinstance(op, RealHead):
        return real_head_sums(op, outputs[source])
    scaled = isinstance(op, Output) and op.kind is OutputKind.FLOAT32
    return outputs[source if scaled else layer[-1]]


def classify(graph: Graph, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The index of the largest logit (the first, if several are) for images uint8 [N, H, W, C]."""
    return np.array([int(run_graph(graph, image)[-1].argmax()) for image in images], dtype=np.int64)


def _step(op: Op, tensors: list[NDArray[Any]]) -> NDArray[Any]:
    tensor = tensors[0]
    match op:
        case StemConv():
            return stem_conv(op, tensor)
        case BinaryConv():
            return binary_conv(op, tensor)
        case Threshold():
            return threshold(op, tensor)
        case MaxPool():
            return max_pool(op, tensor)
        case Requantize():
            return requantize(op, tensor)
        case Add():
            return add(tensors[0], tensors[1])
        case PRelu():
            return prelu(op, tensor)
        case AvgPool():
            return avg_pool(op, tensor)
        case RealConv():
            return real_conv(op, tensor)
        case Concat():
            return concat(tensors)
        case Head():
            return head(op, tensor)
        case RealHead():
            return real_head(op, tensor)
        case Output():
            return output(op, tensor)
