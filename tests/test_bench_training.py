"""Helpers of the training benchmarks: Steiner channels are counted rightly, trees are laid out as trees."""

from __future__ import annotations

import numpy as np
import pytest
from steiner import steiner
from tree_layout import layout


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


def test_a_layout_has_parents_above_the_middle_of_their_children() -> None:
    parent = [-1, 0, 0, 1, 1, -1]
    places = layout(parent)
    assert [y for _, y in places] == [-1, -2, -2, -3, -3, -1]
    assert places[1][0] == pytest.approx((places[3][0] + places[4][0]) / 2)
    assert places[0][0] == pytest.approx((places[1][0] + places[2][0]) / 2)
    leaves = [places[n][0] for n in (3, 4, 2, 5)]
    assert leaves == sorted(leaves) and leaves[0] == 0 and leaves[-1] == 1
