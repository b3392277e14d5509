"""Layers as initialisers of the runtime's spb_layer (runtime_c/src/layer.h), and the arrays they point to.

text = layer_text(plan, tables, 3)
text.arrays         # C definitions
text.fields         # {"op": "SPB_OP_TREE", ...}
text.const_bytes    # of the arrays
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spanbit.bundle import records
from spanbit.bundle.records import OpCode
from spanbit.export.c_text import array
from spanbit.export.packed_nodes import pack_nodes
from spanbit.export.plan import FirmwarePlan, Tables
from spanbit.graph import OutputKind, Shape
from spanbit.passes.layout import plane_bytes, round_up, row_bytes

_OUTPUTS = ("BITS", "INT16", "INT32", "FLOAT32")
_THRESHOLDS = (OpCode.STEM, OpCode.DENSE, OpCode.SIGN)
_HEADS = (OpCode.HEAD, OpCode.REAL_HEAD)
_INT16_WEIGHTS = (OpCode.PRELU, OpCode.REAL_CONV)
LAYER_BYTES = 240
"""Of a spb_layer where pointers have 4 bytes, at most."""


@dataclass
class LayerText:
    """C text of one layer."""

    op: OpCode
    record: Any  # of the bundle
    output: OutputKind
    arrays: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    const_bytes: int = 0
    table: str = ""  # name of its array, if it is in flash

    def add(self, kind: str, name: str, data: bytes) -> str:
        """Defines an array; its name."""
        self.arrays.append(array(kind, name, data))
        self.const_bytes += round_up(len(data), 4)
        return name


def layer_text(plan: FirmwarePlan, tables: Sequence[bytes], index: int) -> LayerText:
    """Of layer `index`; `tables` are the expanded ones."""
    header = np.frombuffer(plan.bundle, records.HEADER, 1)[0]
    begin = int(header["layer_offset"]) + index * records.LAYER.itemsize
    record: Any = np.frombuffer(plan.bundle, records.LAYER, 1, begin)[0]
    op = OpCode(int(record["op"]))
    kind = OutputKind((int(record["flags"]) & records.FLAG_OUTPUT) >> records.OUTPUT_SHIFT)
    text = LayerText(op, record, OutputKind.FLOAT32 if op in _HEADS else kind)
    _put_shape(text, plan, index)
    _put_arrays(text, plan, tables, index)
    return text


def _put_shape(text: LayerText, plan: FirmwarePlan, index: int) -> None:
    record, layer = text.record, plan.compiled.layers[index]
    flags = int(record["flags"])
    numbers = {
        "index": index,
        "kernel_h": int(record["kernel_h"]),
        "kernel_w": int(record["kernel_w"]),
        "stride": int(record["stride"]),
        "padding": int(record["padding"]),
        "pad_bit": int(flags & records.FLAG_PADDING == 1),
        "zero_pad": int(flags & records.FLAG_PADDING == 2),
        "binary": int(flags & records.FLAG_BINARY != 0),
        "real": int(flags & records.FLAG_REAL != 0),
        "fraction": int(record["fraction"]),
        "weight_rows": layer.result.channels,
        "slot_count": int(record["slot_count"]),
        "tap_count": int(record["tap_count"]),
        "planes": int(record["planes"]),
        "strip_rows": int(record["strip_rows"]),
        "source": int(record["first"]),
        "second": int(record["second"]),
        "in_arena": layer.in_arena,
        "second_arena": layer.second_arena,
        "out_arena": layer.out_arena,
        "scratch_arena": layer.scratch_arena,
        "scratch_bytes": layer.scratch_bytes,
        "weight_bytes": int(record["weight_bytes"]),
        "tables_bytes": round_up(plan.table_bytes[index], 64),
    }
    text.fields = {
        "op": f"SPB_OP_{text.op.name}",
        "output": f"SPB_OUTPUT_{_OUTPUTS[text.output]}",
        "in": _tensor(layer.source, plan.plane_align),
        "out": _tensor(layer.result, plan.plane_align),
        **{name: f"{value}u" for name, value in numbers.items() if value or name == "source"},
    }


def _tensor(shape: Shape, align: int) -> str:
    row = row_bytes(shape.width)
    plane = plane_bytes(shape.height, shape.width, align)
    return f"{{{shape.channels}u, {shape.height}u, {shape.width}u, {row}u, {plane}u}}"


def _put_arrays(text: LayerText, plan: FirmwarePlan, tables: Sequence[bytes], index: int) -> None:
    record, layer = text.record, plan.compiled.layers[index]
    channels, data = layer.result.channels, plan.bundle
    is_tree, real = text.op is OpCode.TREE, int(record["flags"]) & records.FLAG_REAL != 0

    def blob(offset: str, size: int, skip: int = 0) -> bytes:
        begin = int(record[offset]) + skip
        return data[begin : begin + size]

    def put(field_name: str, kind: str, content: bytes) -> None:
        name = text.add(kind, f"{field_name}_{index}", content)
        pointer = kind in ("int16_t", "uint16_t") and field_name != "multiplier"
        text.fields[field_name] = f"(const uint8_t *){name}" if pointer else name

    weights = blob("weight_offset", int(record["weight_bytes"]))
    if is_tree and plan.tables is Tables.FLASH:
        text.table = text.add("uint16_t", f"table_{index}", tables[index])
    elif weights:
        put("weights", "int16_t" if text.op in _INT16_WEIGHTS else "uint8_t", weights)
    nodes = channels * records.NODE.itemsize
    if is_tree and plan.tables is not Tables.FLASH:
        put("nodes", "uint8_t", pack_nodes(np.frombuffer(blob("tree_offset", nodes), records.NODE)))
    if text.op in _THRESHOLDS and text.output is OutputKind.BITS:
        put("threshold", "int32_t", blob("threshold_offset", 4 * channels))
        put("compare", "uint8_t", blob("threshold_offset", channels, 4 * channels))
    if text.output is OutputKind.FLOAT32 and text.op not in _HEADS:
        scales = (
            blob("tree_offset", 8 * channels, nodes) if is_tree else blob("threshold_offset", 8 * channels)
        )
        put("scales", "uint8_t", scales)
    if real and int(record["scale_offset"]):
        put("bias", "int32_t", blob("scale_offset", 4 * channels))
        multiplied = text.op is not OpCode.REAL_CONV
        if multiplied:
            put("multiplier", "int16_t", blob("scale_offset", 2 * channels, 4 * channels))
        put("shift", "uint8_t", blob("scale_offset", channels, (6 if multiplied else 4) * channels))
