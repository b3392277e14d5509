"""One layer record and its blobs -> a plan of the compiler. ValueError says what does not hold.

plan = read_layer(record, data)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle import records
from spanbit.bundle.header import text
from spanbit.bundle.records import OpCode
from spanbit.bundle.tap_stream import StreamNode, decode_taps
from spanbit.bundle.weights import unpack_dense, unpack_head, unpack_output, unpack_pool, unpack_threshold
from spanbit.graph.ops import (
    BinaryConv,
    Compare,
    Head,
    KernelKind,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes.compiled import LayerPlan, NodeTable
from spanbit.passes.layout import (
    PLANES_MAX,
    dense_scratch_bytes,
    dense_shape,
    head_bytes,
    round_up,
    stem_scratch_bytes,
    strip_rows,
    tree_scratch_bytes,
)
from spanbit.passes.nodes import fold_nodes
from spanbit.passes.tables import table_bytes
from spanbit.passes.trees import TAPS_MAX, tree_obstacle
from spanbit.tree import ZERO, ChannelTree, check_structure, check_tree

_CHANNELS_MAX, _SIDE_MAX, _KERNEL_MAX = 4096, 1024, 7


def read_layer(record: Any, data: bytes) -> LayerPlan:
    """The layer, its places in the arena as the record has them (not yet checked against the arena)."""
    source, result = _shape(record["source"]), _shape(record["result"])
    try:
        code = OpCode(int(record["op"]))
    except ValueError:
        raise ValueError(f"operator {record['op']} does not exist") from None
    _check_flags(code, int(record["flags"]))
    if int(record["reserved"]):
        raise ValueError("its reserved byte is not 0")
    plan = LayerPlan(
        op=MaxPool(text(record["name"])),
        threshold=None,
        output=None,
        nodes=None,
        source=source,
        result=result,
        in_arena=int(record["in_arena"]),
        out_arena=int(record["out_arena"]),
        scratch_arena=int(record["scratch_arena"]),
        scratch_bytes=int(record["scratch_bytes"]),
        tables_arena=int(record["tables_arena"]),
        tables_bytes=0,
    )
    plan, needed = _READERS[code](plan, record, data)
    if plan.scratch_bytes < needed:
        raise ValueError(f"{plan.scratch_bytes} bytes of scratch, it needs {needed}")
    return plan


def _check_flags(code: OpCode, flags: int) -> None:
    known = records.FLAG_PADDING | records.FLAG_BINARY | records.FLAG_OUTPUT
    if flags > known or flags & records.FLAG_PADDING not in list(Padding):
        raise ValueError(f"flags {flags:#x}")
    if flags & records.FLAG_OUTPUT and code not in (OpCode.TREE, OpCode.DENSE):
        raise ValueError(f"flags {flags:#x}: only a binary convolution has a kind of output")


def _output(plan: LayerPlan, record: Any, data: bytes, offset: int) -> Output | None:
    """Of a layer that delivers sums; their scale and bias, if they have them, are at `offset`."""
    kind = OutputKind(int(record["flags"]) >> records.OUTPUT_SHIFT)
    if kind is OutputKind.BITS:
        return None
    scale = bias = None
    if kind is OutputKind.FLOAT32:
        channels = plan.result.channels
        scale, bias = unpack_output(_blob(data, offset, 8 * channels, "scales"), channels)
    return Output(f"{plan.op.name}.output", kind, scale, bias)


def _shape(sides: Any) -> Shape:
    shape = Shape(*(int(side) for side in sides))
    inside = 1 <= shape.height <= _SIDE_MAX and 1 <= shape.width <= _SIDE_MAX
    if not (1 <= shape.channels <= _CHANNELS_MAX and inside):
        raise ValueError(f"a tensor of {shape}")
    return shape


def _kernel(record: Any, plan: LayerPlan) -> tuple[int, int, int, int]:
    """[O, C, kh, kw] of a convolution whose geometry is in range; validation does the rest later."""
    kernel_h, kernel_w = int(record["kernel_h"]), int(record["kernel_w"])
    if not (1 <= kernel_h <= _KERNEL_MAX and 1 <= kernel_w <= _KERNEL_MAX):
        raise ValueError(f"a kernel of {kernel_h}x{kernel_w}")
    stride, padding = int(record["stride"]), int(record["padding"])
    if stride not in (1, 2) or padding >= max(kernel_h, kernel_w):
        raise ValueError(f"stride {stride} and padding {padding} with a kernel of {kernel_h}x{kernel_w}")
    return plan.result.channels, plan.source.channels, kernel_h, kernel_w


def _blob(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset % records.BLOB_ALIGN or offset + size > len(data):
        raise ValueError(f"its {what} leave the file or are not aligned to {records.BLOB_ALIGN}")
    return data[offset : offset + size]


def _weights(record: Any, data: bytes, size: int) -> bytes:
    if int(record["weight_bytes"]) != size:
        raise ValueError(f"{record['weight_bytes']} bytes of weights, its shape asks for {size}")
    return _blob(data, int(record["weight_offset"]), size, "weights")


def _threshold(record: Any, data: bytes, channels: int) -> Threshold:
    blob = _blob(data, int(record["threshold_offset"]), 5 * channels, "thresholds")
    value, compare = unpack_threshold(blob, channels)
    if compare.max() > Compare.ALWAYS:
        raise ValueError(f"comparison {compare.max()} does not exist")
    return Threshold(f"{text(record['name'])}.threshold", value, compare)


def _read_stem(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    shape = _kernel(record, plan)
    count = int(np.prod(shape))
    blob = _weights(record, data, count + shape[1])
    weight = np.frombuffer(blob, np.int8, count).reshape(shape)
    pad_value = np.frombuffer(blob, np.uint8, shape[1], count)
    op = StemConv(plan.op.name, weight, int(record["stride"]), int(record["padding"]), pad_value)
    plan = replace(plan, op=op, threshold=_threshold(record, data, shape[0]))
    return plan, stem_scratch_bytes(op, plan.source, plan.result)


def _binary_conv(plan: LayerPlan, record: Any, weight: NDArray[np.int8]) -> BinaryConv:
    flags = int(record["flags"])
    if bool(flags & records.FLAG_BINARY) != bool(weight.all()):
        raise ValueError("the flag for binary weights does not fit its weights")
    outside = Padding(flags & records.FLAG_PADDING)
    return BinaryConv(plan.op.name, weight, int(record["stride"]), int(record["padding"]), outside)


def _read_dense(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    shape = _kernel(record, plan)
    binary = bool(record["flags"] & records.FLAG_BINARY)
    size = shape[0] * dense_shape(shape[1], shape[2] * shape[3]).channel_bytes * (1 if binary else 2)
    weight = unpack_dense(_weights(record, data, size), shape, binary)
    if weight is None:
        raise ValueError("a weight bit is set where no weight is")
    op = replace(
        _binary_conv(plan, record, weight), kernel=KernelKind.DENSE, kernel_reason="stored in the bundle"
    )
    offset = int(record["threshold_offset"])
    output = _output(plan, record, data, offset)
    threshold = None if output else _threshold(record, data, shape[0])
    plan = replace(plan, op=op, threshold=threshold, output=output)
    return plan, dense_scratch_bytes(op, plan.source, plan.result)


def _read_tree(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    shape = _kernel(record, plan)
    channels, taps = shape[0], shape[1] * shape[2] * shape[3]
    if taps > TAPS_MAX:
        raise ValueError(f"{taps} taps a channel are too many for a tree")
    size = channels * records.NODE.itemsize
    nodes = np.frombuffer(_blob(data, int(record["tree_offset"]), size, "nodes"), records.NODE)
    tree = _tree(nodes, int(record["slot_count"]))
    check_structure(tree)
    if tree.total_distance != int(record["tap_count"]):
        raise ValueError(f"{record['tap_count']} taps, its nodes sum to {tree.total_distance}")
    stored = [
        StreamNode(int(parent), int(distance))
        for parent, distance in zip(tree.parent, tree.distance, strict=True)
    ]
    stream = _blob(data, int(record["weight_offset"]), int(record["weight_bytes"]), "weights")
    signed = decode_taps(stream, stored, taps, bool(record["flags"] & records.FLAG_BINARY))
    rows = np.empty_like(signed)
    rows[tree.channel] = signed * tree.sign[:, None]
    check_tree(tree, rows)
    op = replace(
        _binary_conv(plan, record, rows.reshape(shape)),
        tree=tree,
        kernel=KernelKind.TREE,
        kernel_reason="stored in the bundle",
    )
    if obstacle := tree_obstacle(op, plan.source, plan.result):
        raise ValueError(obstacle)
    if int(record["strip_rows"]) != (rows_wanted := strip_rows(op, plan.source, plan.result)):
        raise ValueError(f"strips of {record['strip_rows']} rows, they are of {rows_wanted}")
    table = _node_table(nodes, int(record["planes"]))
    output = _output(plan, record, data, int(record["tree_offset"]) + size)
    threshold = None if output else _unfolded(op, table, tree, rows, text(record["name"]))
    if table.planes < (needed := fold_nodes(op, threshold, plan.source, plan.result).planes):
        raise ValueError(f"sums of {table.planes} planes, they need {needed}")
    wanted = table_bytes(op, plan.source, plan.result, table.planes, output is not None)
    if int(record["threshold_offset"]) != wanted:
        raise ValueError(f"a table of {record['threshold_offset']} bytes, it takes {wanted}")
    plan = replace(
        plan,
        op=op,
        threshold=threshold,
        output=output,
        nodes=table,
        tables_bytes=wanted,
        strip_rows=rows_wanted,
    )
    sums = output is not None
    return plan, tree_scratch_bytes(op, plan.source, plan.result, tree.slot_count, table.planes, sums)


def _tree(nodes: NDArray[Any], slot_count: int) -> ChannelTree:
    """The tree that the node records say: a parent is who wrote the source slot last."""
    count = len(nodes)
    holds: dict[int, int] = {}
    parent, depth = np.full(count, ZERO, np.int32), np.ones(count, np.int32)
    for at, (source, slot) in enumerate(zip(nodes["source_slot"], nodes["slot"], strict=True)):
        if source != records.ZERO_SLOT:
            if int(source) not in holds:
                raise ValueError(f"node {at} reads slot {source}, which nothing was written to")
            parent[at] = holds[int(source)]
            depth[at] = depth[parent[at]] + 1
        holds[int(slot)] = at
    if nodes["negated"].max() > 1 or nodes["reserved"].any():
        raise ValueError("a node's reserved bytes are not 0")
    source_slot = nodes["source_slot"].astype(np.int32)
    source_slot[source_slot == records.ZERO_SLOT] = ZERO
    return ChannelTree(
        channel=nodes["channel"].astype(np.int32),
        parent=parent,
        sign=np.where(nodes["negated"] == 1, -1, 1).astype(np.int8),
        distance=nodes["distance"].astype(np.int32),
        depth=depth,
        source_slot=source_slot,
        slot=nodes["slot"].astype(np.int32),
        slot_count=slot_count,
    )


def _node_table(nodes: NDArray[Any], planes: int) -> NodeTable:
    if not 1 <= planes <= PLANES_MAX:
        raise ValueError(f"sums of {planes} planes, there are 1 to {PLANES_MAX}")
    table = NodeTable(planes, nodes["compare"].copy(), nodes["value"].copy())
    if table.compare.max() > Compare.ALWAYS:
        raise ValueError(f"comparison {table.compare.max()} does not exist")
    compares = table.compare <= Compare.LE
    if (compares & (np.abs(table.value.astype(np.int64)) > TAPS_MAX)).any():
        raise ValueError("a node compares with a value that no sum can reach")
    return table


def _unfolded(
    op: BinaryConv, table: NodeTable, tree: ChannelTree, rows: NDArray[np.int8], name: str
) -> Threshold:
    """The threshold on P that folds to this table: R = sign * S, P = 2 R - W (passes/nodes.py)."""
    if op.outside is Padding.ZERO:  # it is on P already
        by_channel = np.argsort(tree.channel)
        return Threshold(f"{name}.threshold", table.value[by_channel], table.compare[by_channel])
    sign = tree.sign.astype(np.int64)
    value = 2 * sign * table.value - rows[tree.channel].sum(axis=1, dtype=np.int64)
    turned = np.where(table.compare == Compare.GE, Compare.LE, Compare.GE)
    fixed = table.compare >= Compare.NEVER
    compare = np.where(fixed | (sign > 0), table.compare, turned)
    by_channel = np.argsort(tree.channel)
    return Threshold(
        f"{name}.threshold",
        np.where(fixed, 0, value)[by_channel].astype(np.int32),
        compare[by_channel].astype(np.uint8),
    )


def _read_pool(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    channels = plan.source.channels
    blob = _weights(record, data, -(-channels // 8))
    return replace(plan, op=MaxPool(plan.op.name, unpack_pool(blob, channels))), 0


def _read_head(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    outputs = plan.result.channels
    stored = int(record["weight_bytes"])
    blob = _blob(data, int(record["weight_offset"]), stored, "weights")
    bit_count = blob[0] if blob else 0
    size = 16 + outputs * bit_count * head_bytes(plan.source) + 12 * outputs
    if not 2 <= bit_count <= 8 or stored != size:
        raise ValueError(f"{stored} bytes of weights in {bit_count} bits do not fit its shape")
    parts = unpack_head(blob, outputs, plan.source)
    if parts is None:
        raise ValueError("a weight bit is set where no weight is, or the weights' sums are wrong")
    return replace(plan, op=Head(plan.op.name, *parts)), round_up(head_bytes(plan.source), 64)


_READERS = {
    OpCode.STEM: _read_stem,
    OpCode.TREE: _read_tree,
    OpCode.DENSE: _read_dense,
    OpCode.POOL: _read_pool,
    OpCode.HEAD: _read_head,
}
