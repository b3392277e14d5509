"""The assembly of the tree kernel is what its scheduler writes, and the scheduler loses nothing."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import tree_block  # noqa: E402
import tree_block_mve  # noqa: E402


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


def test_the_header_for_mve_is_up_to_date() -> None:
    assert tree_block_mve.HEADER.read_text() == tree_block_mve.header()


@pytest.mark.parametrize("lanes", tree_block_mve.LANES)
@pytest.mark.parametrize("size", tree_block_mve.SIZES)
def test_a_block_of_mve_adds_its_taps(size: int, lanes: int) -> None:
    """The scheduled instructions, executed here on random words, against a count of bits."""
    rng = np.random.default_rng(size + lanes)
    lane = 128 // lanes
    for subtract in (False, True):
        memory = [int.from_bytes(rng.bytes(lane // 8), "little") for _ in range(size * lanes)]
        state = {f"P({j})": 0 for j in range(3)}
        for call in tree_block_mve.Block(size, lanes).run():
            _execute(call, state, memory, lane, subtract)
        words = [sum(memory[w * lanes + i] << lane * i for i in range(lanes)) for w in range(size)]
        for bit in range(128):
            taps = sum(word >> bit & 1 for word in words)
            planes = sum((state[f"P({j})"] >> bit & 1) << j for j in range(size.bit_length() - 1))
            carry = state["T(0)"] >> bit & 1
            assert (size * carry - planes if subtract else size * carry + planes) == taps


def _execute(call: str, state: dict[str, int], memory: list[int], lane: int, subtract: bool) -> None:
    """One instruction. An address is the tap that it belongs to; a load has rubbish where a lane ends."""
    call = re.sub(r"SEL\((\w\(\d\)), (\w\(\d\))\)", r"\2" if subtract else r"\1", call)
    name, arguments = call[: call.index("(")], call[call.index("(") + 1 : -1].split(", ")
    rubbish, half = (1 << 128) - (1 << lane), (1 << 64) - 1
    if name == "E":
        state[arguments[0]] = state[arguments[1]] ^ state[arguments[2]]
    elif name == "N":
        state[arguments[0]] = state[arguments[1]] & state[arguments[2]]
    elif name == "O":
        state[arguments[0]] = int(arguments[1]) // 2
    elif name == "L":
        state[arguments[0]] = memory[state[arguments[1]]] | rubbish
    elif name == "WB":
        state[arguments[0]] = memory[state[arguments[0]]]
    elif name == "H":
        state[arguments[0]] = state[arguments[0]] & half | (state[arguments[1]] & half) << 64
    elif name == "M":
        kept = state.get(arguments[0], 0)
        for index, register in zip(arguments[1:3], reversed(arguments[3:]), strict=True):
            kept = kept & ~(0xFFFFFFFF << 32 * int(index)) | state[register] << 32 * int(index)
        state[arguments[0]] = kept
    else:
        assert name == "AB", call
