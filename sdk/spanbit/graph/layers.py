"""Which operators are one layer of a bundle, and the order in which layers are calculated.

    graph = in_layers(graph)        # the same function; a layer's operators stand side by side
    layers_of(graph)                # [(0, 1), (2, 3, 4), ...], positions; the last of each delivers

A convolution takes what makes bits, numbers or results of its sums; a binary convolution whose numbers go
into an addition and nowhere else takes that too. All other operators are layers by themselves.
"""

from __future__ import annotations

from spanbit.graph.builder import Builder
from spanbit.graph.ops import (
    IMAGE,
    Add,
    BinaryConv,
    Concat,
    Graph,
    Output,
    Requantize,
    StemConv,
    Threshold,
)


def layers_of(graph: Graph) -> list[tuple[int, ...]]:
    """Positions of the operators of each layer, in order of calculation."""
    fed = graph.consumers()
    taken: set[int] = set()
    layers: list[tuple[int, ...]] = []
    for position in reversed(range(len(graph.ops))):  # of two convolutions that are added, the later takes it
        if position in taken or not isinstance(graph.ops[position], StemConv | BinaryConv):
            continue
        layer = _layer_of(graph, fed, position, taken)
        layers.append(layer)
        taken.update(layer)
    layers += [(position,) for position in range(len(graph.ops)) if position not in taken]
    return sorted(layers, key=lambda layer: layer[-1])


def _layer_of(graph: Graph, fed: list[list[int]], conv: int, taken: set[int]) -> tuple[int, ...]:
    layer = [conv]
    for kinds in ((Threshold, Requantize, Output), (Add,)):
        behind = fed[layer[-1]]
        following = behind[0] if len(behind) == 1 else None
        if following is None or following in taken or not isinstance(graph.ops[following], kinds):
            break
        if isinstance(graph.ops[following], Add) and isinstance(graph.ops[conv], StemConv):
            break
        layer.append(following)
    return tuple(layer)


def in_layers(graph: Graph) -> Graph:
    """The same function, each layer's operators side by side, concatenations of two tensors only."""
    net = Builder()
    moved = {IMAGE: IMAGE}
    for layer in layers_of(graph):
        for position in layer:
            op, sources = graph.ops[position], [moved[source] for source in graph.sources[position]]
            while isinstance(op, Concat) and len(sources) > 2:
                sources[:2] = [net.put(Concat(f"{op.name}.{len(sources) - 1}"), *sources[:2])]
            moved[position] = net.put(op, *sources)
    return net.graph(graph.name, graph.input, graph.class_names)
