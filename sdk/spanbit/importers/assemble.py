"""Values as a graph: the part that all importers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spanbit.errors import SpanbitError
from spanbit.graph.ops import Graph, Shape, chain
from spanbit.graph.validate import validate
from spanbit.importers.explain import Explanation, explain
from spanbit.importers.fixed_point import with_scales
from spanbit.importers.lower import lower
from spanbit.importers.plan import Note
from spanbit.importers.values import Affine, Floats, Value

Numbers = float | Sequence[float]
"""One number a channel of the image, or one for all."""

_NAME_BYTES = 32  # the bundle's field


def name_of_file(where: str) -> str:
    """What a network is called that comes from a file: as the file, without its ending."""
    return Path(where).stem.encode()[:_NAME_BYTES].decode(errors="ignore")


def assemble(
    end: Value,
    notes: Sequence[Note],
    image: Shape,
    name: str,
    class_names: Sequence[str],
    named: Mapping[Value, str] | None = None,
) -> Explanation:
    """The graph of a network that ends in `end`, and what became of its layers.

    Args:
        named: tensors of the source by their own names, for comparisons.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer.
    """
    plan = lower(end)
    drafts = plan.drafts
    ops, reals, logits = with_scales(drafts)
    wires = tuple(draft.sources for draft in drafts)
    graph = Graph(name, image, tuple(ops), tuple(class_names), None if wires == chain(len(wires)) else wires)
    outputs = validate(graph)[-1].shape.channels
    if class_names and len(class_names) != outputs:
        raise SpanbitError(
            f"{len(class_names)} class names for {outputs} outputs",
            where=name,
            fix="give one name an output, or none",
        )
    return explain(graph, plan, notes, reals, logits | plan.logits, named or {})


def normalisation(image: Shape, mean: Numbers | None, std: Numbers | None, name: str) -> Affine | None:
    """(pixel / 255 - mean) / std as a scale and a bias; None if neither is given.

    Raises:
        SpanbitError: neither one number nor one a channel, or numbers that cannot be.
    """
    if mean is None and std is None:
        return None
    middle = _each(0.0 if mean is None else mean, image)
    deviation = _each(1.0 if std is None else std, image)
    if (
        middle.shape != (image.channels,)
        or deviation.shape != middle.shape
        or not (deviation > 0).all()
        or not np.isfinite(middle).all()
    ):
        raise SpanbitError(
            f"mean {middle.tolist()} and std {deviation.tolist()} for {image.channels} channels",
            where=name,
            fix="give one number, or one a channel, of pixels scaled to 0..1, std above zero",
        )
    return Affine(1 / (255 * deviation), -middle / deviation)


def _each(numbers: Numbers, image: Shape) -> Floats:
    given = np.asarray(numbers, np.float64).reshape(-1)
    return np.repeat(given, image.channels) if given.size == 1 else given
