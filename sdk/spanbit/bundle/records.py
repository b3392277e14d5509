"""The fixed-size records of the format as numpy types: one definition for writer and reader."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

MAGIC = b"SPNB"
VERSION_MAJOR = 1
VERSION_MINOR = 0
BLOB_ALIGN = 16
CRC_BEGIN = 16  # bytes before it: magic, version, size and the checksum itself
NAME_BYTES = 32
TARGET_BYTES = 16
ZERO_SLOT = 255
FLAG_PADDING = 3  # two bits: graph.Padding
FLAG_BINARY = 4
FLAG_OUTPUT = 24  # two bits: graph.OutputKind
OUTPUT_SHIFT = 3
FLAG_REAL = 32
NO_LAYER = 0xFFFF  # in the place of a layer's index: the image, or no second input


class OpCode(IntEnum):
    """Layer kinds of the bundle."""

    STEM = 1
    TREE = 2
    DENSE = 3
    POOL = 4
    HEAD = 5
    SIGN = 6
    PRELU = 7
    AVG_POOL = 8
    REAL_CONV = 9
    REAL_HEAD = 10
    CONCAT = 11
    ADD = 12


HEADER = np.dtype(
    [
        ("magic", "S4"),
        ("major", "<u2"),
        ("minor", "<u2"),
        ("file_bytes", "<u4"),
        ("crc", "<u4"),
        ("arena_bytes", "<u4"),
        ("layer_count", "<u2"),
        ("class_count", "<u2"),
        ("input", "<u2", 3),
        ("golden_count", "<u2"),
        ("layer_offset", "<u4"),
        ("golden_offset", "<u4"),
        ("tables_bytes", "<u4"),
        ("tables_arena", "<u4"),
        ("name", f"S{NAME_BYTES}"),
        ("target", f"S{TARGET_BYTES}"),
    ]
)

LAYER = np.dtype(
    [
        ("op", "u1"),
        ("flags", "u1"),
        ("kernel_h", "u1"),
        ("kernel_w", "u1"),
        ("stride", "u1"),
        ("padding", "u1"),
        ("source", "<u2", 3),
        ("result", "<u2", 3),
        ("slot_count", "<u2"),
        ("in_arena", "<u4"),
        ("out_arena", "<u4"),
        ("scratch_arena", "<u4"),
        ("scratch_bytes", "<u4"),
        ("weight_offset", "<u4"),
        ("weight_bytes", "<u4"),
        ("threshold_offset", "<u4"),
        ("tree_offset", "<u4"),
        ("tables_arena", "<u4"),
        ("tap_count", "<u4"),
        ("planes", "u1"),
        ("fraction", "u1"),
        ("strip_rows", "<u2"),
        ("name", f"S{NAME_BYTES}"),
        ("first", "<u2"),
        ("second", "<u2"),
        ("second_arena", "<u4"),
        ("scale_offset", "<u4"),
        ("reserved", "V20"),
    ]
)

NODE = np.dtype(
    [
        ("channel", "<u2"),
        ("distance", "<u2"),
        ("source_slot", "u1"),
        ("slot", "u1"),
        ("compare", "u1"),
        ("negated", "u1"),
        ("value", "<i4"),
        ("reserved", "<u4"),
    ]
)

assert (HEADER.itemsize, LAYER.itemsize, NODE.itemsize) == (96, 128, 16)
