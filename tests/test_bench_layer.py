"""The layer benchmark: the instruction counts, which are exact, keep their ratio."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def test_the_tree_kernel_executes_a_quarter_of_the_dense_ones_instructions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).resolve().parent.parent / "bench"), *sys.path])
    import layer

    result = layer.measure(rounds=20)
    assert result["fewer_instructions"]["binary"] >= 4
    assert result["fewer_instructions"]["sparse ternary"] >= 4
    assert all(row["host_ns"]["native"]["median"] > 0 for row in result["rows"])
