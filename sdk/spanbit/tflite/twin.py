"""From a graph to its twin: the same layers as a framework's user would have them without binary kernels.

    data = twin(graph, "float32")

The twin has every convolution, pool, shortcut and head of the network, with the same shapes and the same
weights, so that it takes the time that such a network takes. What lies between, a batch-norm and a sign in
one comparison, becomes a ReLU, which the framework fuses: signs and thresholds of its own would be slower
than what its users deploy. So its answers are not the network's, and are not to be compared. In int8 every
row of weights is stretched to the whole range (writer.py).
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Graph,
    Head,
    MaxPool,
    Op,
    Output,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
    validate,
)
from spanbit.tflite.writer import Numbers, Side, Writer

KINDS: tuple[str, ...] = get_args(Numbers)
_SLOPE_ONE = 1 << 14


def twin(graph: Graph, numbers: Numbers) -> bytes:
    """The .tflite file.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL: an operator has no counterpart; LiteRT's schema is not installed.
    """
    writer = Writer(numbers)
    shapes = [info.shape for info in validate(graph)]
    fed = graph.consumers()
    image = writer.activation(_nhwc(graph.input), zero=0)
    made: list[int] = []
    for place, (op, sources) in enumerate(zip(graph.ops, graph.sources, strict=True)):
        inputs = [image if source < 0 else made[source] for source in sources]
        before = graph.input if sources[0] < 0 else shapes[sources[0]]
        signed = any(isinstance(graph.ops[next_op], Threshold) for next_op in fed[place])
        made.append(_operator(writer, op, inputs, before, shapes[place], relu=signed))
    return writer.finish(image, made[-1], graph.name)


def _operator(writer: Writer, op: Op, inputs: list[int], before: Shape, after: Shape, *, relu: bool) -> int:
    source, size = inputs[0], (after.height, after.width)
    match op:
        case StemConv() | BinaryConv():
            weight = op.weight.astype(np.float32).transpose(0, 2, 3, 1)
            return writer.convolution(
                source, weight, stride=op.stride, padding=op.padding, size=size, relu=relu
            )
        case RealConv():
            weight = op.weight.astype(np.float32)[:, None, None, :]
            return writer.convolution(source, weight, stride=op.stride, padding=0, size=size, relu=relu)
        case MaxPool():
            kernel = (op.kernel, op.kernel)
            return writer.pool(
                source, largest=True, kernel=kernel, stride=op.stride, padding=op.padding, size=size
            )
        case AvgPool():
            padding = int(op.ceil and not _whole(before, op.kernel, op.stride))
            return writer.pool(
                source, largest=False, kernel=op.kernel, stride=op.stride, padding=padding, size=size
            )
        case Threshold():  # fused into what is before it, where that can be
            return source if writer.is_rectified(source) else writer.relu(source)
        case Requantize() | Output():  # the convolution's own scale and bias
            return source
        case Add():
            return writer.add(*inputs)
        case Concat():
            return writer.concatenation(inputs)
        case PRelu():
            return writer.prelu(source, op.slope.astype(np.float32) / np.float32(_SLOPE_ONE))
        case Head() | RealHead():
            return writer.fully_connected(source, _by_pixels(op.weight, before))
        case _:
            raise SpanbitError(
                f"{type(op).__name__} has no counterpart in TensorFlow Lite",
                where=f"layer {op.name!r}",
                code=ExitCode.UNSUPPORTED_MODEL,
            )


def _whole(before: Shape, kernel: Side, stride: int) -> bool:
    """Whether windows of this size fill the image to its edges."""
    return not any(
        (side - part) % stride for side, part in zip((before.height, before.width), kernel, strict=True)
    )


def _by_pixels(weight: NDArray[np.integer], before: Shape) -> NDArray[np.float32]:
    """From [O, C * H * W] to [O, H * W * C]."""
    whole = weight.reshape(len(weight), before.channels, before.height, before.width)
    rows: NDArray[np.float32] = whole.transpose(0, 2, 3, 1).reshape(len(weight), -1).astype(np.float32)
    return rows


def _nhwc(shape: Shape) -> tuple[int, int, int, int]:
    return 1, shape.height, shape.width, shape.channels
