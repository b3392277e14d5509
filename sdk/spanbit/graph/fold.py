"""How a batch-norm and a sign become a `Threshold`: one integer comparison a channel.

    value, compare = fold_batchnorm(gamma, beta, mean, var, eps)

With s = sqrt(var + eps), the bit behind batch-norm and sign (sign(0) = +1) of an integer P is

    gamma (P - mean) / s + beta >= 0
        gamma > 0:   P >= ceil (mean - beta s / gamma)
        gamma < 0:   P <= floor(mean - beta s / gamma)
        gamma = 0:   beta >= 0, whatever P is

The bound is calculated once, in float64, and from then on everything is integer: `BatchNormSign` in
evaluation and the importer both call this function, so PyTorch and the compiled network cannot differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Compare

_INT32 = np.iinfo(np.int32)


def fold_batchnorm(
    gamma: ArrayLike, beta: ArrayLike, mean: ArrayLike, var: ArrayLike, eps: float, *, where: str = ""
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Thresholds (int32 [C]) and `Compare` codes (uint8 [C]) of a batch-norm followed by sign.

    A bound outside int32 saturates: no sum of a layer comes near it, so the comparison's result is kept.

    Raises:
        SpanbitError: a parameter is not finite, or var + eps is not positive (`where` names the layer).
    """
    gamma64, beta64, mean64, var64 = (np.asarray(part, dtype=np.float64) for part in (gamma, beta, mean, var))
    finite = all(np.isfinite(part).all() for part in (gamma64, beta64, mean64, var64))
    if not finite or not np.isfinite(eps) or (var64 + eps <= 0).any():
        raise SpanbitError(
            "batch-norm parameters cannot become thresholds",
            where=where,
            why="a value is infinite or NaN" if not finite else "variance + eps is not positive",
            fix="train again with a lower learning rate, or look for a broken checkpoint",
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    dead = gamma64 == 0
    with np.errstate(over="ignore"):  # a tiny gamma gives an infinite bound, which saturates below
        bound = mean64 - beta64 * np.sqrt(var64 + eps) / np.where(dead, 1.0, gamma64)
    rounded = np.where(gamma64 > 0, np.ceil(bound), np.floor(bound))
    value = np.where(dead, 0.0, np.clip(rounded, _INT32.min, _INT32.max)).astype(np.int32)
    compare = np.where(gamma64 > 0, Compare.GE, Compare.LE)
    compare = np.where(dead, np.where(beta64 >= 0, Compare.ALWAYS, Compare.NEVER), compare)
    return value, compare.astype(np.uint8)
