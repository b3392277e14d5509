"""Would sharing all sums of t neighbouring taps ("four Russians") beat the tree of an untrained network?

    python bench/shared_sums.py        # a RECKONING in full adders a tap, a table; no kernel is run

A dense bit-sliced kernel for binary weights needs R = sum of A over the taps with w = +1 (P = 2 R - sum w).
With the taps in groups of t, the sums of all 2^t subsets of a group are calculated once for all channels. A
subset of s taps is a number of bit_length(s) planes, and a full adder takes in one plane (three bits in, two
out), so a channel pays the subset's planes. The mean subset is half of its group, as in a random network.

Calculating the sums: each subset is a smaller one plus one tap, half adders of 2 operations, and stores. An
adder of a channel is 4.5 instructions: 3 operations, the load of a plane, half a load of offsets.

The sums of all groups do not fit the L1 cache. So groups come in blocks that do, and for each block every
channel's number is loaded, the block's sum added (an adder a plane) and stored: the last column has that too.

Against that stands the tree: its minimum cost for random binary rows, signed edges and all, measured. An
edge is at most half of the taps, so no tree costs more than 1/2 + 1/(2 C). The dense kernel (popcount) is
reckoned from the committed count of instructions of a layer.
"""

from __future__ import annotations

import sys
from math import comb

import numpy as np
from results import read_result, show
from rich.table import Table
from spanbit.cli.failure import guard
from spanbit.tree import build_tree, tree_cost

_ADDER = 4.5  # instructions of an adder and what feeds it
_L1_BYTES = 24 * 1024  # of 32 kB, for the sums
_PLANE_BYTES = 16
SIZES = ((8, 9), (16, 144), (32, 288), (64, 576), (128, 1152), (256, 2304), (512, 4608))
GROUPS = range(1, 9)


def channel_adders(t: int) -> float:
    """Full adders that a channel needs for a tap."""
    return sum(comb(t, s) * s.bit_length() for s in range(t + 1)) / 2**t / t


def table_instructions(t: int) -> int:
    """What the sums of a group take, once for all channels: subsets of one tap are there already."""
    total = 0
    for s in range(2, t + 1):
        planes, before = s.bit_length(), (s - 1).bit_length()
        operations = 2 * before if planes > before else 2 * before - 1  # the top carry is a plane, or none
        total += comb(t, s) * (operations + planes)
    return total


def shared_adders(channels: int, t: int) -> float:
    """Adders a tap and channel, the group's sums included."""
    return channel_adders(t) + table_instructions(t) / _ADDER / (t * channels)


def block_adders(taps: int, t: int) -> float:
    """Adders a tap and channel that the blocks cost: none where one block is all."""
    group_bytes = _PLANE_BYTES * sum(comb(t, s) * s.bit_length() for s in range(1, t + 1))
    block_taps = max(1, _L1_BYTES // group_bytes) * t
    if block_taps >= taps:
        return 0.0
    planes = taps.bit_length()
    return planes * (1 + 2 / _ADDER) / block_taps


def random_tree_cost(channels: int, taps: int) -> float:
    """The minimum spanning tree's, for random binary rows."""
    random = np.random.default_rng(0)
    weight = (2 * random.integers(0, 2, (channels, taps)) - 1).astype(np.int8)
    return tree_cost(build_tree(weight, restarts=1), taps)


def popcount_adders() -> float:
    """The dense kernel's instructions of the first layer of VGG-small on a Cortex-A72, in adders a tap."""
    layer = read_result("instructions-vgg-small")["layers"][0]
    channels, taps, words = 128, 128 * 9, 32 * 32 // 128
    assert layer["layer"] == "128 -> 128, 3x3, 32x32"
    executed: int = layer["dense"]["cortex-a72"]["instructions"]
    return executed / (channels * taps * words) / _ADDER


def table() -> Table:
    """A row a layer size."""
    drawn = Table(
        title="full adders a tap and channel, reckoned; random binary weights",
        caption=f"popcount, reckoned from executed instructions: {popcount_adders():.2f}",
    )
    drawn.add_column("channels x taps")
    for column in ("tree, minimum", *(f"t = {t}" for t in GROUPS), "best, in L1"):
        drawn.add_column(column, justify="right")
    for channels, taps in SIZES:
        cells = [random_tree_cost(channels, taps), *(shared_adders(channels, t) for t in GROUPS)]
        best, t = min((shared_adders(channels, t) + block_adders(taps, t), t) for t in GROUPS)
        drawn.add_row(f"{channels} x {taps}", *(f"{cell:.3f}" for cell in cells), f"{best:.3f} (t = {t})")
    return drawn


def main() -> None:
    show(table())


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
