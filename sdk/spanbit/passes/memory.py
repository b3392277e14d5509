"""Where each tensor and each scratch region lies in the arena.

Tables of the trees come first and stay. Everything else is alive for one layer (scratch) or two (a tensor:
written by one, read by the next). Regions are placed one after the other, each at the lowest place where no
region that is alive at the same time is in the way: from the largest to the smallest (Pisarchyk and Lee,
"Efficient Memory Management for Deep Neural Net Inference", 2020: greedy by size), and, where that leaves a
gap, in some random orders, of which the best counts. The same network always gets the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from spanbit.graph.ops import Head, OutputKind
from spanbit.passes.compiled import LayerPlan
from spanbit.passes.layout import ARENA_ALIGN, ARENA_SLACK, round_up, tensor_bytes

_TRIES = 200


@dataclass
class _Region:
    bytes: int
    first: int  # layers, both included
    last: int
    begin: int = 0


def plan_memory(layers: Sequence[LayerPlan]) -> tuple[tuple[LayerPlan, ...], int, int]:
    """The layers with all places filled in, bytes of the tables region (at 0), bytes of the arena.

    `scratch_bytes` and `tables_bytes` must be set; places are overwritten.
    """
    tables = 0
    outputs: list[_Region] = []
    scratches: list[_Region] = []
    tables_at: list[int] = []
    for index, layer in enumerate(layers):
        tables_at.append(tables if layer.tables_bytes else 0)
        tables += layer.tables_bytes
        outputs.append(_Region(output_bytes(layer), index, min(index + 1, len(layers) - 1)))
        scratches.append(_Region(layer.scratch_bytes, index, index))
    end = _place([*outputs, *scratches], tables)
    placed = tuple(
        replace(
            layer,
            in_arena=outputs[index - 1].begin if index else 0,
            out_arena=outputs[index].begin,
            scratch_arena=scratches[index].begin,
            tables_arena=tables_at[index],
        )
        for index, layer in enumerate(layers)
    )
    return placed, tables, round_up(end, ARENA_ALIGN) + ARENA_SLACK


def output_bytes(layer: LayerPlan) -> int:
    """Bytes of a layer's output tensor: planes, or sums."""
    if layer.output is not None:
        shape, each = layer.result, 2 if layer.output.kind is OutputKind.INT16 else 4
        return each * shape.channels * shape.height * shape.width
    if isinstance(layer.op, Head):
        return 4 * layer.result.channels
    return tensor_bytes(layer.result)


def _place(regions: list[_Region], bottom: int) -> int:
    """Sets every region's `begin`; gives the end of the highest."""
    by_size = sorted((region for region in regions if region.bytes), key=lambda r: (-r.bytes, r.first))
    last = max((region.last for region in by_size), default=-1)
    least = max((_alive_bytes(by_size, layer) for layer in range(last + 1)), default=0)
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


def _alive_bytes(regions: list[_Region], layer: int) -> int:
    sizes = [round_up(r.bytes, ARENA_ALIGN) for r in regions if r.first <= layer <= r.last]
    return sum(sizes)


def _place_in_order(regions: list[_Region], bottom: int) -> int:
    done: list[_Region] = []
    for region in regions:
        alive = [r for r in done if r.first <= region.last and region.first <= r.last]
        region.begin = bottom
        for other in sorted(alive, key=lambda r: r.begin):
            if other.begin >= region.begin + region.bytes:
                break
            region.begin = max(region.begin, round_up(other.begin + other.bytes, ARENA_ALIGN))
        done.append(region)
    return max((r.begin + r.bytes for r in done), default=bottom)
