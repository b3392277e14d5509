"""What a compiled network costs, as figures only; how they look is report/table.py.

    figures = network_figures(compiled.graph, bundle_bytes)
    figures.layers[1].cost, figures.as_dict()

Conventions: a bit-OP is one binary multiply-accumulate, counted over the binary convolutions; `bytes_before`
is one bit a weight there, one or two bytes a weight in stem, heads and real convolutions. `bit_ops_after`
counts one addition a differing tap and pixel. It is an operation count and says nothing about time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spanbit.bundle.records import HEADER, LAYER, NODE
from spanbit.graph import (
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Op,
    PRelu,
    RealConv,
    RealHead,
    StemConv,
    Threshold,
    layers_of,
    validate,
)

_KINDS: dict[type[Op], str] = {
    StemConv: "stem",
    MaxPool: "max-pool",
    AvgPool: "average pool",
    RealConv: "real conv",
    PRelu: "PReLU",
    Concat: "concatenation",
    Add: "addition",
    Threshold: "sign",
    Head: "head",
    RealHead: "real head",
}
"""Of what is not a binary convolution."""


@dataclass(frozen=True)
class LayerFigures:
    """One layer of the bundle. Fields that a layer has not are None."""

    name: str
    op: str
    shape: str
    kernel: str
    reason: str
    taps: int | None
    macs: int | None  # multiply-accumulates: taps times pixels of the output
    distance: int | None
    cost: float | None
    depth: int | None
    bit_ops_before: int | None
    bit_ops_after: int | None
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class NetworkFigures:
    """All layers, and the totals."""

    name: str
    target: str
    layers: tuple[LayerFigures, ...]
    file_bytes: int
    arena_bytes: int
    golden_count: int
    bit_ops_before: int
    bit_ops_after: int
    bytes_before: int
    bytes_after: int

    def as_dict(self) -> dict[str, Any]:
        """The twin for JSON: same names, plain types."""
        return asdict(self)


def network_figures(graph: Graph, bundle: bytes) -> NetworkFigures:
    """Figures of a compiled graph and of the bundle written from it (docs/bundle-format.md).

    The bundle must have been checked (`spanbit.bundle.read_bundle`) or just written.
    """
    header = np.frombuffer(bundle, HEADER, 1)[0]
    infos, groups = validate(graph), layers_of(graph)
    records = np.frombuffer(bundle, LAYER, len(groups), int(header["layer_offset"]))
    layers: list[LayerFigures] = []
    for group, record in zip(groups, records, strict=True):
        shape = infos[group[-1]].shape
        stored = int(record["weight_bytes"])
        layers.append(_layer(graph.ops[group[0]], str(shape), shape.height * shape.width, stored))
    return NetworkFigures(
        name=graph.name,
        target=header["target"].decode("ascii", "replace"),
        layers=tuple(layers),
        file_bytes=len(bundle),
        arena_bytes=int(header["arena_bytes"]),
        golden_count=int(header["golden_count"]),
        bit_ops_before=sum(layer.bit_ops_before or 0 for layer in layers),
        bit_ops_after=sum(layer.bit_ops_after or 0 for layer in layers),
        bytes_before=sum(layer.bytes_before for layer in layers),
        bytes_after=sum(layer.bytes_after for layer in layers),
    )


def _layer(op: Op, shape: str, pixels: int, stored: int) -> LayerFigures:
    if isinstance(op, BinaryConv):
        return _binary_conv(op, shape, pixels, stored)
    weight = op.weight if isinstance(op, StemConv | RealConv | Head | RealHead) else np.zeros(0, np.int8)
    taps, before = int(weight.size), int(weight.nbytes)
    kind = _KINDS[type(op)]
    return LayerFigures(
        name=op.name,
        op=kind,
        shape=shape,
        kernel=kind,
        reason="",
        taps=taps or None,
        macs=taps * pixels or None,
        distance=None,
        cost=None,
        depth=None,
        bit_ops_before=None,
        bit_ops_after=None,
        bytes_before=before,
        bytes_after=stored,
    )


def _binary_conv(op: BinaryConv, shape: str, pixels: int, stored: int) -> LayerFigures:
    taps = int(op.weight.size)
    tree = op.tree if op.kernel is KernelKind.TREE else None
    distance = tree.total_distance if tree else None
    return LayerFigures(
        name=op.name,
        op="binary conv",
        shape=shape,
        kernel=op.kernel.name.lower() if op.kernel else "none",
        reason=op.kernel_reason,
        taps=taps,
        macs=taps * pixels,
        distance=distance,
        cost=distance / taps if distance is not None else None,
        depth=int(tree.depth.max()) if tree else None,
        bit_ops_before=taps * pixels,
        bit_ops_after=(taps if distance is None else distance) * pixels,
        bytes_before=(taps + 7) // 8,
        bytes_after=stored + (NODE.itemsize * op.weight.shape[0] if tree else 0),
    )
