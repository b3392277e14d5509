"""Weights of a source network as the integers of an operator, and what is lost.

signs = as_signs(weight)            # (int8 [O, ...] of -1, 0, +1, scale [O]), or None
stem = quantised_stem(...)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.importers.values import Affine, Floats, Stem

_LARGEST = 127
_RELATIVE = 1e-4
"""Between the magnitudes of a channel: a scale that a straight-through estimator added and took away."""


def as_signs(weight: Floats) -> tuple[NDArray[np.int8], Floats] | None:
    """-1, 0, +1 and one scale above zero an output channel; None where the magnitudes differ."""
    magnitude = np.abs(weight).reshape(len(weight), -1)
    scale = magnitude.max(axis=1, initial=0.0)
    scale[scale == 0] = 1.0
    relative = magnitude / scale[:, None]
    if not ((relative <= _RELATIVE) | (relative >= 1 - _RELATIVE)).all():
        return None
    sign = np.where(relative > 0.5, np.sign(weight).reshape(len(weight), -1), 0)
    # The mean, so that a rounding in one weight does not become the channel's scale.
    taken = relative > 0.5
    mean = np.where(taken, magnitude, 0).sum(axis=1) / np.maximum(taken.sum(axis=1), 1)
    exact = (magnitude == scale[:, None]) | ~taken
    scale = np.where(exact.all(axis=1) | ~taken.any(axis=1), scale, mean)
    return sign.reshape(weight.shape).astype(np.int8), scale


def expand_groups(weight: Floats, groups: int) -> Floats:
    """The same convolution without groups: zeros, which cost a tree nothing, where it does not look."""
    if groups == 1:
        return weight
    outputs, inputs = weight.shape[0], weight.shape[1]
    wide = np.zeros((outputs, inputs * groups, *weight.shape[2:]))
    for output in range(outputs):
        first = output // (outputs // groups) * inputs
        wide[output, first : first + inputs] = weight[output]
    return wide


def expand_dilation(weight: Floats, dilation: tuple[int, int]) -> Floats:
    """The same convolution without a dilation: zeros between its taps."""
    if dilation == (1, 1):
        return weight
    rows, columns = ((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True))
    wide = np.zeros((*weight.shape[:2], rows, columns))
    wide[:, :, :: dilation[0], :: dilation[1]] = weight
    return wide


def quantised_stem(
    weight: Floats, bias: Floats, pixel: Affine, stride: int, padding: int
) -> tuple[Stem, Affine]:
    """A convolution of real weights on the normalised image as int8 weights on its pixels, and what follows.

    With n = s p + b the normalised pixel, and p0 = -b / s the pixel that normalisation maps to zero,

        sum w n + bias  =  sum (w s) (p - p0) + bias  ~  m (sum q p) + (bias - m sum q p0)

    where q = round(w s / m) and m = max |w s| / 127 of each output channel. It is off by no more than sum |w
    s - m q| |p - p0|, and where the image is padded by the rounding of p0 as well; `Stem.error` is that over
    m.
    """
    scaled = weight * pixel.scale[None, :, None, None]
    largest = np.abs(scaled).max(axis=(1, 2, 3))
    unit = np.where(largest == 0, 1.0, largest) / _LARGEST
    quantised = np.rint(scaled / unit[:, None, None, None])
    zero = -pixel.bias / pixel.scale
    pad_value = np.clip(np.rint(zero), 0, 255)
    reach = np.maximum(np.abs(zero), np.abs(255 - zero))[:, None, None]
    lost = (np.abs(scaled / unit[:, None, None, None] - quantised) * reach).sum(axis=(1, 2, 3))
    if padding:
        lost += (np.abs(quantised) * np.abs(pad_value - zero)[:, None, None]).sum(axis=(1, 2, 3))
    offset = bias - unit * (quantised * zero[:, None, None]).sum(axis=(1, 2, 3))
    stem = Stem(quantised.astype(np.int8), stride, padding, pad_value.astype(np.uint8), lost)
    return stem, Affine(unit, offset)


def int8_rows(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Weights [O, K] rounded to int8, and one scale an output."""
    largest = np.abs(weight).max(axis=1, initial=0.0)
    scale = np.where(largest == 0, 1.0, largest) / _LARGEST
    return np.rint(weight / scale[:, None]).astype(np.int8), scale
