"""Node records of firmware that expands its tables: each field in as many bits as its values need.

data = pack_nodes(records)      # runtime_c/src/packed_nodes.h reads them

    12 bytes    a record, without what is reserved: of each field the least
    7 x u8      bits of channel, distance, source slot, slot, compare, negated, value; with the first, 64:
                channels are counted from the node's index on, modulo 2^16
    then node after node, field after field: value - least, the least significant bit first
    5 zeros     so that words may be loaded

A star of ternary channels has no slots, its channels come in order, and often there is one kind of
comparison: about a byte a node in place of 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELDS = ("channel", "distance", "source_slot", "slot", "compare", "negated", "value")
_RECORD_BYTES, _SLACK_BYTES, _FROM_INDEX = 12, 5, 64


def pack_nodes(nodes: NDArray[Any]) -> bytes:
    """Of records.NODE records, one at least."""
    return min((_packed(nodes, 0), _packed(nodes, _FROM_INDEX)), key=len)


def _packed(nodes: NDArray[Any], mode: int) -> bytes:
    nodes = nodes.copy()
    if mode == _FROM_INDEX:
        nodes["channel"] -= np.arange(len(nodes)).astype(np.uint16)
    least, widths, columns = np.zeros(1, nodes.dtype), [], []
    for field in FIELDS:
        values = nodes[field].astype(np.int64)
        least[field] = values.min()
        widths.append(int(values.max() - values.min()).bit_length())
        columns.append((values - values.min())[:, None] >> np.arange(widths[-1]) & 1)
    widths[0] |= mode
    stream = np.packbits(np.concatenate(columns, axis=1).astype(np.uint8).ravel(), bitorder="little")
    return least.tobytes()[:_RECORD_BYTES] + bytes(widths) + stream.tobytes() + bytes(_SLACK_BYTES)
