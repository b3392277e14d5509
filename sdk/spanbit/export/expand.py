"""Expanded tables of a bundle, as a machine with words of 4 bytes makes them: made by the C runtime itself.

tables = expanded_tables(plan.bundle, plan.table_bytes)     # one bytes object a layer, empty if it is no tree
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanbit.bundle import records
from spanbit.runtime import Model


def expanded_tables(bundle: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The first `sizes[i]` bytes of layer i's table.

    Raises:
        SpanbitError: TOOLCHAIN: this machine has no C compiler for the runtime.
    """
    arena = Model(bundle, isa="scalar32").arena_bytes()
    header = np.frombuffer(bundle, records.HEADER, 1)[0]
    layers = np.frombuffer(bundle, records.LAYER, len(sizes), int(header["layer_offset"]))
    begins = [int(layer["tables_arena"]) for layer in layers]
    return [arena[begin : begin + size] for begin, size in zip(begins, sizes, strict=True)]
