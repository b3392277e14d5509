"""Shares of a network's work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
from results import read_result
from shares import KINDS, stem_at_least


def test_the_committed_shares_are_of_everything() -> None:
    result = read_result("shares")
    assert len(result["on"]) == 3
    for units in result["on"].values():
        for figures in units.values():
            assert tuple(figures) == KINDS
            total = sum(kind["count"] for kind in figures.values())
            for kind in figures.values():
                assert kind["share"] == pytest.approx(kind["count"] / total, abs=1e-4)


def test_the_stems_least_cycles_are_those_of_its_products() -> None:
    cycles = {"tree": {"count": 1_000_000}, "stem": {"count": 1}, "pool": {"count": 376_256}}
    least = stem_at_least(cycles, "cortex-a72")
    assert least["cycles"] == 32 * 32 * 128 * 28 / 8 == 458_752
    assert least["share"] == 0.25
    result = read_result("shares")
    for core, figures in result["on"].items():
        assert result["stem_at_least"][core] == stem_at_least(figures["cycles"], core)
        assert result["stem_at_least"][core]["cycles"] < figures["cycles"]["stem"]["count"]
