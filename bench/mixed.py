"""SYNTHETIC layers between a binary tree and a sparse ternary star, with a prescribed tree cost.

    weight = mixed_layer(256, 256, kernel=3, cost=0.10, seed=0)  # int8 [256, 256, 3, 3]

For timing kernels, never for claims about accuracy: all four lists of differences (+1, -1, +2, -2) occur.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError


def mixed_layer(out_channels: int, in_channels: int, kernel: int, cost: float, seed: int) -> NDArray[np.int8]:
    """Weights in {-1, 0, +1}: a binary root, and children of random earlier channels.

    At each differing tap a child takes one of the two values that its parent has not. The root costs all its
    taps, the children share the rest evenly.

    Raises:
        SpanbitError: the cost is below that of the root, or above what differing taps can reach.
    """
    taps = in_channels * kernel * kernel
    spare = round(cost * out_channels * taps) - taps
    children = out_channels - 1
    if spare < 0 or spare > children * taps // 2:
        raise SpanbitError(
            f"no mixed layer of {out_channels} channels and {taps} taps has tree cost {cost}",
            where="synthetic layer",
            why=f"its root alone costs {1 / out_channels:.4f}",
            fix="ask for a cost between that and 0.5",
            code=ExitCode.USAGE,
        )
    random = np.random.default_rng(seed)
    rows = np.empty((out_channels, taps), np.int8)
    rows[0] = random.choice(np.array((-1, 1), np.int8), taps)
    for c in range(1, out_channels):
        changes = spare * c // children - spare * (c - 1) // children
        rows[c] = rows[random.integers(c)]
        where = random.choice(taps, changes, replace=False)
        rows[c, where] = (rows[c, where] + 1 + random.integers(1, 3, changes)) % 3 - 1
    return rows[random.permutation(out_channels)].reshape(out_channels, in_channels, kernel, kernel)
