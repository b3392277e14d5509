"""The result of tree building: one flat, typed table that the compiler and the kernels follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ZERO = -1
"""The parent of a root: the zero vertex, whose sum is always 0."""


@dataclass(frozen=True, eq=False)
class ChannelTree:
    """Spanning tree over the output channels of one layer, in the order of calculation.

    Position i (0 <= i < channel_count) of every array is the i-th channel to be calculated.
    A channel's stored sum is S = sign * R, so that no kernel ever negates planes: the row that is
    calculated is `sign[i] * weight[channel[i]]`, and only differences of such signed rows matter.
    """

    channel: NDArray[np.int32]  # output channel calculated at this position (a permutation)
    parent: NDArray[np.int32]  # position of the parent (always < i), or ZERO
    sign: NDArray[np.int8]  # +1 or -1
    distance: NDArray[np.int32]  # differing taps between signed rows of channel and parent
    depth: NDArray[np.int32]  # edges from the zero vertex: 1 for a root
    source_slot: NDArray[np.int32]  # slot the parent's sum stands in, or ZERO
    slot: NDArray[np.int32]  # slot this channel's sum is written to (may equal source_slot: parent is done)
    slot_count: int  # slots alive at once, at most floor(log2(channels)) + 2

    @property
    def total_distance(self) -> int:
        """Differing taps over the whole tree, roots included."""
        return int(self.distance.sum())
