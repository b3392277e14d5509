"""How a compiled network is laid out for a core without an operating system.

plan = plan_firmware(read_bundle(data), Tables.FLASH, word_bytes=4)
plan.compiled.arena_bytes, plan.table_bytes     # RAM; bytes of each layer's expanded table
plan_firmware(read_bundle(data), Tables.FLASH, given=Input.ROWS).rows     # what is kept of an image's rows

Words have 4 bytes there, or 16 with MVE, so planes are aligned to 8 or 16 bytes in place of 32, and tables
are as long as that word needs them. There is no cache that strips have to fit: they are as low as they may
be, where that makes the arena smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle import Bundle, write_bundle
from spanbit.export.rows import STATE_BYTES, RowsPlan, bands, merge_front, row_layers, split_front
from spanbit.graph import BinaryConv
from spanbit.passes import plan_memory
from spanbit.passes.compiled import CompiledGraph, LayerPlan
from spanbit.passes.layout import (
    round_up,
    strip_rows,
    tree_loading_bytes,
    tree_running_bytes,
)
from spanbit.passes.tables import steps_bytes

ARENA_ALIGN = 8
_TABLE_ALIGN = 64
_PLANE_ALIGN_MIN = 8
_STRIPS = (0, 1 << 14)  # bytes that the copies of a strip may take: as few as possible, or as on a board


class Tables(Enum):
    """Where the trees' tables are: flash against RAM against speed."""

    FLASH = "flash"  # expanded, executed in place
    EXPANDED = "expanded"  # encoded in flash; expanded into RAM once
    ENCODED = "encoded"  # encoded in flash; each is expanded into RAM whenever its layer runs


class Input(Enum):
    """How the image comes."""

    IMAGE = "image"  # whole, in memory of the caller's
    ROWS = "rows"  # row by row; a few are kept


@dataclass(frozen=True, eq=False)
class FirmwarePlan:
    """A network with its places in the arena."""

    compiled: CompiledGraph
    tables: Tables
    word_bytes: int  # of the tree kernel: 4, or 16 with MVE
    table_bytes: tuple[int, ...]  # of each layer; 0 where it is no tree
    table_at: tuple[int, ...]  # in the arena, unless the tables are in flash
    rows: RowsPlan | None  # None: the image comes whole
    bundle: bytes  # the same layers as a bundle without golden records, for what a bundle's bytes are

    @property
    def plane_align(self) -> int:
        """Bytes that planes take a multiple of."""
        return plane_align(self.word_bytes)

    @property
    def given(self) -> Input:
        """How the image comes."""
        return Input.IMAGE if self.rows is None else Input.ROWS

    @property
    def image_bytes(self) -> int:
        """RAM of the caller's in which the whole image is, or one row of it."""
        sides = self.compiled.graph.input
        return sides.channels * sides.width * (sides.height if self.rows is None else 1)


def plane_align(word_bytes: int) -> int:
    """Bytes that planes take a multiple of, for one size of word."""
    return max(_PLANE_ALIGN_MIN, word_bytes)


def plan_firmware(
    bundle: Bundle, tables: Tables, word_bytes: int = 4, *, given: Input = Input.IMAGE
) -> FirmwarePlan:
    """The layout of least RAM; of two that take the same, of higher strips and bands: it is faster."""
    layers = bundle.compiled.layers
    front = row_layers(layers) if given is Input.ROWS else 0
    heights = bands(layers, front) if front else [0]
    plans = [
        (copies, _plan(bundle.compiled, tables, word_bytes, copies, front, band))
        for copies in _STRIPS
        for band in heights
    ]
    copies, least = min(reversed(plans), key=lambda plan: plan[1].compiled.arena_bytes)
    return replace(least, bundle=_as_bundle(bundle.compiled, word_bytes, copies))


def _plan(
    compiled: CompiledGraph, tables: Tables, word_bytes: int, copies: int, front: int, band_rows: int
) -> FirmwarePlan:
    """Without its bundle."""
    layers, sizes, behind = [], [], []
    for layer in compiled.layers:
        planned, size, table_at = _layer(layer, tables, word_bytes, copies)
        layers.append(planned)
        sizes.append(size)
        behind.append(table_at)
    rows, align = None, plane_align(word_bytes)
    merged = merge_front(layers, front, band_rows, align) if front else layers
    placed, tables_bytes, arena_bytes = plan_memory(merged, align)
    if front:
        placed, rows = split_front(layers, front, placed, band_rows, align, arena_bytes)
        arena_bytes += STATE_BYTES
    at = [
        layer.scratch_arena + offset if tables is Tables.ENCODED else layer.tables_arena
        for layer, offset in zip(placed, behind, strict=True)
    ]
    firmware = replace(compiled, layers=placed, arena_bytes=arena_bytes, tables_bytes=tables_bytes)
    return FirmwarePlan(firmware, tables, word_bytes, tuple(sizes), tuple(at), rows, b"")


def _layer(layer: LayerPlan, tables: Tables, word_bytes: int, copies: int) -> tuple[LayerPlan, int, int]:
    """The layer with its amounts of memory; bytes of its table, and where that begins in its scratch."""
    op, nodes = layer.op, layer.nodes
    if nodes is None:
        return layer, 0, 0
    assert isinstance(op, BinaryConv) and op.tree is not None
    source, result, sums = layer.source, layer.result, layer.threshold is None
    rows, slots = strip_rows(op, source, result, copies), op.tree.slot_count
    table = steps_bytes(op, source, result, nodes.planes, sums, rows, word_bytes)
    align = plane_align(word_bytes)
    scratch = tree_running_bytes(op, source, result, slots, nodes.planes, sums, rows, align)
    if tables is not Tables.FLASH:
        scratch = max(scratch, tree_loading_bytes(op, slots, sums))
    held = round_up(table, _TABLE_ALIGN)
    behind = round_up(scratch, _TABLE_ALIGN)
    planned = replace(
        layer,
        strip_rows=rows,
        scratch_bytes=behind + held if tables is Tables.ENCODED else scratch,
        tables_bytes=held if tables is Tables.EXPANDED else 0,
    )
    return planned, table, behind


def _as_bundle(compiled: CompiledGraph, word_bytes: int, copies: int) -> bytes:
    """A bundle that any machine runs, of the same strips."""
    layers = []
    for layer in compiled.layers:
        op, nodes = layer.op, layer.nodes
        if nodes is not None:
            assert isinstance(op, BinaryConv) and op.tree is not None
            shape = (op, layer.source, layer.result)
            sums, rows = layer.threshold is None, strip_rows(*shape, copies)
            running = tree_running_bytes(*shape, op.tree.slot_count, nodes.planes, sums, rows)
            loading = tree_loading_bytes(op, op.tree.slot_count, sums)
            table = steps_bytes(*shape, nodes.planes, sums, rows, word_bytes)
            layers.append(
                replace(
                    layer,
                    strip_rows=rows,
                    scratch_bytes=max(running, loading),
                    tables_bytes=round_up(table, _TABLE_ALIGN),
                )
            )
        else:
            layers.append(layer)
    placed, tables_bytes, arena_bytes = plan_memory(layers)
    whole = replace(compiled, layers=placed, arena_bytes=arena_bytes, tables_bytes=tables_bytes)
    sides = compiled.graph.input
    return write_bundle(whole, _no_images(sides.height, sides.width, sides.channels))


def _no_images(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    return np.empty((0, height, width, channels), np.uint8)
