"""How a network ends: in a head, in the sums of a binary convolution, or in a vector of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spanbit.graph.ops import Head, Output, OutputKind
from spanbit.importers.demand import Demand, taken
from spanbit.importers.drafts import HeadDraft
from spanbit.importers.layers import then
from spanbit.importers.values import Affine, BatchNorm, BinaryConvolution, Dense, Image, Stem, Value, refuse
from spanbit.importers.weights import as_signs, int8_rows

if TYPE_CHECKING:
    from spanbit.importers.lower import Lowering

_IDENTITY_HEAD = 1024
"""Numbers that a network may end in without a fully connected layer; more is a map, not logits."""


def end_network(lowering: Lowering) -> None:
    """The last operator."""
    plan, demand = lowering.plan, lowering.demand
    last, behind = demand.last, demand.behind
    channels = last.shape.channels
    affine = Affine.identity(channels)
    for value in behind:
        step = value.step
        assert isinstance(step, BatchNorm | Affine)
        affine = then(affine, step)
    plan.elide(demand.dropped, "the order of the logits is the same without it")
    if isinstance(last.step, Dense):
        draft = _head(lowering, last, last.step, affine)
    elif isinstance(last.step, BinaryConvolution):
        draft = _output(lowering, last, behind, affine)
    else:
        draft = _identity_head(lowering, last)
    plan.fold(behind, draft)


def _head(lowering: Lowering, last: Value, step: Dense, affine: Affine) -> int:
    (source,) = taken(last)
    if not source.is_bits:
        weight = step.weight * affine.scale[:, None]
        head = HeadDraft(weight, affine.bias)
        draft = lowering.plan.add(last.path, head, (lowering.number(source),), [last], last.shape)
        lowering.plan.keep(last, draft)
        return draft
    found = as_signs(step.weight)
    weight8, scale, exact = (*found, True) if found is not None else int8_rows(step.weight)
    why = "weights as they are" if exact else "weights rounded to int8, one scale an output"
    bits = lowering.bits(source, last)
    op = Head(last.path, weight8, (affine.scale * scale).astype(np.float32), affine.bias.astype(np.float32))
    draft = lowering.plan.add(last.path, op, (bits,), [last], last.shape)
    lowering.plan.keep(last, draft, why)
    if not exact:
        lost = np.abs(weight8 * scale[:, None] - step.weight).sum(axis=1)
        lowering.plan.logits[draft] = lost * np.abs(affine.scale)
    return draft


def _output(lowering: Lowering, last: Value, behind: list[Value], affine: Affine) -> int:
    sums = lowering.sums(last)
    if not behind:
        step = last.step
        assert isinstance(step, BinaryConvolution)
        fits = step.weight[0].size <= np.iinfo(np.int16).max
        kind = OutputKind.INT16 if fits else OutputKind.INT32
        name = f"{last.path}.output"
        return lowering.plan.add(name, Output(name, kind), (sums.draft,), [last], last.shape)
    name = behind[-1].path if behind[-1].path != last.path else f"{last.path}.output"
    scale, bias = affine.scale.astype(np.float32), affine.bias.astype(np.float32)
    op = Output(name, OutputKind.FLOAT32, scale, bias)
    return lowering.plan.add(name, op, (sums.draft,), behind, last.shape)


def check_end(demand: Demand) -> None:
    """The network ends in something that an operator delivers."""
    last, shape = demand.last, demand.last.shape
    if isinstance(last.step, Dense | BinaryConvolution):
        return
    is_map = (shape.height, shape.width) != (1, 1)
    if last.is_bits or isinstance(last.step, Image | Stem) or is_map:
        what = "bits" if last.is_bits else f"a map of {shape}"
        refuse(
            last.path,
            last.label,
            f"the network ends here, in {what}",
            "let a head end it (nn.Linear or BinaryLinear behind nn.Flatten), a mean over all pixels, or a "
            "binary convolution with or without nn.BatchNorm2d; or put a Sign and such a layer behind it",
        )
    if shape.channels > _IDENTITY_HEAD:
        why = f"the network ends in {shape.channels} numbers"
        refuse(last.path, last.label, why, "end it in a fully connected layer")


def _identity_head(lowering: Lowering, last: Value) -> int:
    size = last.shape.channels
    head = HeadDraft(np.eye(size), np.zeros(size))
    return lowering.plan.add(f"{last.path}.output", head, (lowering.number(last),), [], last.shape)
