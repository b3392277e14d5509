"""Shares of a network's work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
from results import read_result
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
