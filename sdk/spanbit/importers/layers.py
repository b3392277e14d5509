"""Layers with weights as values: convolutions, fully connected layers, batch-norms, pools.

What a convolution is depends on what it is given: pixels (the int8 stem), bits (a binary convolution), or
numbers (a real 1x1 convolution).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.infer import MAX_KERNEL, conv_side
from spanbit.graph.ops import Padding, Shape
from spanbit.importers.values import (
    Affine,
    BatchNorm,
    BinaryConvolution,
    Dense,
    Flat,
    Floats,
    Frame,
    Image,
    Largest,
    Mean,
    Opaque,
    RealConvolution,
    Stem,
    Value,
    back_from,
    refuse,
    refuse_opaque,
)
from spanbit.importers.weights import as_signs, expand_dilation, expand_groups, quantised_stem

NO_SIGN = "put a sign in front of it (spanbit.nn.Sign, torch.sign or one of your own)"
_PADDINGS = {padding.activation: padding for padding in Padding}


@dataclass(frozen=True)
class Place:
    """Where a value comes from: the path in the module tree, and what a person calls it."""

    path: str
    label: str
    function: str = ""  # if it is a call of that module's

    @property
    def name(self) -> str:
        """What the value is called: the module, and the function that it calls."""
        return ".".join(part for part in (self.path, self.function) if part)

    def refuse(self, why: str, fix: str = "") -> NoReturn:
        refuse(self.path, self.label, why, fix)


@dataclass(frozen=True)
class Geometry:
    """How a convolution passes over an image, as PyTorch's arguments say it."""

    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    mode: str = "zeros"
    ceil: bool = False  # on the image: a last window may leave it


def pixels_of(value: Value) -> Affine | None:
    """The scale and bias of pixels, if `value` is the image and nothing but scaled since."""
    chain = list(back_from(value))
    channels = chain[-1].shape.channels
    if not isinstance(chain[-1].step, Image) or not all(
        isinstance(part.step, Affine | BatchNorm) for part in chain[:-1]
    ):
        return None
    total = Affine.identity(channels)
    for part in reversed(chain[:-1]):
        assert isinstance(part.step, Affine | BatchNorm)
        total = then(total, part.step)
    return total


def then(first: Affine, second: Affine | BatchNorm) -> Affine:
    """Both as one."""
    second = affine_of(second)
    return Affine(first.scale * second.scale, first.bias * second.scale + second.bias)


def affine_of(step: Affine | BatchNorm) -> Affine:
    """A batch-norm as a scale and a bias."""
    if isinstance(step, Affine):
        return step
    scale = step.gamma / np.sqrt(step.var + step.eps)
    return Affine(scale, step.beta - step.mean * scale)


def numbers_of(value: Value) -> Value:
    """`value`; the image behind a stem that changes nothing, as only a stem can take the image."""
    pixel = pixels_of(value)
    if pixel is None:
        return value
    image = list(back_from(value))[-1]
    channels = image.shape.channels
    weight = np.eye(channels, dtype=np.int8)[:, :, None, None]
    stem = Stem(weight, 1, 0, np.zeros(channels, np.uint8))
    taken = Value(value.path or "image", "image", stem, (image,), image.shape)
    return Value(value.path or "image", value.label, pixel, (taken,), image.shape)


def unscaled(source: Value) -> tuple[Value, float] | None:
    """`source` as bits and one number above zero that they are all multiplied by; None if it is not such."""
    if source.is_bits:
        return source, 1.0
    step = source.step
    if isinstance(step, Affine):
        alike = (step.scale == step.scale[:1]).all() and step.scale[0] > 0 and not step.bias.any()
        found = unscaled(source.source) if alike else None
        return (found[0], found[1] * float(step.scale[0])) if found else None
    if isinstance(step, Flat | Largest):
        found = unscaled(source.source)
        return (replace(source, sources=(found[0],)), found[1]) if found else None
    return None


def convolution(place: Place, source: Value, weight: Any, bias: Any | None, how: Geometry) -> Value:
    """nn.Conv2d and its function."""
    if isinstance(source.step, Opaque):
        refuse_opaque(source)
    stride, dilation = _pair(how.stride), _pair(how.dilation)
    if len(set(stride)) != 1:
        place.refuse("its stride is not one number", "give the same stride for rows and columns")
    if how.mode != "zeros":
        place.refuse(f"it is padded by {how.mode!r}, not with zeros", "leave padding_mode at 'zeros'")
    taps = floats(place, weight)
    taps = expand_dilation(expand_groups(taps, how.groups), (dilation[0], dilation[1]))
    padding = _padding(place, how, taps)
    shift = np.zeros(len(taps)) if bias is None else floats(place, bias)
    pixel = pixels_of(source)
    if pixel is not None:
        if (pixel.scale == 0).any():
            place.refuse("the image is multiplied by zero in front of it")
        stem, affine = quantised_stem(taps, shift, pixel, stride[0], padding, how.ceil)
        image = list(back_from(source))[-1]
        shape = convolved(place, image.shape, taps, stride[0], padding, how.ceil)
        return scaled(place, Value(place.name, place.label, stem, (image,), shape), affine)
    if how.ceil:
        place.refuse("its padding differs between the sides, and it does not take the image", "pad alike")
    bits = unscaled(source)
    if bits is not None:
        return _binary(place, bits[0], taps * bits[1], shift, stride[0], padding, Padding.ZERO)
    if taps.shape[2:] != (1, 1):
        size = "x".join(str(side) for side in taps.shape[2:])
        place.refuse(
            f"a {size} convolution of numbers that are not bits; those are convolved 1x1 only",
            NO_SIGN,
        )
    if padding:
        place.refuse("it is a 1x1 convolution with padding", "leave padding at 0")
    shape = convolved(place, source.shape, taps, stride[0], 0)
    step = RealConvolution(taps[:, :, 0, 0], stride[0])
    return scaled(
        place, Value(place.name, place.label, step, (source,), shape), Affine(np.ones(len(taps)), shift)
    )


def binary_convolution(
    place: Place, source: Value, weight: Any, stride: int, padding: int, outside: int
) -> Value:
    """spanbit's BinaryConv2d."""
    if isinstance(source.step, Opaque):
        refuse_opaque(source)
    if not source.is_bits:
        place.refuse("its input is not bits, -1 and +1", NO_SIGN)
    taps = floats(place, weight)
    return _binary(place, source, taps, np.zeros(len(taps)), stride, padding, _PADDINGS[outside])


def _binary(
    place: Place, source: Value, taps: Floats, shift: Floats, stride: int, padding: int, outside: Padding
) -> Value:
    if isinstance(source.step, Frame):
        if padding:
            place.refuse("it pads an image that is padded already", "pad once")
        padding, outside, source = source.step.amount, _PADDINGS[source.step.value], source.source
    found = as_signs(taps)
    if found is None:
        place.refuse(
            "its input is bits, its weights are not: a weight is not -1, 0 or +1 times one number a channel",
            "use spanbit.nn.BinaryConv2d, which trains such, or take the sign of the weights",
        )
    sign, scale = found
    shape = convolved(place, source.shape, taps, stride, padding)
    step = BinaryConvolution(sign, stride, padding, outside)
    return scaled(place, Value(place.name, place.label, step, (source,), shape), Affine(scale, shift))


def dense(place: Place, source: Value, weight: Any, scale: Any | None, bias: Any | None) -> Value:
    """nn.Linear, its function, and spanbit's BinaryLinear."""
    taps = floats(place, weight)
    size = source.shape.channels * source.shape.height * source.shape.width
    if taps.shape[1] != size:
        place.refuse(f"it takes {taps.shape[1]} numbers, the layer before it gives {size}")
    bits = unscaled(source)
    factor = 1.0 if bits is None else bits[1]
    source = source if bits is None else bits[0]
    outputs = len(taps)
    shape = Shape(outputs, 1, 1)
    affine = Affine(
        np.full(outputs, factor) if scale is None else factor * floats(place, scale),
        np.zeros(outputs) if bias is None else floats(place, bias),
    )
    return scaled(place, Value(place.name, place.label, Dense(taps), (source,), shape), affine)


def scaled(place: Place, value: Value, affine: Affine) -> Value:
    """`value` behind a scale and a bias, unless they change nothing."""
    if (affine.scale == 1).all() and (affine.bias == 0).all():
        return value
    return Value(place.name, place.label, affine, (value,), value.shape)


def batch_norm(
    place: Place,
    source: Value,
    mean: Any | None,
    var: Any | None,
    gamma: Any | None,
    beta: Any | None,
    eps: float,
    learnt: bool = True,
) -> Value:
    """nn.BatchNorm2d (1d behind a fully connected layer) and its function, in evaluation."""
    if isinstance(source.step, Flat):
        place.refuse("it stands behind nn.Flatten", "put it in front of nn.Flatten, one number a channel")
    if mean is None or var is None:
        place.refuse("it keeps no running statistics", "leave track_running_stats at True")
    channels = source.shape.channels
    if len(mean) != channels:
        place.refuse(
            f"it has {len(mean)} channels, the layer before it {channels}", "put nn.Flatten behind it"
        )
    parts = (
        np.ones(channels) if gamma is None else floats(place, gamma),
        np.zeros(channels) if beta is None else floats(place, beta),
        floats(place, mean),
        floats(place, var),
    )
    if not math.isfinite(eps) or (parts[3] + eps <= 0).any():
        place.refuse("a variance + eps is not positive", "look for a broken checkpoint")
    return Value(place.name, place.label, BatchNorm(*parts, eps, learnt), (source,), source.shape)


def max_pool(
    place: Place, source: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Value:
    """nn.MaxPool2d and its function."""
    sizes, steps, pads = _pair(kernel), _pair(stride if stride else kernel), _pair(padding)
    square = len(set(sizes)) == len(set(steps)) == len(set(pads)) == 1
    if not square or _pair(dilation) != (1, 1):
        place.refuse(
            "its window, stride or padding is not one number, or it has a dilation",
            "use nn.MaxPool2d(2), or one number for each",
        )
    size, step, pad = sizes[0], steps[0], pads[0]
    if not (2 <= size <= MAX_KERNEL and 1 <= step <= size and 0 <= pad <= size // 2):
        place.refuse(
            f"a window of {size}x{size} with stride {step} and padding {pad}",
            f"use windows of 2 to {MAX_KERNEL}, a stride up to that, a padding up to half of it",
        )
    sides = (conv_side(side, size, step, pad, ceil) for side in (source.shape.height, source.shape.width))
    shape = Shape(source.shape.channels, *sides)
    return Value(place.name, place.label, Largest(size, step, pad, ceil), (source,), shape)


def mean_pool(
    place: Place, source: Value, kernel: Any, stride: Any, padding: Any, ceil: bool, shape: Shape
) -> Value:
    """nn.AvgPool2d and its function; `shape` is what PyTorch makes of it."""
    rows, columns = _pair(kernel)
    steps = _pair(stride if stride else kernel)
    if (shape.height, shape.width) == (1, 1):
        steps = (1, 1)  # one window: it goes nowhere
    if len(set(steps)) != 1 or _pair(padding) != (0, 0) or steps[0] > min(rows, columns):
        place.refuse(
            f"means of {rows}x{columns} with stride {steps} and padding {padding}",
            "use one stride up to the window, and no padding",
        )
    step = Mean((rows, columns), steps[0], ceil)
    return Value(place.name, place.label, step, (source,), shape)


def adaptive_mean(place: Place, source: Value, shape: Shape) -> Value:
    """nn.AdaptiveAvgPool2d, where its windows are all alike."""
    before = source.shape
    if before.height % shape.height or before.width % shape.width:
        place.refuse(
            f"its windows differ in size: {before.height}x{before.width} to {shape.height}x{shape.width}",
            "pool to 1, or to sizes that divide the image",
        )
    window = (before.height // shape.height, before.width // shape.width)
    return mean_pool(place, source, window, window, 0, False, shape)


def convolved(
    place: Place, shape: Shape, taps: Floats, stride: int, padding: int, ceil: bool = False
) -> Shape:
    """The map that a convolution makes."""
    rows, columns = taps.shape[2:]
    if max(rows, columns) > MAX_KERNEL:
        place.refuse(f"a kernel of {rows}x{columns}", f"use kernels up to {MAX_KERNEL}x{MAX_KERNEL}")
    if stride not in (1, 2):
        place.refuse(f"its stride is {stride}", "use a stride of 1 or 2")
    return Shape(
        len(taps),
        conv_side(shape.height, rows, stride, padding, ceil),
        conv_side(shape.width, columns, stride, padding, ceil),
    )


def floats(place: Place, numbers: Any) -> NDArray[np.float64]:
    """A parameter, an array or a PyTorch tensor, in float64; a copy, as training may go on.

    Raises:
        SpanbitError: a number is not finite.
    """
    if hasattr(numbers, "detach"):
        numbers = numbers.detach().cpu().double().numpy()
    array = np.array(numbers, np.float64, order="C", copy=True)
    if not np.isfinite(array).all():
        raise SpanbitError(
            "weights are not finite",
            where=f"layer {place.path or '(the module itself)'}",
            why="the training diverged, or the file is damaged",
            fix="train again with a lower learning rate",
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    return array


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    parts = tuple(int(part) for part in value)
    return parts if len(parts) == 2 else (parts[0], parts[0])


def _padding(place: Place, how: Geometry, taps: Floats) -> int:
    rows, columns = taps.shape[2:]
    if how.padding == "same" and rows == columns and rows % 2:
        return int(rows // 2)
    if how.padding == "valid":
        return 0
    if isinstance(how.padding, str) or len(set(_pair(how.padding))) != 1:
        place.refuse("its padding is not one number", "give the padding as one number")
    padding = _pair(how.padding)[0]
    if padding >= max(rows, columns):
        place.refuse(f"its padding {padding} is not below its kernel {rows}x{columns}", "pad by less")
    return padding
