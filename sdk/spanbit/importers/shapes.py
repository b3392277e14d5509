"""Calls that calculate nothing: flattening, joining, padding bits; and the mean over all pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spanbit.graph.ops import Shape
from spanbit.importers.layers import Place, adaptive_mean
from spanbit.importers.values import Affine, Flat, Frame, Joined, Slope, Step, Value


def reshaped(place: Place, source: Value, after: tuple[int, ...]) -> Value:
    """view, reshape, flatten and their like, where they flatten all but the batch, or do nothing."""
    before = source.shape
    size = before.channels * before.height * before.width
    map_of_one = (before.height, before.width) == (1, 1)
    if after == (1, size) or (map_of_one and after == (1, size, 1, 1)):
        if map_of_one or isinstance(source.step, Flat):
            return source
        return Value(place.name, place.label, Flat(), (source,), Shape(size, 1, 1))
    if after == (1, before.channels, before.height, before.width):
        return source
    place.refuse(
        f"it makes {list(after)} of a map of {before}; only all but the batch can be flattened",
        "use nn.Flatten() as it is",
    )


def mean_of_map(place: Place, source: Value, dims: Any) -> Value:
    """x.mean([2, 3])."""
    over = sorted(dim % 4 for dim in ([dims] if isinstance(dims, int) else list(dims or ())))
    if over != [2, 3]:
        place.refuse(f"a mean over the dimensions {dims}", "take it over rows and columns, [2, 3]")
    return adaptive_mean(place, source, Shape(source.shape.channels, 1, 1))


def joined(place: Place, values: list[Any], dim: int) -> Value:
    """torch.cat of channels."""
    if dim != 1 or not all(isinstance(value, Value) for value in values):
        place.refuse("it joins other things than the channels of maps", "use torch.cat([...], dim=1)")
    if len(values) == 1:
        only: Value = values[0]
        return only
    first = values[0].shape
    shape = Shape(sum(value.shape.channels for value in values), first.height, first.width)
    return Value(place.name, place.label, Joined(), tuple(values), shape)


def framed(place: Place, source: Value, amounts: tuple[int, ...], value: Any) -> Value:
    """F.pad and the padding layers, on bits."""
    if not any(amounts):
        return source
    if not source.is_bits or len(set(amounts)) != 1 or len(amounts) != 4 or value not in (-1, 0, 1):
        place.refuse(
            f"it pads by {amounts} with {value}; only bits are padded, all sides alike, with -1, 0 or 1",
            "let the convolution pad, or pad behind the sign",
        )
    amount, shape = int(amounts[0]), source.shape
    wide = Shape(shape.channels, shape.height + 2 * amount, shape.width + 2 * amount)
    return Value(place.name, place.label, Frame(amount, int(value)), (source,), wide)


def before_flattening(
    place: Place, operands: list[Value], step: Step | None
) -> tuple[list[Value], Step | None]:
    """Flattened operands as maps, and the step for those, which must be alike for all channels."""
    inside = [operand.source if isinstance(operand.step, Flat) else operand for operand in operands]
    if inside == operands or step is None:
        return inside, step
    small = _resized(step, inside[0].shape.channels)
    if small is None:
        place.refuse(
            "it stands behind a flattened map, with numbers of its own for every pixel",
            "put it in front of the flattening, one number a channel",
        )
    return inside, small


def _resized(step: Step, channels: int) -> Step | None:
    """The same step for another number of channels; None where the channels differ."""
    match step:
        case Slope():
            alike = (step.slope == step.slope[:1]).all()
            return Slope(np.full(channels, step.slope[0])) if alike else None
        case Affine():
            alike = (step.scale == step.scale[:1]).all() and (step.bias == step.bias[:1]).all()
            return (
                replace(step, scale=np.full(channels, step.scale[0]), bias=np.full(channels, step.bias[0]))
                if alike
                else None
            )
    return step
