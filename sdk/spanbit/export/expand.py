"""Expanded tables of a bundle, as the firmware's own machine makes them: made by the C runtime itself.

tables = expanded_tables(plan)          # one bytes object a layer, empty if it is no tree
"""

from __future__ import annotations

import numpy as np

from spanbit.bundle import records
from spanbit.export.plan import FirmwarePlan
from spanbit.runtime import Model

_TWINS = {4: "scalar32", 16: "scalar128"}  # bytes of a word -> what has it on this machine


def expanded_tables(plan: FirmwarePlan) -> list[bytes]:
    """The first `plan.table_bytes[i]` bytes of layer i's table.

    Raises:
        SpanbitError: TOOLCHAIN: this machine has no C compiler for the runtime.
    """
    bundle, sizes = plan.bundle, plan.table_bytes
    arena = Model(bundle, isa=_TWINS[plan.word_bytes]).arena_bytes()
    header = np.frombuffer(bundle, records.HEADER, 1)[0]
    layers = np.frombuffer(bundle, records.LAYER, len(sizes), int(header["layer_offset"]))
    begins = [int(layer["tables_arena"]) for layer in layers]
    return [arena[begin : begin + size] for begin, size in zip(begins, sizes, strict=True)]
