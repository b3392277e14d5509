"""docs/boards.md shows the committed figures of bench/transfer.py, and says so where there are none."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("boards_page", ROOT / "tools" / "boards_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_is_committed(tool: ModuleType) -> None:
    page = tool.PAGE.read_text()
    assert tool.filled(page, tool.stored_result()) == page, "run tools/boards_page.py"


def test_the_command_gives_what_the_page_takes(tool: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "transfer.json"
    command = [
        sys.executable,
        str(ROOT / "bench" / "transfer.py"),
        "--rounds",
        "1",
        "--mib",
        "1",
        "--json",
        str(out),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    result = json.loads(out.read_text())
    rates = result["sizes"]["1 MiB"]
    assert set(rates) == {"scp, with login", "spanbit, with login", "spanbit, open connection"}
    assert min(rates.values()) > 0
    page = tool.filled("a\n<!-- transfer: begin -->\nold\n<!-- transfer: end -->\nb\n", result)
    assert f"| 1 MiB | {rates['scp, with login']:.1f} |" in page and "old" not in page
    assert "no result of a quiet machine" in tool.transfer_table(None)
