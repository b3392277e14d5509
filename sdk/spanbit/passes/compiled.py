"""What compiling delivers: the rewritten graph and, for each layer of the bundle, a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.graph import (
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Graph,
    Head,
    Kind,
    MaxPool,
    Output,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)

LayerOp = (
    StemConv | BinaryConv | Threshold | MaxPool | PRelu | AvgPool | RealConv | Concat | Add | Head | RealHead
)


@dataclass(frozen=True, eq=False)
class NodeTable:
    """Per node of a tree, in order of calculation: what its sum S is compared with."""

    planes: int  # S is known modulo 2^planes
    compare: NDArray[np.uint8]  # values of Compare
    value: NDArray[np.int32]  # 0 where nothing is compared


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """One layer of the bundle: an operator with what ends it, and its places in the arena (bytes)."""

    op: LayerOp
    threshold: Threshold | None  # a convolution has one of these three; a sign is one
    requantize: Requantize | None
    output: Output | None  # of the last layer, where it is a binary convolution
    add: Add | None  # a binary convolution onto its second input
    nodes: NodeTable | None  # tree convolutions have one
    sources: tuple[int, ...]  # layers that feed it, one or two; IMAGE: the caller's image
    source: Shape  # of the first input
    result: Shape
    kind: Kind  # of what it delivers
    in_arena: int  # 0 for the stem, which reads the caller's image
    second_arena: int  # 0 where there is no second input
    out_arena: int
    scratch_arena: int
    scratch_bytes: int
    tables_arena: int  # expanded tap table of a tree, else 0
    tables_bytes: int
    strip_rows: int = 0  # output rows that a tree convolution prepares at a time


@dataclass(frozen=True, eq=False)
class CompiledGraph:
    """A graph ready to be written as a bundle."""

    graph: Graph
    target_name: str
    layers: tuple[LayerPlan, ...]
    arena_bytes: int
    tables_arena: int
    tables_bytes: int
