"""A graph that grows operator by operator, for networks that are no chains.

net = Builder()
stem = net.put(StemConv(...), IMAGE)
net.put(Threshold(...), stem)
graph = net.graph("demo", Shape(3, 32, 32))
"""

from __future__ import annotations

from collections.abc import Sequence

from spanbit.graph.ops import Graph, Op, Shape


class Builder:
    """Operators and their wires so far."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.wires: list[tuple[int, ...]] = []

    def put(self, op: Op, *sources: int) -> int:
        """Appends an operator that takes what `sources` deliver; its own position."""
        self.ops.append(op)
        self.wires.append(sources)
        return len(self.ops) - 1

    def graph(self, name: str, image: Shape, class_names: Sequence[str] = ()) -> Graph:
        """All of it; not validated."""
        return Graph(name, image, tuple(self.ops), tuple(class_names), tuple(self.wires))
