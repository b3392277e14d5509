"""Does a bundle do what the model does that it was compiled from? Layer by layer, on images.

    agreement = compare_source(source, graph, images)     # a model against the graph imported from it
    compare_runtime(bundle, images)                 # the C runtime here against the bundle's own graph

The second must be equal in every bit. The first is so for chains of bits; where a network calculates in real
numbers (batch-norm decided in float32, shortcuts), it says how near they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    Threshold,
    layers_of,
    validate,
)
from spanbit.reference import delivered, run_graph
from spanbit.runtime import Model

if TYPE_CHECKING:
    from spanbit.nn.outputs import Network

Images = NDArray[np.uint8]  # [N, H, W, C]
Delivered = tuple[Mapping[str, NDArray[np.float64]], NDArray[np.float64]]
Source = Callable[[NDArray[np.uint8]], Delivered]
"""A model: of an image, what its layers deliver, by name, as far as it can say, and its logits; all flat."""


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


def torch_source(net: Network, graph: Graph) -> Source:
    """A PyTorch module in evaluation, module by module, for the operators of `graph`, imported from it."""
    from spanbit.nn.outputs import module_outputs  # PyTorch: only where a module is compared

    wanted = {op.name for op in graph.ops}
    return lambda image: module_outputs(net, image, wanted)


def onnx_source(
    data: bytes, where: str, pixel: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> Source:
    """An ONNX model in ONNX Runtime, its logits alone; `pixel` makes of pixels [C, H, W] what it takes.

    Raises:
        SpanbitError: ONNX Runtime is not installed, or does not take the model.
    """
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    except Exception as failure:  # its own exceptions have no common base
        raise SpanbitError(
            "ONNX Runtime does not run this model",
            where=where,
            why=str(failure).splitlines()[0],
            fix="give --data an .npz with `images` and the model's own `logits`",
        ) from failure
    (given,) = session.get_inputs()

    def run(image: NDArray[np.uint8]) -> Delivered:
        pixels = pixel(image.transpose(2, 0, 1).astype(np.float32))
        return {}, np.asarray(session.run(None, {given.name: pixels[None]})[0], np.float64).reshape(-1)

    return run


def stored_source(images: Images, logits: NDArray[np.float64]) -> Source:
    """A model whose logits [N, O] for these images were stored by its own framework."""
    known = {
        image.tobytes(): row.reshape(-1).astype(np.float64) for image, row in zip(images, logits, strict=True)
    }
    return lambda image: ({}, known[image.tobytes()])


def compare_source(source: Source, graph: Graph, images: Images) -> Agreement:
    """What a model gives, layer by layer as far as it says, against the reference on `graph`."""
    fractions = _fractions(graph)
    found: dict[str, list[LayerAgreement]] = {}
    same = 0
    for image in images:
        theirs, logits = source(image)
        ours = run_graph(graph, image)
        for position, op in enumerate(graph.ops):
            if isinstance(op, Head | RealHead | Output):
                there: NDArray[np.float64] | None = logits
            else:
                there = theirs.get(op.name)
            if there is not None and there.size == ours[position].size:
                agreement = _compare(graph, position, ours[position], there, fractions)
                if agreement is not None:
                    found.setdefault(op.name, []).append(agreement)
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
) -> LayerAgreement | None:
    op, mine = graph.ops[position], ours.reshape(-1)
    if isinstance(op, Threshold):
        equal = mine == (theirs >= 0)
        return LayerAgreement(op.name, "bits", int(equal.sum()), equal.size, float(not equal.all()))
    if isinstance(op, BinaryConv):
        apart = np.abs(mine - theirs)
        return LayerAgreement(op.name, "sums", int((apart == 0).sum()), apart.size, float(apart.max()))
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
