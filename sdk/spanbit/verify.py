"""Does a bundle do what the model does that it was compiled from? Layer by layer, on images.

    agreement = compare_source(source, graph, images)     # a model against the graph imported from it
    compare_runtime(bundle, images)                 # the C runtime here against the bundle's own graph

The second must be equal in every bit. The first is so for chains of bits; where a network calculates in real
numbers (batch-norm decided in float32, shortcuts), it says how near they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle import read_bundle
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    BinaryConv,
    Graph,
    Head,
    Kind,
    Output,
    RealConv,
    RealHead,
    Requantize,
    layers_of,
    validate,
)
from spanbit.reference import delivered, run_graph
from spanbit.runtime import Model
from spanbit.sources import Source

Images = NDArray[np.uint8]  # [N, H, W, C]
_WHOLE = 0.01
"""How far a source's float32 may be from the whole number that a sum is."""


@dataclass(frozen=True)
class LayerAgreement:
    """One operator that the source has too: over all images, how many of its numbers are equal.

    `largest` is the largest difference, in the source's units; for reals, `equal` counts those that are
    within one unit of the last place.
    """

    name: str
    what: str  # sums, bits, numbers, logits
    equal: int
    total: int
    largest: float


@dataclass(frozen=True)
class Agreement:
    """Of all layers that both sides have, and of the predicted classes."""

    layers: tuple[LayerAgreement, ...]
    same_class: int
    images: int

    @property
    def first_difference(self) -> str:
        """The first layer that is not equal everywhere; "": none."""
        return next((layer.name for layer in self.layers if layer.equal < layer.total), "")


def compare_source(source: Source, graph: Graph, images: Images) -> Agreement:
    """What a model gives, layer by layer as far as it says, against the reference on `graph`."""
    fractions, infos = _fractions(graph), validate(graph)
    found: dict[int, list[LayerAgreement]] = {}
    same = 0
    for image in images:
        theirs, logits = source(image)
        ours = run_graph(graph, image)
        for position, op in enumerate(graph.ops):
            if isinstance(op, Head | RealHead | Output):
                there: NDArray[np.float64] | None = logits
            else:
                there = theirs.get(position)
            if there is not None and there.size == ours[position].size:
                is_bits = infos[position].kind is Kind.BITS
                agreement = _compare(graph, position, ours[position], there, fractions, is_bits=is_bits)
                if agreement is not None:
                    found.setdefault(position, []).append(agreement)
        same += int(ours[-1].argmax() == logits.argmax())
    return Agreement(tuple(_joined(parts) for parts in found.values()), same, len(images))


def _joined(parts: Sequence[LayerAgreement]) -> LayerAgreement:
    return LayerAgreement(
        parts[0].name,
        parts[0].what,
        sum(part.equal for part in parts),
        sum(part.total for part in parts),
        max(part.largest for part in parts),
    )


def _compare(
    graph: Graph,
    position: int,
    ours: NDArray[Any],
    theirs: NDArray[np.float64],
    fractions: Mapping[int, int],
    *,
    is_bits: bool,
) -> LayerAgreement | None:
    op, mine = graph.ops[position], ours.reshape(-1)
    if is_bits:
        equal = mine == (theirs >= 0)
        return LayerAgreement(op.name, "bits", int(equal.sum()), equal.size, float(not equal.all()))
    if isinstance(op, BinaryConv):
        apart = np.abs(mine - theirs)
        return LayerAgreement(op.name, "sums", int((apart < _WHOLE).sum()), apart.size, float(apart.max()))
    if isinstance(op, Head | RealHead | Output):
        apart = np.abs(mine.astype(np.float64) - theirs)
        near = apart <= 1e-4 * (1 + np.abs(theirs))
        return LayerAgreement(op.name, "logits", int(near.sum()), apart.size, float(apart.max()))
    if position in fractions:
        unit = 2.0 ** -fractions[position]
        apart = np.abs(mine * unit - theirs)
        return LayerAgreement(op.name, "numbers", int((apart <= unit).sum()), apart.size, float(apart.max()))
    return None


def _fractions(graph: Graph) -> dict[int, int]:
    """For each operator that delivers reals, the bits behind the point."""
    fractions: dict[int, int] = {}
    infos = validate(graph)
    for position, (op, sources) in enumerate(zip(graph.ops, graph.sources, strict=True)):
        if isinstance(op, Requantize | RealConv):
            fractions[position] = op.fraction
        elif infos[position].kind is Kind.REAL and sources[0] in fractions:
            fractions[position] = fractions[sources[0]]
    return fractions


def compare_runtime(bundle: bytes, images: Images, *, where: str = "bundle", isa: str = "native") -> str:
    """The first layer for which the C runtime here gives other integers than the reference; "": none.

    Raises:
        SpanbitError: BAD_BUNDLE, or the runtime cannot be built.
    """
    graph = read_bundle(bundle, where).graph
    model = Model(bundle, isa, where)
    for image in images:
        outputs = run_graph(graph, image)
        for layer, got in zip(layers_of(graph), model.trace(image), strict=True):
            if not np.array_equal(got, delivered(graph, layer, outputs)):
                return graph.ops[layer[0]].name
    return ""


def check_same_network(model: Graph, bundle: Graph, images: Images, where: str) -> None:
    """A bundle of the same network gives what its graph gave before it was compiled.

    Raises:
        SpanbitError: BAD_INPUT: it gives something else for one of the images.
    """
    same_input = model.input == bundle.input
    for image in images:
        if not same_input or not np.array_equal(run_graph(model, image)[-1], run_graph(bundle, image)[-1]):
            raise SpanbitError(
                "the bundle was not compiled from this model",
                where=where,
                why="it gives other results for the same image"
                if same_input
                else f"it takes images of {bundle.input}, the model of {model.input}",
                fix="compile the model again with `spanbit compile`",
                code=ExitCode.BAD_INPUT,
            )
