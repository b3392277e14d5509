"""A compiled graph as bytes. The format's page, docs/bundle-format.md, is the contract of this file.

data = write_bundle(compiled, images)       # golden images uint8 [N, H, W, C]
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle import records
from spanbit.bundle.planes import bits_crc
from spanbit.bundle.records import OpCode
from spanbit.bundle.tap_stream import encode_taps, is_binary
from spanbit.bundle.weights import (
    pack_dense,
    pack_head,
    pack_output,
    pack_pool,
    pack_prelu,
    pack_real_head,
    pack_scale,
    pack_stem,
    pack_threshold,
)
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    Graph,
    Head,
    Kind,
    MaxPool,
    OutputKind,
    PRelu,
    RealConv,
    RealHead,
    Shape,
    StemConv,
    Threshold,
    layers_of,
)
from spanbit.passes.compiled import CompiledGraph, LayerPlan
from spanbit.passes.layout import kernel_sides, round_up
from spanbit.passes.trees import Progress
from spanbit.reference import delivered, run_graph
from spanbit.tree import ZERO

_FILE_MAX = 0xFFFFFFFF
_GOLDEN_MAX = 0xFFFF


def write_bundle(
    compiled: CompiledGraph, images: NDArray[np.uint8], progress: Progress | None = None
) -> bytes:
    """The file. What every layer makes of each of `images`, by the reference, goes in as golden records.

    `progress` is told how far these are: the reference is slow.

    Raises:
        SpanbitError: the images do not fit the network, or the bundle passes 4 GiB.
    """
    file = _File(records.HEADER.itemsize + len(compiled.layers) * records.LAYER.itemsize)
    layers = np.zeros(len(compiled.layers), records.LAYER)
    for record, plan in zip(layers, compiled.layers, strict=True):
        _fill(record, plan, file)
    golden = bytearray()
    for index, image in enumerate(images):
        if progress is not None:
            progress("golden outputs", index, len(images))
        golden += _golden(compiled.graph, image)
    if len(images) > _GOLDEN_MAX:
        raise SpanbitError(f"{len(images)} golden images, a bundle holds {_GOLDEN_MAX}")
    golden_offset = file.add(bytes(golden))
    header = np.zeros((), records.HEADER)
    header["magic"] = records.MAGIC
    header["major"], header["minor"] = records.VERSION_MAJOR, records.VERSION_MINOR
    header["file_bytes"] = file.size
    header["arena_bytes"] = compiled.arena_bytes
    header["layer_count"] = len(compiled.layers)
    header["class_count"] = compiled.layers[-1].result.channels
    header["input"] = _sides(compiled.graph.input)
    header["golden_count"] = len(images)
    header["layer_offset"] = records.HEADER.itemsize
    header["golden_offset"] = golden_offset
    header["tables_bytes"], header["tables_arena"] = compiled.tables_bytes, compiled.tables_arena
    header["name"] = short_name(compiled.graph.name)
    header["target"] = compiled.target_name.encode("ascii", "replace")[: records.TARGET_BYTES]
    data = bytearray(header.tobytes() + layers.tobytes() + file.blobs)
    crc = zlib.crc32(data[records.CRC_BEGIN :])
    data[12:16] = crc.to_bytes(4, "little")
    return bytes(data)


def short_name(name: str) -> bytes:
    """The name as UTF-8; of a long one the end, which tells layers of one module tree apart."""
    return name.encode()[-records.NAME_BYTES :].decode(errors="ignore").encode()


class _File:
    """Blobs behind the layer table, each at a multiple of 16."""

    def __init__(self, begin: int) -> None:
        self._begin = begin
        self.blobs = bytearray()

    @property
    def size(self) -> int:
        return self._begin + len(self.blobs)

    def add(self, blob: bytes) -> int:
        """The blob's offset in the file."""
        at = round_up(self.size, records.BLOB_ALIGN)
        self.blobs += bytes(at - self.size) + blob
        if self.size > _FILE_MAX:
            raise SpanbitError("the bundle would pass 4 GiB", code=ExitCode.UNSUPPORTED_MODEL)
        return at


def _sides(shape: Shape) -> tuple[int, int, int]:
    return shape.channels, shape.height, shape.width


def _fill(record: Any, plan: LayerPlan, file: _File) -> None:
    op = plan.op
    record["source"], record["result"] = _sides(plan.source), _sides(plan.result)
    record["in_arena"], record["second_arena"] = plan.in_arena, plan.second_arena
    record["out_arena"] = plan.out_arena
    record["scratch_arena"], record["scratch_bytes"] = plan.scratch_arena, plan.scratch_bytes
    record["name"] = short_name(op.name)
    places = [records.NO_LAYER if source == IMAGE else source for source in plan.sources]
    record["first"], record["second"] = (*places, records.NO_LAYER)[:2]
    if plan.kind is Kind.REAL:
        record["flags"] = records.FLAG_REAL | OutputKind.INT16 << records.OUTPUT_SHIFT
    weights = _fill_op(record, plan, file)
    if isinstance(op, StemConv | BinaryConv):
        record["kernel_h"], record["kernel_w"] = kernel_sides(op)
        record["stride"], record["padding"] = op.stride, op.padding
    if isinstance(op, RealConv):
        record["kernel_h"], record["kernel_w"], record["stride"] = 1, 1, op.stride
    record["weight_offset"], record["weight_bytes"] = file.add(weights), len(weights)
    threshold = op if isinstance(op, Threshold) else plan.threshold
    if threshold is not None and plan.nodes is None:
        record["threshold_offset"] = file.add(pack_threshold(threshold))
    if plan.output is not None and plan.nodes is None:
        record["threshold_offset"] = file.add(pack_output(plan.output))
    scaled = op if isinstance(op, RealConv) else plan.requantize
    if scaled is not None:
        record["scale_offset"], record["fraction"] = file.add(pack_scale(scaled)), scaled.fraction


def _fill_op(record: Any, plan: LayerPlan, file: _File) -> bytes:
    """The operator's number and its own fields; its weights."""
    op = plan.op
    match op:
        case StemConv():
            record["op"], weights = OpCode.STEM, pack_stem(op)
        case BinaryConv():
            record["flags"] |= op.outside | records.FLAG_BINARY * is_binary(op.weight)
            if plan.output is not None:
                record["flags"] |= plan.output.kind << records.OUTPUT_SHIFT
            if plan.nodes is not None:
                record["op"], weights = OpCode.TREE, _fill_tree(record, op, plan, file)
            else:
                record["op"], weights = OpCode.DENSE, pack_dense(op, is_binary(op.weight))
        case MaxPool():
            record["op"], weights = OpCode.POOL, pack_pool(op, plan.source.channels)
            record["kernel_h"] = record["kernel_w"] = op.kernel
            record["stride"], record["padding"] = op.stride, op.padding
        case AvgPool():
            record["op"], weights = OpCode.AVG_POOL, b""
            (record["kernel_h"], record["kernel_w"]), record["stride"] = op.kernel, op.stride
        case Head():
            record["op"], weights = OpCode.HEAD, pack_head(op, plan.source)
        case RealHead():
            record["op"], weights = OpCode.REAL_HEAD, pack_real_head(op)
        case RealConv():
            record["op"], weights = OpCode.REAL_CONV, op.weight.astype("<i2").tobytes()
        case PRelu():
            record["op"], weights = OpCode.PRELU, pack_prelu(op)
        case Threshold():
            record["op"], weights = OpCode.SIGN, b""
        case Concat():
            record["op"], weights = OpCode.CONCAT, b""
        case Add():
            record["op"], weights = OpCode.ADD, b""
    return weights


def _fill_tree(record: Any, op: BinaryConv, plan: LayerPlan, file: _File) -> bytes:
    assert op.tree is not None and plan.nodes is not None
    tree = op.tree
    nodes = np.zeros(len(tree.channel), records.NODE)
    nodes["channel"], nodes["distance"], nodes["slot"] = tree.channel, tree.distance, tree.slot
    nodes["source_slot"] = np.where(tree.source_slot == ZERO, records.ZERO_SLOT, tree.source_slot)
    nodes["negated"] = tree.sign < 0
    for name in ("compare", "value"):
        nodes[name] = getattr(plan.nodes, name)
    record["slot_count"] = tree.slot_count
    record["tables_arena"] = plan.tables_arena
    record["tap_count"] = tree.total_distance
    record["planes"], record["strip_rows"] = plan.nodes.planes, plan.strip_rows
    record["threshold_offset"] = plan.tables_bytes  # a tree's thresholds are in its nodes
    output = b"" if plan.output is None else pack_output(plan.output)
    record["tree_offset"] = file.add(nodes.tobytes() + output)
    return encode_taps(tree, op.weight.reshape(len(op.weight), -1))


def _golden(graph: Graph, image: NDArray[np.uint8]) -> bytes:
    """One record: the image, a checksum a layer of the bundle, the logits."""
    outputs = run_graph(graph, image)
    crcs: list[int] = []
    for layer in layers_of(graph):
        tensor = delivered(graph, layer, outputs)
        crcs.append(bits_crc(tensor) if tensor.dtype == np.bool_ else _numbers_crc(tensor))
    logits = outputs[-1].astype("<f4")
    return image.tobytes() + np.array(crcs, "<u4").tobytes() + logits.tobytes()


def _numbers_crc(numbers: NDArray[Any]) -> int:
    return zlib.crc32(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
