"""Where each tensor and each scratch region lies in the arena.

Tables of the trees come first and stay. Everything else is alive for one layer (scratch) or from the layer
that writes it to the last that reads it (a tensor). Where a layer reads a tensor for the last time and may
write over it, its output takes that very place. Regions are placed one after the other, each at the lowest
place where no region that is alive at the same time is in the way: from the largest to the smallest
(Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020: greedy by size), and,
where that leaves a gap, in some random orders, of which the best counts. The same network always gets the
same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from spanbit.graph.ops import IMAGE, Add, Kind, PRelu
from spanbit.passes.compiled import LayerPlan
from spanbit.passes.layout import ARENA_ALIGN, ARENA_SLACK, PLANE_ALIGN, round_up, tensor_bytes

_TRIES = 200


@dataclass
class Region:
    """Bytes of the arena that layers need at one place; a tensor's is named by the layer that makes it."""

    name: str
    bytes: int
    first: int  # layers, both included
    last: int
    begin: int = 0
    scratch: bool = False


def plan_memory(
    layers: Sequence[LayerPlan], plane_align: int = PLANE_ALIGN
) -> tuple[tuple[LayerPlan, ...], int, int]:
    """The layers with all places filled in, bytes of the tables region (at 0), bytes of the arena.

    `scratch_bytes` and `tables_bytes` must be set; places are overwritten.
    """
    tables = 0
    tables_at: list[int] = []
    for layer in layers:
        tables_at.append(tables if layer.tables_bytes else 0)
        tables += layer.tables_bytes
    outputs = _outputs(layers, plane_align)
    scratches = _scratches(layers)
    end = _place([*_each_once(outputs), *scratches], tables)
    begins = {IMAGE: 0, **{index: region.begin for index, region in enumerate(outputs)}}
    placed = tuple(
        replace(
            layer,
            in_arena=begins[layer.sources[0]],
            second_arena=begins[layer.sources[1]] if len(layer.sources) > 1 else 0,
            out_arena=begins[index],
            scratch_arena=scratches[index].begin,
            tables_arena=tables_at[index],
        )
        for index, layer in enumerate(layers)
    )
    return placed, tables, round_up(end, ARENA_ALIGN) + ARENA_SLACK


def regions(layers: Sequence[LayerPlan]) -> list[Region]:
    """What layers that have their places keep in the arena, tap tables left out, from the first layer on."""
    outputs, scratches = _outputs(layers), _scratches(layers)
    for layer, output, scratch in zip(layers, outputs, scratches, strict=True):
        output.begin, scratch.begin = layer.out_arena, layer.scratch_arena
    kept = [region for region in (*_each_once(outputs), *scratches) if region.bytes]
    return sorted(kept, key=lambda region: (region.first, region.begin))


def least_bytes(kept: Sequence[Region]) -> int:
    """A bound that no placement goes below: the most bytes that are needed at the same time."""
    last = max((region.last for region in kept), default=-1)
    return max((_alive_bytes(kept, layer) for layer in range(last + 1)), default=0)


def _scratches(layers: Sequence[LayerPlan]) -> list[Region]:
    return [
        Region(layer.op.name, layer.scratch_bytes, index, index, scratch=True)
        for index, layer in enumerate(layers)
    ]


def _each_once(outputs: Sequence[Region]) -> list[Region]:
    return list({id(region): region for region in outputs}.values())


def _outputs(layers: Sequence[LayerPlan], plane_align: int = PLANE_ALIGN) -> list[Region]:
    """The region of each layer's output; several have one, where a layer writes over its input."""
    last = list(range(len(layers)))
    for index, layer in enumerate(layers):
        for source in layer.sources:
            if source != IMAGE:
                last[source] = index
    outputs: list[Region] = []
    for index, layer in enumerate(layers):
        over = next((source for source in overwritable(layer) if last[source] == index), None)
        if over is None:
            outputs.append(Region(layer.op.name, output_bytes(layer, plane_align), index, last[index]))
        else:
            outputs.append(outputs[over])
            outputs[over].last = last[index]
    return outputs


def overwritable(layer: LayerPlan) -> tuple[int, ...]:
    """Inputs, by their layers, in whose very place the output may lie: equally large, read before written."""
    if isinstance(layer.op, PRelu | Add):
        return layer.sources
    return layer.sources[1:] if layer.add is not None else ()


def output_bytes(layer: LayerPlan, plane_align: int = PLANE_ALIGN) -> int:
    """Bytes of a layer's output tensor: planes, numbers, sums; a head's sums."""
    shape = layer.result
    if layer.kind is Kind.BITS:
        return tensor_bytes(shape, plane_align)
    each = 2 if layer.kind in (Kind.REAL, Kind.INT16) else 4
    return each * shape.channels * shape.height * shape.width


def _place(kept: list[Region], bottom: int) -> int:
    """Sets every region's `begin`; gives the end of the highest."""
    by_size = sorted((region for region in kept if region.bytes), key=lambda r: (-r.bytes, r.first))
    least = least_bytes(by_size)
    best, random = list(by_size), Random(0)
    end = _place_in_order(by_size, bottom)
    for _ in range(_TRIES):
        if end <= bottom + least:
            break
        order = random.sample(by_size, len(by_size))
        tried = _place_in_order(order, bottom)
        if tried < end:
            best, end = order, tried
    return _place_in_order(best, bottom)


def _alive_bytes(kept: Sequence[Region], layer: int) -> int:
    sizes = [round_up(r.bytes, ARENA_ALIGN) for r in kept if r.first <= layer <= r.last]
    return sum(sizes)


def _place_in_order(kept: list[Region], bottom: int) -> int:
    done: list[Region] = []
    for region in kept:
        alive = [r for r in done if r.first <= region.last and region.first <= r.last]
        region.begin = bottom
        for other in sorted(alive, key=lambda r: r.begin):
            if other.begin >= region.begin + region.bytes:
                break
            region.begin = max(region.begin, round_up(other.begin + other.bytes, ARENA_ALIGN))
        done.append(region)
    return max((r.begin + r.bytes for r in done), default=bottom)
