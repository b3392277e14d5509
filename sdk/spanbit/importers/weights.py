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
_FEW = 32
_WHOLE = 1e-4
"""How far from a whole number a weight may be that is one: what float32 makes of up to 127 times a scale."""


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
    weight: Floats, bias: Floats, pixel: Affine, stride: int, padding: int, ceil: bool = False
) -> tuple[Stem, Affine]:
    """A convolution of real weights on the normalised image as int8 weights on its pixels, and what follows.

    With n = s p + b the normalised pixel, and p0 = -b / s the pixel that normalisation maps to zero,

        sum w n + bias  =  sum (w s) (p - p0) + bias  ~  m (sum q p) + (bias - m sum q p0)

    where q = round(w s / m) and m is a unit of each output channel (`_units`): q is exact where the weights
    are int8 times one scale already, as those of a quantised stem. It is off by no more than sum |w s - m q|
    |p - p0|, and where the image is padded by the rounding of p0 as well; `Stem.error` is that over m.
    """
    scaled = weight * pixel.scale[None, :, None, None]
    unit, exact = _units(scaled)
    quantised = np.rint(scaled / unit[:, None, None, None])
    zero = -pixel.bias / pixel.scale
    pad_value = np.clip(np.rint(zero), 0, 255)
    reach = np.maximum(np.abs(zero), np.abs(255 - zero))[:, None, None]
    lost = (np.abs(scaled / unit[:, None, None, None] - quantised) * reach).sum(axis=(1, 2, 3))
    if padding or ceil:
        lost += (np.abs(quantised) * np.abs(pad_value - zero)[:, None, None]).sum(axis=(1, 2, 3))
    offset = bias - unit * (quantised * zero[:, None, None]).sum(axis=(1, 2, 3))
    loss = [] if exact else ["weights rounded to int8, one scale a channel"]
    if (padding or ceil) and (np.abs(pad_value - zero) > _WHOLE).any():
        told = ", ".join(f"{ours:.0f} for {theirs:.4g}" for ours, theirs in zip(pad_value, zero, strict=True))
        loss.append(f"pixels outside the image rounded, one a channel: {told}")
    stem = Stem(
        quantised.astype(np.int8), stride, padding, pad_value.astype(np.uint8), lost, ", ".join(loss), ceil
    )
    return stem, Affine(unit, offset)


def _units(weight: Floats) -> tuple[Floats, bool]:
    """One unit an output channel, and whether all weights are whole multiples of it, up to 127 of them.

    The largest such unit where there is one, else a 127th of the channel's largest weight.
    """
    rows = weight.reshape(len(weight), -1)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    largest = np.where(largest == 0, 1.0, largest)
    relative = rows / largest[:, None]
    steps = np.zeros(len(rows), np.int64)
    for count in range(_LARGEST, 0, -1):
        few = np.flatnonzero(_are_whole(count * relative[:, :_FEW]))  # most rows end here
        steps[few[_are_whole(count * relative[few])]] = count
    return largest / np.where(steps == 0, _LARGEST, steps), bool(steps.all())


def _are_whole(rows: Floats) -> NDArray[np.bool_]:
    return np.asarray((np.abs(rows - np.rint(rows)) <= _WHOLE).all(axis=1))


def int8_rows(weight: Floats) -> tuple[NDArray[np.int8], Floats, bool]:
    """Weights [O, K] as int8, one scale an output, and whether nothing was rounded."""
    scale, exact = _units(weight)
    return np.rint(weight / scale[:, None]).astype(np.int8), scale, exact
