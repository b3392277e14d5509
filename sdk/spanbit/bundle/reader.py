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
from spanbit.graph import IMAGE, Add, Builder, Concat, Graph, Shape, TensorInfo, layers_of, validate
from spanbit.passes.compiled import CompiledGraph, LayerPlan
from spanbit.passes.layout import ARENA_ALIGN, ARENA_SLACK
from spanbit.passes.memory import output_bytes, overwritable


def read_bundle(data: bytes, where: str = "bundle") -> Bundle:
    """What the file holds.

    Raises:
        SpanbitError: BAD_BUNDLE; it names `where`, the layer, and what does not hold.
    """
    header = read_header(data, where)
    table = np.frombuffer(data, records.LAYER, int(header["layer_count"]), int(header["layer_offset"]))
    layers: list[LayerPlan] = []
    for index, record in enumerate(table):
        here = f"{where}: layer {index} {text(record['name'])!r}"
        with blaming(here):
            plan = read_layer(record, data)
            _check_inputs(plan, layers)
            _check_regions(plan, layers, header)
        layers.append(plan)
    graph = _graph(header, layers)
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


def _graph(header: Any, layers: list[LayerPlan]) -> Graph:
    """The operators of all layers, and their wires."""
    net = Builder()
    delivers = {IMAGE: IMAGE}  # layer: position of the operator whose output is its
    for index, plan in enumerate(layers):
        first, *others = (delivers[source] for source in plan.sources)
        whole = [plan.op, *(end for end in (plan.threshold, plan.requantize, plan.output, plan.add) if end)]
        for op in whole:
            joins = op is plan.add or len(whole) == 1
            first = net.put(op, first, *(others if joins else ()))
        delivers[index] = first
    sides = Shape(*(int(side) for side in header["input"]))
    return net.graph(text(header["name"]), sides)


def _check_inputs(plan: LayerPlan, before: list[LayerPlan]) -> None:
    """Inputs are outputs of layers before this one, where these have put them."""
    arenas = (plan.in_arena, plan.second_arena)
    if (len(plan.sources) > 1) != (plan.add is not None or isinstance(plan.op, Add | Concat)):
        raise ValueError(f"it takes {len(plan.sources)} inputs")
    if len(plan.sources) < 2 and plan.second_arena:
        raise ValueError("a place of a second input, and no second input")
    for source, arena in zip(plan.sources, arenas, strict=False):
        if (source == IMAGE) != (not before) or source >= len(before):
            raise ValueError(f"it takes the output of layer {source}, which is not before it")
        if source != IMAGE and before[source].out_arena != arena:
            raise ValueError(f"its input is not where layer {source} puts its output")
    if before and before[plan.sources[0]].result != plan.source:
        raise ValueError("its input has another shape than what it takes")


def _check_results(graph: Graph, layers: list[LayerPlan]) -> None:
    """The graph is one that the compiler would take, and its shapes are those of the records."""
    infos = validate(graph)
    groups = layers_of(graph)
    if len(groups) != len(layers):
        raise ValueError(f"{len(layers)} layers, of which the compiler would make {len(groups)}")
    for plan, group in zip(layers, groups, strict=True):
        if infos[group[-1]] != TensorInfo(plan.kind, plan.result):
            made = infos[group[-1]]
            raise ValueError(
                f"layer {plan.op.name!r} says its output is {plan.kind.value} {plan.result}, "
                f"it is {made.kind.value} {made.shape}"
            )


def _check_regions(plan: LayerPlan, before: list[LayerPlan], header: Any) -> None:
    """Inputs, output, scratch and the tables lie in the arena, apart from each other.

    What a layer writes stays until the last layer has read it.
    """
    limit = int(header["arena_bytes"]) - ARENA_SLACK
    inputs = [source for source in plan.sources if source != IMAGE]
    regions = [
        ("output", plan.out_arena, output_bytes(plan)),
        ("scratch", plan.scratch_arena, plan.scratch_bytes),
        ("tables", int(header["tables_arena"]), int(header["tables_bytes"])),
    ]
    for name, source in zip(("input", "second input"), inputs, strict=False):
        if source in overwritable(plan) and before[source].out_arena == plan.out_arena:
            continue  # the output lies in its very place
        regions.append((name, before[source].out_arena, output_bytes(before[source])))
    used = [(name, begin, begin + size) for name, begin, size in regions if size]
    for name, begin, end in used:
        if begin % ARENA_ALIGN or end > limit:
            raise ValueError(f"its {name} region leaves the arena or is not aligned to {ARENA_ALIGN}")
    for (one, begin, end), (other, other_begin, other_end) in combinations(used, 2):
        same = (begin, end) == (other_begin, other_end) and {one, other} == {"input", "second input"}
        if begin < other_end and other_begin < end and not same:
            raise ValueError(f"its {one} and {other} regions overlap")
    for source in inputs:
        begin, end = before[source].out_arena, before[source].out_arena + output_bytes(before[source])
        for between in before[source + 1 :]:
            written = (
                (between.out_arena, output_bytes(between)),
                (between.scratch_arena, between.scratch_bytes),
            )
            if any(size and at < end and begin < at + size for at, size in written):
                raise ValueError(f"layer {between.op.name!r} writes over what it takes")


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
