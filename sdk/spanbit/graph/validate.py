"""Checks a graph once, at the border, and gives the shape of every tensor in it."""

from __future__ import annotations

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.infer import MAX_SIDE, TensorInfo, infer, refused
from spanbit.graph.ops import (
    IMAGE,
    BinaryConv,
    Graph,
    Head,
    Kind,
    MaxPool,
    Op,
    Output,
    OutputKind,
    RealHead,
    Requantize,
    StemConv,
    Threshold,
)

_INT16_MAX = 0x7FFF


def validate(graph: Graph) -> list[TensorInfo]:
    """The tensor that each operator delivers, one per operator.

    Raises:
        SpanbitError: an operator does not fit those that feed it; the message names the layer.
    """
    shape = graph.input
    if not (1 <= shape.channels <= 4 and 1 <= shape.height <= MAX_SIDE and 1 <= shape.width <= MAX_SIDE):
        raise SpanbitError(
            f"an input image of {shape}",
            where=graph.name,
            fix=f"use 1 to 4 channels and sides up to {MAX_SIDE}",
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    _check_ends(graph)
    _check_wires(graph)
    image = TensorInfo(Kind.U8, shape)
    infos: list[TensorInfo] = []
    for op, sources in zip(graph.ops, graph.sources, strict=True):
        infos.append(infer(op, [image if source == IMAGE else infos[source] for source in sources]))
    _check_sums(graph, infos)
    return infos


def _check_ends(graph: Graph) -> None:
    first, last = (graph.ops[0], graph.ops[-1]) if graph.ops else (None, None)
    if not isinstance(first, StemConv) or not isinstance(last, Head | RealHead | Output):
        raise SpanbitError(
            "a network must begin with an 8-bit stem convolution and end with a fully connected head, "
            "or with a binary convolution and its output",
            where=graph.name,
            code=ExitCode.UNSUPPORTED_MODEL,
        )


def _check_wires(graph: Graph) -> None:
    """Every operator takes what is there already; nothing but the last result is left lying."""
    if len(graph.sources) != len(graph.ops):
        raise SpanbitError(
            f"wires for {len(graph.sources)} operators of {len(graph.ops)}",
            where=graph.name,
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    for position, (op, sources) in enumerate(zip(graph.ops, graph.sources, strict=True)):
        if any(not IMAGE <= source < position for source in sources):
            raise refused(op, f"it takes operators {sources}, its own place is {position}")
        if (IMAGE in sources) != isinstance(op, StemConv) or (isinstance(op, StemConv) and position):
            raise refused(op, "only the first operator, the stem, takes the image")
    for op, fed in zip(graph.ops[:-1], graph.consumers()[:-1], strict=True):
        if isinstance(op, Output | Head | RealHead):
            raise refused(op, "an output that is not the last operator", "let it end the network")
        if not fed:
            raise refused(op, "nothing takes what it delivers")


def _check_sums(graph: Graph, infos: list[TensorInfo]) -> None:
    """Sums are on their way to one operator, and stay where what takes them can hold them."""
    for position, fed in enumerate(graph.consumers()):
        op = graph.ops[position]
        if infos[position].kind is not Kind.INT or isinstance(op, Output):
            continue
        following = graph.ops[fed[0]]
        if len(fed) > 1 or not isinstance(following, Threshold | Requantize | MaxPool | Output):
            raise refused(op, "its sums go to more than one operator", "take them from behind a Requantize")
        if isinstance(following, Output):
            _check_delivered(op, following)
        taps = int(op.weight[0].size) if isinstance(op, BinaryConv) else 0
        if isinstance(following, Requantize) and taps > _INT16_MAX:
            raise refused(
                following, f"sums of {taps} taps in a shortcut", f"use windows of up to {_INT16_MAX} taps"
            )


def _check_delivered(op: Op, output: Output) -> None:
    if not isinstance(op, BinaryConv):
        raise refused(output, "an output behind another operator than a binary convolution")
    reach = int((op.weight != 0).sum(axis=(1, 2, 3)).max(initial=0))
    if output.kind is OutputKind.INT16 and reach > _INT16_MAX:
        raise refused(output, f"sums of {reach} taps do not fit int16", "use OutputKind.INT32")
