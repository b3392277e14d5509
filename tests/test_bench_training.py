"""Helpers of the training benchmarks: Steiner channels are counted rightly."""

from __future__ import annotations

import numpy as np
from steiner import steiner


def test_a_shared_difference_is_saved_once_for_two_children() -> None:
    root = np.ones(40, np.int8)
    first, second = root.copy(), root.copy()
    first[:10], second[:10] = -1, -1  # ten taps that both have otherwise
    first[10:15], second[15:20] = -1, -1
    rows = np.stack([root, first, second])
    # The tree: root, then one from the other (10 differ) or both from the root (15 each).
    assert steiner(rows, least=1) in {(0, 0), (1, 5)}
    ternary = np.zeros((2, 40), np.int8)
    ternary[0, :12], ternary[1, :9] = 1, 1
    ternary[1, 20:30] = -1
    # From zero 12 + 19, from each other 3 + 10: no pair is left.
    assert steiner(ternary, least=1) == (0, 0)


def test_a_star_shares_what_its_rays_have_in_common() -> None:
    rows = np.zeros((2, 100), np.int8)
    rows[0, :20], rows[1, 14:34] = 1, 1  # 6 in common; 28 differ, so both hang from zero
    assert steiner(rows, least=6) == (1, 6)
    assert steiner(rows, least=7) == (0, 0)
