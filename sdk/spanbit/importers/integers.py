"""Real coefficients as the integers of an operator on fixed-point numbers, and how far they are off.

    multiplier, bias, shift, error = requantized(scale, bias, sums)

Everything here is in units of the result's last bit, and per channel. `v >> shift` rounds down, so half of
2^shift is part of every bias.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.infer import MAX_BIAS, MAX_SHIFT, MAX_WEIGHT_SUM
from spanbit.importers.values import Floats

_INT16 = 32767
_SUM_LIMIT = 2.0**31 - 1
Scales = tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.uint8], Floats]


def requantized(scale: Floats, bias: Floats, magnitude: Floats) -> Scales:
    """scale P + bias as (multiplier P + bias) >> shift, for sums P of up to `magnitude`, and its error.

    The largest shift that keeps the multiplier in int16 and the bias within its limit loses least. The error
    is

        |multiplier / 2^shift - scale| magnitude  +  half a unit of the bias / 2^shift  +  1/2
    """
    shift = np.zeros(len(scale), np.int64)
    for step in range(MAX_SHIFT + 1):
        power = 2.0**step
        fits = (np.abs(scale) * power <= _INT16) & (np.abs(bias) * power + power / 2 + 1 <= MAX_BIAS)
        shift = np.where(fits, step, shift)
    factor = 2.0**shift
    multiplier = np.clip(np.rint(scale * factor), -_INT16, _INT16)
    whole = np.clip(np.floor(bias * factor + factor / 2), -MAX_BIAS, MAX_BIAS)
    error = np.abs(multiplier / factor - scale) * magnitude + 1 / factor + 0.5
    return multiplier.astype(np.int16), whole.astype(np.int32), shift.astype(np.uint8), error


def mixed(weight: Floats, bias: Floats, magnitude: Floats) -> Scales:
    """weight x + bias as (sum w x + b) >> shift, for numbers x of up to `magnitude` [C], and its error.

    Sums stay in int32: 2^15 sum |w| + |b| < 2^31.
    """
    outputs = len(weight)
    best = np.zeros_like(weight)
    whole, shift = np.zeros(outputs), np.zeros(outputs, np.int64)
    for step in range(MAX_SHIFT + 1):
        power = 2.0**step
        rounded = np.rint(weight * power)
        offset = np.floor(bias * power + power / 2)
        sums = np.abs(rounded).sum(axis=1) * 2**15 + np.abs(offset)
        fits = (np.abs(rounded).max(axis=1, initial=0) <= _INT16) & (sums <= _SUM_LIMIT)
        fits &= np.abs(offset) <= MAX_BIAS
        best = np.where(fits[:, None], rounded, best)
        whole, shift = np.where(fits, offset, whole), np.where(fits, step, shift)
    factor = 2.0**shift
    error = (np.abs(best / factor[:, None] - weight) * magnitude).sum(axis=1) + 1 / factor + 0.5
    return best.astype(np.int16), whole.astype(np.int32), shift.astype(np.uint8), error


def head_rows(weight: Floats) -> tuple[NDArray[np.int16], Floats]:
    """Rows [O, K] as int16 whose magnitudes sum to no more than a head may have, and one scale an output."""
    room = MAX_WEIGHT_SUM - (weight != 0).sum(axis=1) / 2 - 1  # every rounding may add a half
    total, largest = np.abs(weight).sum(axis=1), np.abs(weight).max(axis=1, initial=0.0)
    dead = largest == 0
    factor = np.minimum(_INT16 / np.where(dead, 1.0, largest), room / np.where(dead, 1.0, total))
    factor = np.where(dead, 1.0, factor)
    return np.rint(weight * factor[:, None]).astype(np.int16), 1 / factor
