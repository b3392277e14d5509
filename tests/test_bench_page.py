"""docs/benchmarks.md shows the committed results, all of them, and says where an aim is missed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools" / "benchmarks_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_committed_results(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert tool.with_results(page) == page, "run python tools/benchmarks_page.py"
    assert "synthetic" in page


def test_every_network_has_its_part(tool: ModuleType) -> None:
    assert sorted(tool.NETWORKS) == sorted(path.stem for path in (ROOT / "bench" / "shapes").glob("*.toml"))
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in tool.NETWORKS:
        assert f"bench/instructions.py {name}" in page
