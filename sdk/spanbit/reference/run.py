"""A whole graph in numpy, operator by operator.

outputs = run_graph(graph, image)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError
from spanbit.graph.ops import BinaryConv, Graph, Head, MaxPool2x2, Op, Output, StemConv, Threshold
from spanbit.reference.operators import binary_conv, head, max_pool, output, stem_conv, threshold


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
    current: NDArray[Any] = image
    for op in graph.ops:
        current = _step(op, current)
        outputs.append(current)
    return outputs


def classify(graph: Graph, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The index of the largest logit (the first, if several are) for images uint8 [N, H, W, C]."""
    return np.array([int(run_graph(graph, image)[-1].argmax()) for image in images], dtype=np.int64)


def _step(op: Op, tensor: NDArray[Any]) -> NDArray[Any]:
    match op:
        case StemConv():
            return stem_conv(op, tensor)
        case BinaryConv():
            return binary_conv(op, tensor)
        case Threshold():
            return threshold(op, tensor)
        case MaxPool2x2():
            return max_pool(op, tensor)
        case Head():
            return head(op, tensor)
        case Output():
            return output(op, tensor)
