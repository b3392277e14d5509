"""What an importer's values say, calculated as they stand in float64: nothing folded, nothing in fixed point.

y = run_values(end, image)          # [C, H, W]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from spanbit.importers.values import (
    Affine,
    BatchNorm,
    BinaryConvolution,
    Clamp,
    Dense,
    Flat,
    Frame,
    Image,
    Joined,
    Largest,
    Mean,
    Ordered,
    RealConvolution,
    Sign,
    Slope,
    Stem,
    Sum,
    Value,
    in_order,
)

Floats = NDArray[np.float64]


Bits = Callable[[Value, Floats], Floats]


def run_values(end: Value, image: NDArray[np.uint8], bits: Bits | None = None) -> Floats:
    """`end` of an image [H, W, C]. `bits` decides signs, if given: it takes the sign and its input."""
    known: dict[Value, Floats] = {}
    for value in in_order(end):
        given = [known[source] for source in value.sources]
        if bits is not None and isinstance(value.step, Sign):
            known[value] = bits(value, given[0])
        else:
            known[value] = _step(value, given, image)
        shape = value.shape
        assert known[value].shape == (shape.channels, shape.height, shape.width), value.path
    return known[end]


def _step(value: Value, given: list[Floats], image: NDArray[np.uint8]) -> Floats:
    step = value.step
    match step:
        case Image():
            return image.transpose(2, 0, 1).astype(np.float64)
        case Stem():
            over = step.stride - 1 if step.ceil else 0
            pads = [
                _padded(x, step.padding, float(p), over)
                for x, p in zip(given[0], step.pad_value, strict=True)
            ]
            made = _convolved(np.stack(pads), step.weight.astype(np.float64), step.stride)
            return made[:, : value.shape.height, : value.shape.width]
        case BinaryConvolution():
            assert set(np.unique(given[0])) <= {-1.0, 0.0, 1.0}
            framed = _padded(given[0], step.padding, step.outside.activation)
            return _convolved(framed, step.weight.astype(np.float64), step.stride)
        case RealConvolution():
            return _convolved(given[0], step.weight[:, :, None, None], step.stride)
        case Dense():
            return (step.weight @ given[0].ravel())[:, None, None]
        case BatchNorm():
            normal = (given[0] - _wide(step.mean)) / np.sqrt(_wide(step.var) + step.eps)
            return normal * _wide(step.gamma) + _wide(step.beta)
        case Affine():
            return given[0] * _wide(step.scale) + _wide(step.bias)
        case Clamp():
            return np.clip(given[0], step.lowest, step.highest)
        case Slope():
            return np.where(given[0] >= 0, given[0], _wide(step.slope) * given[0])
        case Largest():
            framed = _padded(given[0], step.padding, -np.inf, step.stride - 1 if step.ceil else 0)
            windows = np.lib.stride_tricks.sliding_window_view(framed, (step.kernel,) * 2, axis=(1, 2))
            made = windows[:, :: step.stride, :: step.stride].max(axis=(3, 4))
            return made[:, : value.shape.height, : value.shape.width]
        case Mean():
            return _means(given[0], step, (value.shape.height, value.shape.width))
        case Sign():
            return np.where(given[0] > 0 if step.strict else given[0] >= 0, 1.0, -1.0)
        case Frame():
            return _padded(given[0], step.amount, step.value)
        case Sum():
            return given[0] + given[1]
        case Joined():
            return np.concatenate(given)
        case Flat() | Ordered():
            return given[0]
    raise AssertionError(step)


def _wide(numbers: Floats) -> Floats:
    return numbers[:, None, None]


def _padded(tensor: Floats, amount: int, value: float, over: int = 0) -> Floats:
    pads = [(0, 0)] * (tensor.ndim - 2) + [(amount, amount + over)] * 2
    return np.pad(tensor, pads, constant_values=value)


def _convolved(tensor: Floats, weight: Floats, stride: int) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(tensor, weight.shape[2:], axis=(1, 2))
    return np.einsum("cyxij,ocij->oyx", windows[:, ::stride, ::stride], weight, optimize=True)


def _means(tensor: Floats, step: Mean, sides: tuple[int, int]) -> Floats:
    rows, columns = step.kernel
    means = [
        tensor[:, y : y + rows, x : x + columns].mean(axis=(1, 2))
        for y in range(0, sides[0] * step.stride, step.stride)
        for x in range(0, sides[1] * step.stride, step.stride)
    ]
    return np.stack(means, axis=1).reshape(len(tensor), *sides)
