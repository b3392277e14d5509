"""Calls that calculate nothing: flattening, joining, padding bits; and the mean over all pixels."""

from __future__ import annotations

from typing import Any

from spanbit.graph.ops import Shape
from spanbit.importers.layers import Place, adaptive_mean
from spanbit.importers.values import Flat, Frame, Joined, Value


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
