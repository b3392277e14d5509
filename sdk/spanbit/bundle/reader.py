"""Bytes -> a checked bundle. The file is untrusted: every *must* of docs/bundle-format.md is checked here.

bundle = read_bundle(path.read_bytes(), where=str(path))

The C reader, runtime_c/src/bundle.c, checks what its memory safety needs; this one also what only a reader
that rebuilds the weights can see (spare bits, distances, widths of sums).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle import records
from spanbit.bundle.bundle import Bundle, GoldenRecord
from spanbit.bundle.header import blaming, golden_bytes, output_count, read_header, text
from spanbit.bundle.operators import read_layer
from spanbit.graph.ops import Graph, Op, Shape, StemConv
from spanbit.graph.validate import validate
from spanbit.passes.compiled import CompiledGraph, LayerPlan
from spanbit.passes.layout import ARENA_ALIGN, ARENA_SLACK, tensor_bytes
from spanbit.passes.memory import output_bytes


def read_bundle(data: bytes, where: str = "bundle") -> Bundle:
    """What the file holds.

    Raises:
        SpanbitError: BAD_BUNDLE; it names `where`, the layer, and what does not hold.
    """
    header = read_header(data, where)
    table = np.frombuffer(data, records.LAYER, int(header["layer_count"]), int(header["layer_offset"]))
    source = Shape(*(int(side) for side in header["input"]))
    ops: list[Op] = []
    layers: list[LayerPlan] = []
    for index, record in enumerate(table):
        here = f"{where}: layer {index} {text(record['name'])!r}"
        with blaming(here):
            plan = read_layer(record, data)
            if plan.source != source or (layers and plan.in_arena != layers[-1].out_arena):
                raise ValueError("its input is not the output of the layer before it")
            _check_regions(plan, header)
        layers.append(plan)
        ops.append(plan.op)
        if plan.threshold is not None:
            ops.append(plan.threshold)
        if plan.output is not None:
            ops.append(plan.output)
        source = plan.result
    graph = Graph(text(header["name"]), Shape(*(int(side) for side in header["input"])), tuple(ops))
    with blaming(where):
        _check_results(graph, layers)
        _check_tables(layers, header)
        if int(header["class_count"]) != layers[-1].result.channels:
            raise ValueError(
                f"{header['class_count']} classes, the last layer has {layers[-1].result.channels}"
            )
    compiled = CompiledGraph(
        graph=graph,
        target_name=text(header["target"]),
        layers=tuple(layers),
        arena_bytes=int(header["arena_bytes"]),
        tables_arena=int(header["tables_arena"]),
        tables_bytes=int(header["tables_bytes"]),
    )
    return Bundle(compiled, _golden(data, header))


def _check_results(graph: Graph, layers: list[LayerPlan]) -> None:
    """The graph is one that the compiler would take, and its shapes are those of the records."""
    infos = iter(validate(graph))
    for plan in layers:
        info = next(infos)
        if plan.threshold is not None or plan.output is not None:
            info = next(infos)
        if info.shape != plan.result:
            raise ValueError(f"layer {plan.op.name!r} says its output is {plan.result}, it is {info.shape}")


def _check_regions(plan: LayerPlan, header: Any) -> None:
    """Input, output, scratch and the tables lie in the arena, apart from each other."""
    limit = int(header["arena_bytes"]) - ARENA_SLACK
    regions = [
        ("input", plan.in_arena, 0 if isinstance(plan.op, StemConv) else tensor_bytes(plan.source)),
        ("output", plan.out_arena, output_bytes(plan)),
        ("scratch", plan.scratch_arena, plan.scratch_bytes),
        ("tables", int(header["tables_arena"]), int(header["tables_bytes"])),
    ]
    used = [(name, begin, begin + size) for name, begin, size in regions if size]
    for name, begin, end in used:
        if begin % ARENA_ALIGN or end > limit:
            raise ValueError(f"its {name} region leaves the arena or is not aligned to {ARENA_ALIGN}")
    for (one, begin, end), (other, other_begin, other_end) in combinations(used, 2):
        if begin < other_end and other_begin < end:
            raise ValueError(f"its {one} and {other} regions overlap")


def _check_tables(layers: list[LayerPlan], header: Any) -> None:
    """Expanded tables follow each other inside their region."""
    end = int(header["tables_arena"])
    for plan in layers:
        if plan.tables_bytes == 0:
            continue
        if plan.tables_arena % ARENA_ALIGN or plan.tables_arena < end:
            raise ValueError(f"the table of layer {plan.op.name!r} overlaps another")
        end = plan.tables_arena + plan.tables_bytes
    if end > int(header["tables_arena"]) + int(header["tables_bytes"]):
        raise ValueError("the tap tables leave their region")


def _golden(data: bytes, header: Any) -> tuple[GoldenRecord, ...]:
    channels, height, width = (int(side) for side in header["input"])
    layers, values = int(header["layer_count"]), output_count(header, data)
    at = int(header["golden_offset"])
    golden: list[GoldenRecord] = []
    for _ in range(int(header["golden_count"])):
        image: NDArray[np.uint8] = np.frombuffer(data, np.uint8, channels * height * width, at)
        crcs = np.frombuffer(data, "<u4", layers, at + image.size)
        logits = np.frombuffer(data, "<f4", values, at + image.size + 4 * layers)
        golden.append(
            GoldenRecord(
                image.reshape(height, width, channels),
                tuple(int(crc) for crc in crcs),
                logits.astype(np.float32),
            )
        )
        at += golden_bytes(header, values)
    return tuple(golden)
