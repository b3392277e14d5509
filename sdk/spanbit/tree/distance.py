"""Signed Hamming distances between the output channels of a layer: the edge weights of its graph.

The way in is `distance_matrix`:

    distances = distance_matrix(weight)  # int8 [C, L], values -1, 0, +1
    distances.same[c, p]     # taps where row c differs from row p
    distances.flipped[c, p]  # taps where row c differs from minus row p
    distances.zero[c]        # taps of row c that are not 0: its distance to the zero vertex

A tap counts once, whether it changes by 1 or by 2: the kernels pay one addition for either.

Rows are packed into two bit sets, `plus` (taps at +1) and `minus` (taps at -1). Two rows are equal at
a tap when both bits are, so

    same(c, p)    = popcount((plus_c ^ plus_p)  | (minus_c ^ minus_p))
    flipped(c, p) = popcount((plus_c ^ minus_p) | (minus_c ^ plus_p))

Without `np.bitwise_count` (numpy before 2.0) the same numbers come out of two matrix products, see
`by_matmul`. `python bench/tree_time.py` measures both: 512 x 4608 takes 0.04 s packed, on one core and
steadily; the products take 0.015 s on two idle cores and up to 0.18 s on busy ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError

_TILE_WORDS = 1 << 15  # 256 KB of 64-bit words: the intermediate sets of one tile stay in the L2 cache
_MATMUL_TAPS = 8192  # taps of one product: every partial sum is far below 2**24, so float32 is exact


@dataclass(frozen=True, eq=False)
class SignedDistances:
    """All distances between C channels, and from each to the zero vertex."""

    same: NDArray[np.int32]  # [C, C]
    flipped: NDArray[np.int32]  # [C, C]
    zero: NDArray[np.int32]  # [C]

    def graph(self) -> NDArray[np.int32]:
        """Edge weights [C + 1, C + 1] of the complete graph, the zero vertex last."""
        channels = len(self.zero)
        weights = np.zeros((channels + 1, channels + 1), np.int32)
        np.minimum(self.same, self.flipped, out=weights[:channels, :channels])
        weights[:channels, channels] = self.zero
        weights[channels, :channels] = self.zero
        return weights


def check_rows(weight: NDArray[np.int8], where: str = "") -> None:
    """Refuse anything but int8 rows [C >= 1, L >= 1] in {-1, 0, +1}.

    Raises:
        SpanbitError: the array has another type, another shape or other values.
    """

    def wrong(what: str, fix: str) -> SpanbitError:
        return SpanbitError(what, where=where, fix=fix, code=ExitCode.UNSUPPORTED_MODEL)

    if weight.dtype != np.int8 or weight.ndim != 2:
        raise wrong(
            f"tree weights must be int8 [channels, taps], got {weight.dtype} {weight.shape}",
            "pass weight.reshape(weight.shape[0], -1) as int8",
        )
    if weight.shape[0] < 1 or weight.shape[1] < 1:
        raise wrong(
            f"a layer of {weight.shape[0]} channels with {weight.shape[1]} taps", "remove the empty layer"
        )
    if weight.min() < -1 or weight.max() > 1:
        raise wrong(
            f"tree weights must be -1, 0 or +1, found {weight.min()} to {weight.max()}",
            "take the sign of the weights first",
        )


def distance_matrix(weight: NDArray[np.int8], where: str = "") -> SignedDistances:
    """Distances between all rows of `weight` [C, L]; O(C^2 L / 64) word operations.

    Raises:
        SpanbitError: see `check_rows`; `where` names the layer in it.
    """
    check_rows(weight, where)
    if hasattr(np, "bitwise_count"):
        same, flipped = by_popcount(weight)
    else:
        same, flipped = by_matmul(weight)
    return SignedDistances(same, flipped, np.count_nonzero(weight, axis=1).astype(np.int32))


def _pack(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    packed = np.packbits(bits, axis=1)
    words = np.zeros((packed.shape[0], -(-packed.shape[1] // 8) * 8), np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view(np.uint64)


def by_popcount(weight: NDArray[np.int8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`same` and `flipped` from packed rows; needs numpy 2."""
    count: Callable[[Any], NDArray[np.uint8]] = np.bitwise_count
    plus, minus = _pack(weight > 0), _pack(weight < 0)
    channels, words = plus.shape
    same = np.zeros((channels, channels), np.int32)
    flipped = np.zeros((channels, channels), np.int32)
    tile = max(1, _TILE_WORDS // words)
    for low in range(0, channels, tile):
        high = min(low + tile, channels)
        for c in range(high):  # the triangle c <= p only; mirrored below
            first = max(low, c)
            p, m = plus[first:high], minus[first:high]
            same[c, first:high] = count((p ^ plus[c]) | (m ^ minus[c])).sum(axis=1, dtype=np.int32)
            flipped[c, first:high] = count((p ^ minus[c]) | (m ^ plus[c])).sum(axis=1, dtype=np.int32)
    for matrix in (same, flipped):
        np.maximum(matrix, matrix.T, out=matrix)
    return same, flipped


def by_matmul(weight: NDArray[np.int8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`same` and `flipped` from `dot` = w_c . w_p and `both` = |w_c| . |w_p| (taps where neither is 0).

    (both + dot) / 2 taps are equal and not 0; L - n_c - n_p + both taps are 0 in both rows, n being the
    number of taps that are not 0. What is left of L differs: n_c + n_p - (3 both + dot) / 2. Negating one
    row negates `dot`.
    """
    channels, taps = weight.shape
    dot = np.zeros((channels, channels), np.int32)
    both = np.zeros((channels, channels), np.int32)
    for low in range(0, taps, _MATMUL_TAPS):
        rows = weight[:, low : low + _MATMUL_TAPS].astype(np.float32)
        dot += (rows @ rows.T).astype(np.int32)
        np.abs(rows, out=rows)
        both += (rows @ rows.T).astype(np.int32)
    nonzero = np.count_nonzero(weight, axis=1).astype(np.int32)
    ends = nonzero[:, None] + nonzero[None, :]
    return ends - (3 * both + dot) // 2, ends - (3 * both - dot) // 2
