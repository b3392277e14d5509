"""The assembly of the tree kernel is what its scheduler writes, and the scheduler loses nothing."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import tree_block  # noqa: E402


def test_the_header_is_up_to_date() -> None:
    assert tree_block.HEADER.read_text() == tree_block.header()


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("size", [16, 8])
def test_a_block_has_the_operations_of_its_adders_and_loads(size: int, lanes: int) -> None:
    calls = tree_block.Block(size, lanes).run()
    kinds = Counter(re.split(r"\(", call)[0] for call in calls)
    adders = tree_block.QS * (size - 1)
    assert kinds["E"] == 2 * adders and kinds["B"] == adders
    assert kinds["LQ"] + kinds["LD"] + kinds["LI"] == size * max(tree_block.QS, lanes)
    assert kinds["AL"] + kinds["AH"] == 4 * kinds["P"] == size * lanes
    assert set(kinds) <= {"E", "B", "P", "AL", "AH", "LQ", "LD", "LI"}


def test_planes_end_where_they_began() -> None:
    calls = tree_block.Block(16, 1).run()
    written = {call.split(",")[0] for call in calls if call.startswith("E(K(")}
    assert written == {f"E(K({n})" for n in range(8)}
