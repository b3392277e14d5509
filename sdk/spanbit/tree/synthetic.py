"""SYNTHETIC layers with a prescribed tree cost: for timing kernels, never for claims about accuracy.

    weight = binary_tree_layer(256, 256, kernel=3, cost=0.10, seed=0)  # int8 [256, 256, 3, 3]

The tree that `spanbit.tree.build_tree` finds in them costs close to what was asked for: within 3 percent from
288 taps on and for costs up to 0.4. The same arguments give the same weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError


def binary_tree_layer(
    out_channels: int, in_channels: int, kernel: int, cost: float, seed: int
) -> NDArray[np.int8]:
    """Weights in {-1, +1} whose channels form a random tree: each flips some taps of an earlier one.

    The root costs all its L taps, so `cost` cannot be below 1 / out_channels; the flips share the rest
    evenly. Beyond L / 2 flips a child would be nearer to its parent's negative, which is the upper end.

    Raises:
        SpanbitError: the cost lies outside these ends.
    """
    taps = in_channels * kernel * kernel
    spare = round(cost * out_channels * taps) - taps
    children = out_channels - 1
    if spare < 0 or spare > children * (taps // 2):
        raise SpanbitError(
            f"no binary layer of {out_channels} channels and {taps} taps has tree cost {cost}",
            where="synthetic layer",
            why=f"its root alone costs {1 / out_channels:.4f}; a child costs at most half its taps",
            fix="ask for a cost between the two, or use sparse_ternary_layer",
            code=ExitCode.USAGE,
        )
    rows = _random_tree(out_channels, taps, spare, seed, lambda values, _: -values)
    return rows.reshape(out_channels, in_channels, kernel, kernel)


def sparse_ternary_layer(
    out_channels: int, in_channels: int, kernel: int, cost: float, seed: int
) -> NDArray[np.int8]:
    """Weights in {-1, 0, +1}, a share `cost` of them not 0, at random taps with random signs.

    Raises:
        SpanbitError: the cost is outside 0 to 1.
    """
    if not 0.0 <= cost <= 1.0:
        raise SpanbitError(
            f"a share of {cost} taps that are not 0",
            where="synthetic layer",
            fix="ask for a cost from 0 to 1",
            code=ExitCode.USAGE,
        )
    taps = in_channels * kernel * kernel
    nonzero = round(cost * out_channels * taps)
    random = np.random.default_rng(seed)
    rows = np.zeros((out_channels, taps), np.int8)
    for c in range(out_channels):
        count = _even_share(nonzero, out_channels, c)
        chosen = random.choice(taps, count, replace=False)
        rows[c, chosen] = random.choice(np.array((-1, 1), np.int8), count)
    return rows.reshape(out_channels, in_channels, kernel, kernel)


def mixed_layer(out_channels: int, in_channels: int, kernel: int, cost: float, seed: int) -> NDArray[np.int8]:
    """Weights in {-1, 0, +1} between the two: a binary root, and children of random earlier channels.

    All four differences (+1, -1, +2, -2) occur: at each differing tap a child takes one of the two values
    that its parent has not. The root costs all its taps, the children share the rest evenly.

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

    def another(values: NDArray[np.int8], random: np.random.Generator) -> NDArray[np.integer]:
        return (values + 1 + random.integers(1, 3, len(values))) % 3 - 1

    rows = _random_tree(out_channels, taps, spare, seed, another)
    return rows.reshape(out_channels, in_channels, kernel, kernel)


def _random_tree(
    channels: int,
    taps: int,
    spare: int,
    seed: int,
    change: Callable[[NDArray[np.int8], np.random.Generator], NDArray[np.integer]],
) -> NDArray[np.int8]:
    """Rows [channels, taps] in random order: a binary root, and children of random earlier rows.

    All children together differ from their parents in `spare` taps, which `change` gives other values.
    """
    random = np.random.default_rng(seed)
    rows = np.empty((channels, taps), np.int8)
    rows[0] = random.choice(np.array((-1, 1), np.int8), taps)
    for c in range(1, channels):
        rows[c] = rows[random.integers(c)]
        where = random.choice(taps, _even_share(spare, channels - 1, c - 1), replace=False)
        rows[c, where] = change(rows[c, where], random)
    return rows[random.permutation(channels)]


def _even_share(total: int, parts: int, index: int) -> int:
    """Part `index` of `total` cut into `parts` integers that differ by at most one."""
    return total * (index + 1) // parts - total * index // parts
