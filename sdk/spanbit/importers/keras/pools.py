"""Pools of Keras. Windows that TensorFlow pads unevenly are taken where an operator has the same."""

from __future__ import annotations

from typing import Any

from spanbit.graph.infer import MAX_KERNEL
from spanbit.graph.ops import Shape
from spanbit.importers.keras.padding import NONE, Pads, same
from spanbit.importers.keras.tensor import Tensor, no_channels_first, pair, plain
from spanbit.importers.layers import Place
from spanbit.importers.values import Largest, Mean, Value


def max_pool(place: Place, source: Tensor, config: dict[str, Any]) -> Value:
    """MaxPooling2D: outside the image nothing wins, here as there."""
    value, window, steps, pads = _windows(place, source, config)
    if window[0] != window[1] or steps[0] != steps[1]:
        place.refuse(
            f"its pool_size is {window[0]}x{window[1]} with strides {steps[0]} and {steps[1]}",
            "use one number for each",
        )
    if not (2 <= window[0] <= MAX_KERNEL and 1 <= steps[0] <= window[0]):
        place.refuse(
            f"its pool_size is {window[0]} with strides {steps[0]}",
            f"use a pool_size of 2 to {MAX_KERNEL} and strides up to it",
        )
    leaves = pads.only_leave((value.shape.height, value.shape.width), window, steps[0])
    if not (pads.are_alike or leaves):
        place.refuse(
            f"with padding='same' its image is padded by {pads}; a pool pads rows and columns alike",
            "use padding='valid', or rows and columns that are both even or both odd",
        )
    return _made(place, value, Largest(window[0], steps[0], pads.top, leaves), window, steps, pads)


def mean_pool(place: Place, source: Tensor, config: dict[str, Any]) -> Value:
    """AveragePooling2D: the mean over the pixels inside, here as there."""
    value, window, steps, pads = _windows(place, source, config)
    sides = value.shape.height, value.shape.width
    if sides == window:
        steps, pads = (1, 1), NONE  # one window, which goes nowhere
    if steps[0] != steps[1] or steps[0] > min(window):
        place.refuse(
            f"its pool_size is {window[0]}x{window[1]} with strides {steps[0]} and {steps[1]}",
            "use one number for the strides, up to the pool_size",
        )
    if pads.top or pads.left:
        place.refuse(
            f"with padding='same' its image is padded by {pads}; means begin at the first row and column",
            "use padding='valid'",
        )
    made = _sides(sides, window, steps, pads)
    whole = _sides(sides, window, steps, NONE)
    up = tuple(-(-(side - size) // steps[0]) + 1 for side, size in zip(sides, window, strict=True))
    if made not in (whole, up):
        place.refuse(f"its last windows leave the image, padded by {pads}, on one side alone", "use 'valid'")
    return _made(place, value, Mean(window, steps[0], made != whole), window, steps, pads)


def global_mean(place: Place, source: Tensor, config: dict[str, Any]) -> Value:
    """GlobalAveragePooling2D."""
    no_channels_first(place, config)
    value = plain(place, source)
    window = (value.shape.height, value.shape.width)
    return _made(place, value, Mean(window, 1, False), window, (1, 1), NONE)


def global_max(place: Place, source: Tensor, config: dict[str, Any]) -> Value:
    """GlobalMaxPooling2D."""
    no_channels_first(place, config)
    value = plain(place, source)
    window = (value.shape.height, value.shape.width)
    if window == (1, 1):
        return value
    if window[0] != window[1] or window[0] > MAX_KERNEL:
        place.refuse(
            f"it takes the maximum of {window[0]}x{window[1]} pixels",
            f"pool in front of it, to a square of up to {MAX_KERNEL}",
        )
    return _made(place, value, Largest(window[0], window[0], 0), window, window, NONE)


def _windows(
    place: Place, source: Tensor, config: dict[str, Any]
) -> tuple[Value, tuple[int, int], tuple[int, int], Pads]:
    no_channels_first(place, config)
    value = plain(place, source)
    window = pair(config["pool_size"])
    steps = pair(config.get("strides") or window)
    pads = same(source.sides, window, steps) if config["padding"] == "same" else NONE
    made = _sides(source.sides, window, steps, pads)
    if min(made) < 1:
        place.refuse(f"its image of {value.shape} is smaller than its window", "drop this pool")
    return value, window, steps, pads


def _sides(
    sides: tuple[int, int], window: tuple[int, int], steps: tuple[int, int], pads: Pads
) -> tuple[int, int]:
    rows, columns = (
        (side - size) // step + 1 for side, size, step in zip(pads.padded(sides), window, steps, strict=True)
    )
    return rows, columns


def _made(
    place: Place,
    value: Value,
    step: Largest | Mean,
    window: tuple[int, int],
    steps: tuple[int, int],
    pads: Pads,
) -> Value:
    rows, columns = _sides((value.shape.height, value.shape.width), window, steps, pads)
    return Value(place.path, place.label, step, (value,), Shape(value.shape.channels, rows, columns))
