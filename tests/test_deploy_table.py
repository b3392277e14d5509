"""The table of faults in docs/boards.md names tests that exist, one for each fault."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "boards.md"


def rows() -> list[list[str]]:
    table = PAGE.read_text().partition("## When something fails")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_fault_names_a_test_that_exists() -> None:
    found = rows()
    assert len(found) > 20
    for what, _, _, test in found:
        named = re.fullmatch(r"`(test_\w+\.py)::(test_\w+)`", test)
        assert named, what
        tree = ast.parse((TESTS / named[1]).read_text())
        assert named[2] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test
