"""An image that comes row by row: which layers take its rows, and what they keep of them.

front = row_layers(layers)                          # 1: the stem; 2: and the max-pool behind it
merged = merge_front(layers, front, band_rows=2, align=8)
placed, tables_bytes, arena_bytes = plan_memory(merged, 8)
layers, rows = split_front(layers, front, placed, band_rows=2, align=8, state=arena_bytes)

For the plan of the arena these layers are one, whose output is that of the last of them and whose scratch is
a strip of the image with what a band of rows needs (runtime_c/src/kernels/stem_rows.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from spanbit.graph import Kind, MaxPool, Shape, StemConv
from spanbit.passes.compiled import LayerPlan
from spanbit.passes.layout import ARENA_SLACK, kernel_sides, round_up, stem_scratch_bytes, tensor_bytes

STATE_BYTES = 16
"""Of spb_rows_state."""
_BANDS = (1, 2, 4, 8, 16)
_ALIGN = 64


@dataclass(frozen=True)
class RowsPlan:
    """Places in the arena of what spb_rows has (stem_rows.h)."""

    layers: int
    band_rows: int
    strip: int
    scratch: int
    band: int
    pooled: int
    state: int


def row_layers(layers: Sequence[LayerPlan]) -> int:
    """How many of the first layers take rows: the stem, which alone reads the image, and a pool behind it."""
    behind = [index for index, layer in enumerate(layers) if 0 in layer.sources]
    return 2 if behind == [1] and isinstance(layers[1].op, MaxPool) else 1


def bands(layers: Sequence[LayerPlan], front: int) -> list[int]:
    """Rows of the stem's output that may be calculated at a time: more are faster, and a pool takes one."""
    height = layers[0].result.height
    return [1] if front > 1 else [rows for rows in _BANDS if rows == 1 or rows <= height]


def merge_front(layers: Sequence[LayerPlan], front: int, band_rows: int, align: int) -> list[LayerPlan]:
    """The layers for `plan_memory`, the first `front` as one."""
    last = layers[front - 1]
    scratch = sum(_parts(layers, front, band_rows, align))
    first = replace(layers[0], result=last.result, kind=last.kind, scratch_bytes=scratch)
    rest = [
        replace(layer, sources=tuple(max(0, source - front + 1) for source in layer.sources))
        for layer in layers[front:]
    ]
    return [first, *rest]


def split_front(
    layers: Sequence[LayerPlan],
    front: int,
    placed: Sequence[LayerPlan],
    band_rows: int,
    align: int,
    state: int,
) -> tuple[tuple[LayerPlan, ...], RowsPlan]:
    """All layers with the places of the merged ones. `state` is where spb_rows_state may lie."""
    first = placed[0]
    begins = [
        first.scratch_arena + at for at in accumulate(_parts(layers, front, band_rows, align), initial=0)
    ]
    strip, scratch, band, pooled = begins[:4]
    rows = RowsPlan(front, band_rows, strip, scratch, band, pooled, state)
    stem = replace(
        layers[0],
        scratch_arena=first.scratch_arena,
        scratch_bytes=first.scratch_bytes,
        out_arena=band if front > 1 else first.out_arena,
    )
    pool = [replace(layer, in_arena=band, out_arena=first.out_arena) for layer in layers[1:front]]
    rest = [
        replace(place, sources=layer.sources) for place, layer in zip(placed[1:], layers[front:], strict=True)
    ]
    return (stem, *pool, *rest), rows


def _parts(layers: Sequence[LayerPlan], front: int, band_rows: int, align: int) -> tuple[int, int, int, int]:
    """Bytes of the strip, the kernel's scratch, the band, the pooled row."""
    stem = layers[0]
    op, source, result = stem.op, stem.source, stem.result
    assert isinstance(op, StemConv)
    kernel_h, kernel_w = kernel_sides(op)
    width = max(source.width + 2 * op.padding, (result.width - 1) * op.stride + kernel_w)
    strip = Shape(source.channels, (band_rows - 1) * op.stride + kernel_h, width)
    band = Shape(result.channels, band_rows, result.width)
    pooled = 0
    if front > 1:
        made = layers[1].result
        pooled = _held(Shape(made.channels, 1, made.width), stem.kind, align)
    return (
        round_up(strip.channels * strip.height * strip.width, _ALIGN),
        round_up(stem_scratch_bytes(replace(op, padding=0), strip, band), _ALIGN),
        _held(band, stem.kind, align),
        pooled,
    )


def _held(shape: Shape, kind: Kind, align: int) -> int:
    """Of bits or of reals, and what vectors may read behind them."""
    numbers = 2 * shape.channels * shape.height * shape.width
    return round_up(numbers if kind is Kind.REAL else tensor_bytes(shape, align), _ALIGN) + ARENA_SLACK
