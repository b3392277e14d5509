"""Shares of a network's work, and the reckoning of shared sums."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
from results import read_result
from shared_sums import channel_adders, random_tree_cost, table_instructions
from shares import KINDS


def test_the_committed_shares_are_of_everything() -> None:
    result = read_result("shares")
    assert len(result["on"]) == 3
    for units in result["on"].values():
        for figures in units.values():
            assert tuple(figures) == KINDS
            total = sum(kind["count"] for kind in figures.values())
            for kind in figures.values():
                assert kind["share"] == pytest.approx(kind["count"] / total, abs=1e-4)


@pytest.mark.parametrize("t", [1, 2, 3, 5])
def test_a_channel_pays_the_planes_of_its_subset(t: int) -> None:
    subsets = list(itertools.product((0, 1), repeat=t))
    planes = sum(len(f"{sum(subset):b}") for subset in subsets if any(subset))
    assert channel_adders(t) == pytest.approx(planes / len(subsets) / t)


def test_a_group_of_two_is_one_half_adder_and_two_planes() -> None:
    assert [table_instructions(t) for t in (1, 2)] == [0, 2 + 2]


@pytest.mark.parametrize(("channels", "taps"), [(2, 40), (8, 100), (32, 288)])
def test_no_tree_costs_more_than_its_bound(channels: int, taps: int) -> None:
    assert random_tree_cost(channels, taps) <= 0.5 + 1 / (2 * channels)
