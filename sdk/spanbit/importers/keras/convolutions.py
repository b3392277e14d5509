"""Convolutions of Keras and Larq, with TensorFlow's padding.

value = convolved(place, tensor, kernel, config)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from spanbit.graph.infer import MAX_KERNEL
from spanbit.graph.ops import Shape
from spanbit.importers.keras.padding import NONE, Pads, same, symmetric
from spanbit.importers.keras.tensor import Tensor, no_channels_first, pair
from spanbit.importers.layers import Geometry, Place, convolution, pixels_of, unscaled
from spanbit.importers.values import Floats, Frame, Value
from spanbit.importers.weights import as_signs, expand_dilation, expand_groups

_BITS = "give it input_quantizer='ste_sign' and kernel_quantizer='ste_sign'"


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights [O, C / groups, kh, kw] and a bias [O] or None."""

    taps: Floats
    bias: NDArray[Any] | None
    groups: int


def convolved(place: Place, source: Tensor, kernel: Kernel, config: dict[str, Any]) -> Value:
    """Conv2D, QuantConv2D, and their depthwise kin.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer.
    """
    no_channels_first(place, config)
    steps, dilation = pair(config["strides"]), pair(config.get("dilation_rate", 1))
    if steps[0] != steps[1] or steps[0] not in (1, 2):
        place.refuse(f"its strides are {steps[0]} and {steps[1]}", "use strides=1 or strides=2")
    taps = expand_dilation(expand_groups(kernel.taps, kernel.groups), dilation)
    rows, columns = taps.shape[2:]
    if max(rows, columns) > MAX_KERNEL:
        place.refuse(
            f"its window is {rows}x{columns}, dilation included", f"use up to {MAX_KERNEL}x{MAX_KERNEL}"
        )
    pads, outside = _pads(place, source, (rows, columns), steps, config)
    is_bits = unscaled(source.value) is not None
    if not is_bits and pixels_of(source.value) is None:
        _check_numbers(place, taps, pads)
    if is_bits and as_signs(taps) is None:
        place.refuse(
            "its input is bits, its kernel is not: a weight is not -1, 0 or +1 times one number a channel",
            "give it kernel_quantizer='ste_sign'",
        )
    sides = (source.value.shape.height, source.value.shape.width)
    if pixels_of(source.value) is not None and pads.only_leave(sides, (rows, columns), steps[0]):
        how = Geometry(steps[0], pads.top, ceil=True)
        return convolution(place, source.value, taps, kernel.bias, how)
    taps, padding = symmetric(taps, pads, sides, steps[0])
    if max(taps.shape[2:]) > MAX_KERNEL:
        place.refuse(
            f"its image is padded by {pads}; with all sides padded alike its window has to be "
            f"{taps.shape[2]}x{taps.shape[3]}, and windows go up to {MAX_KERNEL}x{MAX_KERNEL}",
            f"pad all sides alike: ZeroPadding2D({(rows - 1) // 2}) in front of it and padding='valid'",
        )
    value = source.value
    if padding and outside:
        shape = Shape(value.shape.channels, value.shape.height + 2 * padding, value.shape.width + 2 * padding)
        value, padding = Value(place.path, place.label, Frame(padding, outside), (value,), shape), 0
    return convolution(place, value, taps, kernel.bias, Geometry(steps[0], padding))


def _pads(
    place: Place, source: Tensor, window: tuple[int, int], steps: tuple[int, int], config: dict[str, Any]
) -> tuple[Pads, int]:
    """What is around the image, and its value."""
    own, outside = NONE, 0
    if config["padding"] not in ("same", "valid"):
        place.refuse(f"its padding is {config['padding']!r}", "use 'same' or 'valid'")
    if config["padding"] == "same":
        own = same(source.sides, window, steps)
    if own != NONE:
        number = float(config.get("pad_values", 0.0))
        if number not in (-1.0, 0.0, 1.0):
            place.refuse(f"its pad_values are {number:g}", "use pad_values 0, 1 or -1")
        outside = int(number)
        if outside and not source.value.is_bits:
            place.refuse(
                f"its pad_values are {outside}, and its input is not bits",
                "leave pad_values at 0 where there is no input_quantizer",
            )
    if source.pads == NONE:
        return own, outside
    if own != NONE and outside != source.outside:
        place.refuse(
            f"it pads with {outside} what {source.padder!r} has padded with {source.outside}",
            "pad once: use padding='valid' behind ZeroPadding2D",
        )
    return own + source.pads, source.outside


def _check_numbers(place: Place, taps: Floats, pads: Pads) -> None:
    size = f"{taps.shape[2]}x{taps.shape[3]}"
    if size != "1x1":
        place.refuse(
            f"it is a {size} convolution of numbers that are not bits; real numbers are convolved 1x1 only",
            _BITS,
        )
    if pads != NONE:
        place.refuse("it is a 1x1 convolution of numbers with padding", "leave the padding away")
