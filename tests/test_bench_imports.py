"""Every benchmark still finds what it takes from the library: most run for minutes, so no test runs them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCH.glob("*.py")))
def test_it_can_be_imported(name: str) -> None:
    assert importlib.import_module(name)
