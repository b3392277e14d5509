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
from spanbit.bundle.weights import (
    real_head_bytes,
    unpack_dense,
    unpack_head,
    unpack_output,
    unpack_pool,
    unpack_prelu,
    unpack_real_head,
    unpack_scale,
    unpack_threshold,
)
from spanbit.graph import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Compare,
    Concat,
    Head,
    KernelKind,
    Kind,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.infer import conv_side
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
    flags = int(record["flags"])
    _check_flags(code, flags)
    if any(bytes(record["reserved"])):
        raise ValueError("its reserved bytes are not 0")
    sources = [int(record["first"]), int(record["second"])]
    if sources[1] == records.NO_LAYER:
        sources.pop()
    plan = LayerPlan(
        op=MaxPool(text(record["name"])),
        threshold=None,
        requantize=None,
        output=None,
        add=None,
        nodes=None,
        sources=tuple(IMAGE if source == records.NO_LAYER else source for source in sources),
        source=source,
        result=result,
        kind=_kind(code, flags),
        in_arena=int(record["in_arena"]),
        second_arena=int(record["second_arena"]),
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


_DELIVERS = {
    OutputKind.BITS: Kind.BITS,
    OutputKind.INT16: Kind.INT16,
    OutputKind.INT32: Kind.INT,
    OutputKind.FLOAT32: Kind.FLOAT,
}
_REALS_ONLY = (OpCode.PRELU, OpCode.AVG_POOL, OpCode.REAL_CONV, OpCode.ADD)


def _kind(code: OpCode, flags: int) -> Kind:
    """Of what the layer delivers."""
    if code in (OpCode.HEAD, OpCode.REAL_HEAD):
        return Kind.LOGITS
    if flags & records.FLAG_REAL:
        return Kind.REAL
    return _DELIVERS[OutputKind((flags & records.FLAG_OUTPUT) >> records.OUTPUT_SHIFT)]


def _check_flags(code: OpCode, flags: int) -> None:
    known = records.FLAG_PADDING | records.FLAG_BINARY | records.FLAG_OUTPUT | records.FLAG_REAL
    if flags & ~known or flags & records.FLAG_PADDING not in list(Padding):
        raise ValueError(f"flags {flags:#x}")
    real, output = bool(flags & records.FLAG_REAL), flags & records.FLAG_OUTPUT
    if real and output != OutputKind.INT16 << records.OUTPUT_SHIFT:
        raise ValueError(f"flags {flags:#x}: reals that are not int16")
    if output and not real and code not in (OpCode.TREE, OpCode.DENSE):
        raise ValueError(f"flags {flags:#x}: only a binary convolution has a kind of output")
    if real and code in (OpCode.HEAD, OpCode.REAL_HEAD, OpCode.SIGN):
        raise ValueError(f"flags {flags:#x}: it does not deliver reals")
    if code in _REALS_ONLY and not real:
        raise ValueError(f"flags {flags:#x}: it delivers reals")


def _output(plan: LayerPlan, record: Any, data: bytes, offset: int) -> Output | None:
    """Of a layer that delivers sums; their scale and bias, if they have them, are at `offset`."""
    kind = OutputKind((int(record["flags"]) & records.FLAG_OUTPUT) >> records.OUTPUT_SHIFT)
    if kind is OutputKind.BITS or plan.kind is Kind.REAL:
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


def _scale(record: Any, data: bytes, channels: int) -> Requantize:
    """What makes numbers of a convolution's sums; validation looks at its ranges."""
    blob = _blob(data, int(record["scale_offset"]), 7 * channels, "scales")
    parts = unpack_scale(blob, channels, multiplied=True)
    return Requantize(f"{text(record['name'])}.requantize", *parts, fraction=int(record["fraction"]))


def _scaled(plan: LayerPlan, record: Any, data: bytes) -> LayerPlan:
    """A convolution that delivers reals: its scale; an addition where a binary one has a second input."""
    added = Add(f"{plan.op.name}.add") if len(plan.sources) > 1 else None
    return replace(plan, requantize=_scale(record, data, plan.result.channels), add=added)


def _ends(plan: LayerPlan, record: Any, data: bytes) -> LayerPlan:
    """What a stem or a dense convolution ends in."""
    if plan.kind is Kind.REAL:
        return _scaled(plan, record, data)
    return replace(plan, threshold=_threshold(record, data, plan.result.channels))


def _read_stem(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    shape = _kernel(record, plan)
    count = int(np.prod(shape))
    blob = _weights(record, data, count + shape[1])
    weight = np.frombuffer(blob, np.int8, count).reshape(shape)
    pad_value = np.frombuffer(blob, np.uint8, shape[1], count)
    stride, padding = int(record["stride"]), int(record["padding"])
    ceil = _is_rounded_up(plan, shape[2:], stride, padding)
    op = StemConv(plan.op.name, weight, stride, padding, pad_value, ceil)
    plan = _ends(replace(plan, op=op), record, data)
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
    plan = replace(plan, op=op)
    output = _output(plan, record, data, int(record["threshold_offset"]))
    plan = replace(plan, output=output) if output else _ends(plan, record, data)
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
    plan = replace(plan, op=op)
    output = _output(plan, record, data, int(record["tree_offset"]) + size)
    bits = plan.kind is Kind.BITS
    threshold = _unfolded(op, table, tree, rows, text(record["name"])) if bits else None
    if table.planes < (needed := fold_nodes(op, threshold, plan.source, plan.result).planes):
        raise ValueError(f"sums of {table.planes} planes, they need {needed}")
    wanted = table_bytes(op, plan.source, plan.result, table.planes, not bits)
    if int(record["threshold_offset"]) != wanted:
        raise ValueError(f"a table of {record['threshold_offset']} bytes, it takes {wanted}")
    plan = replace(
        plan if bits or output else _scaled(plan, record, data),
        threshold=threshold,
        output=output,
        nodes=table,
        tables_bytes=wanted,
        strip_rows=rows_wanted,
    )
    return plan, tree_scratch_bytes(op, plan.source, plan.result, tree.slot_count, table.planes, not bits)


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


def _is_rounded_up(plan: LayerPlan, kernel: tuple[int, ...], stride: int, padding: int) -> bool:
    """Whether windows leave the image: the output has more than fit; validation looks whether it may."""
    sides = zip((plan.source.height, plan.source.width), kernel, strict=True)
    whole = [conv_side(side, size, stride, padding) for side, size in sides]
    return whole != [plan.result.height, plan.result.width]


def _read_pool(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    channels = plan.source.channels
    blob = _weights(record, data, -(-channels // 8))
    kernel, stride, padding = (int(record[name]) for name in ("kernel_h", "stride", "padding"))
    if int(record["kernel_w"]) != kernel:
        raise ValueError(f"a pool of {kernel}x{record['kernel_w']}")
    if min(kernel, stride) < 1:
        raise ValueError(f"a pool of {kernel}x{kernel} with stride {stride}")
    ceil = _is_rounded_up(plan, (kernel, kernel), stride, padding)
    op = MaxPool(plan.op.name, unpack_pool(blob, channels), kernel, stride, padding, ceil)
    return replace(plan, op=op), 0


def _read_avg_pool(plan: LayerPlan, record: Any, _data: bytes) -> tuple[LayerPlan, int]:
    kernel, stride = (int(record["kernel_h"]), int(record["kernel_w"])), int(record["stride"])
    if min(*kernel, stride) < 1:
        raise ValueError(f"means of {kernel[0]}x{kernel[1]} pixels with stride {stride}")
    ceil = _is_rounded_up(plan, kernel, stride, 0)
    return replace(plan, op=AvgPool(plan.op.name, kernel, stride, ceil=ceil)), 0


def _read_real_conv(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    outputs, inputs = plan.result.channels, plan.source.channels
    weight = np.frombuffer(_weights(record, data, 2 * outputs * inputs), "<i2").astype(np.int16)
    blob = _blob(data, int(record["scale_offset"]), 5 * outputs, "scales")
    _, bias, shift = unpack_scale(blob, outputs, multiplied=False)
    stride, fraction = int(record["stride"]), int(record["fraction"])
    op = RealConv(plan.op.name, weight.reshape(outputs, inputs), bias, shift, stride, fraction)
    return replace(plan, op=op), 0


def _read_prelu(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    parts = unpack_prelu(_weights(record, data, 6 * plan.source.channels))
    return replace(plan, op=PRelu(plan.op.name, *parts)), 0


def _read_sign(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    threshold = _threshold(record, data, plan.result.channels)
    return replace(plan, op=replace(threshold, name=plan.op.name)), 0


def _read_concat(plan: LayerPlan, _record: Any, _data: bytes) -> tuple[LayerPlan, int]:
    return replace(plan, op=Concat(plan.op.name)), 0


def _read_add(plan: LayerPlan, _record: Any, _data: bytes) -> tuple[LayerPlan, int]:
    return replace(plan, op=Add(plan.op.name)), 0


def _read_real_head(plan: LayerPlan, record: Any, data: bytes) -> tuple[LayerPlan, int]:
    outputs = plan.result.channels
    inputs = plan.source.channels * plan.source.height * plan.source.width
    blob = _weights(record, data, real_head_bytes(outputs, inputs))
    return replace(plan, op=RealHead(plan.op.name, *unpack_real_head(blob, outputs, inputs))), 0


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
    OpCode.SIGN: _read_sign,
    OpCode.PRELU: _read_prelu,
    OpCode.AVG_POOL: _read_avg_pool,
    OpCode.REAL_CONV: _read_real_conv,
    OpCode.REAL_HEAD: _read_real_head,
    OpCode.CONCAT: _read_concat,
    OpCode.ADD: _read_add,
}
