"""Node records of firmware that expands its tables: each field in as many bits as its values need.

data = pack_nodes(records)      # runtime_c/src/packed_nodes.h reads them

    7 x (i32 least, u8 bits)    of channel, distance, source slot, slot, compare, negated, value
    then node after node, field after field: value - least, the least significant bit first
    8 zeros                     so that words may be loaded

A star of ternary channels has no slots and often one kind of comparison: about 3 bytes a node in place of 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELDS = ("channel", "distance", "source_slot", "slot", "compare", "negated", "value")
_SLACK_BYTES = 8


def pack_nodes(nodes: NDArray[Any]) -> bytes:
    """Of records.NODE records, one at least."""
    head, columns = b"", []
    for field in FIELDS:
        values = nodes[field].astype(np.int64)
        least = int(values.min())
        bits = int(values.max() - least).bit_length()
        head += least.to_bytes(4, "little", signed=True) + bytes([bits])
        columns.append((values - least)[:, None] >> np.arange(bits) & 1)
    stream = np.concatenate(columns, axis=1).astype(np.uint8).ravel()
    return head + np.packbits(stream, bitorder="little").tobytes() + bytes(_SLACK_BYTES)
