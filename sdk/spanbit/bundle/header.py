"""The head of a bundle: magic, version, size, checksum, ranges. What fails here is no bundle at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spanbit.bundle import records
from spanbit.errors import ExitCode, SpanbitError
from spanbit.passes.layout import ARENA_ALIGN

_LAYERS_MAX, _CLASSES_MAX, _SIDE_MAX = 256, 4096, 1024


@contextmanager
def blaming(where: str) -> Iterator[None]:
    """What goes wrong inside is said of `where`."""
    try:
        yield
    except SpanbitError as error:
        raise bad(where, error.what) from error
    except ValueError as error:
        raise bad(where, str(error)) from error


def bad(where: str, why: str) -> SpanbitError:
    """The error of every bundle that cannot be trusted."""
    return SpanbitError(
        "not a good bundle",
        where=where,
        why=why,
        fix="copy it again, or compile it again with `spanbit compile`",
        code=ExitCode.BAD_BUNDLE,
    )


def text(field: bytes) -> str:
    """A name field; bytes that are no UTF-8 are shown as such."""
    return bytes(field).decode(errors="replace")


def read_header(data: bytes, where: str) -> Any:
    """The header record of a whole, unaltered file; SpanbitError otherwise."""
    if data[:4] != records.MAGIC[: len(data[:4])] or len(data) < 6:
        raise bad(where, "it does not begin with SPNB" if len(data) >= 4 else f"it has {len(data)} bytes")
    major = int.from_bytes(data[4:6], "little")
    if major != records.VERSION_MAJOR:
        raise SpanbitError(
            f"a bundle of format version {major}",
            where=where,
            why=f"this spanbit reads version {records.VERSION_MAJOR}",
            fix="update spanbit, or compile the network again with this one",
            code=ExitCode.BAD_BUNDLE,
        )
    if len(data) < records.HEADER.itemsize:
        raise bad(where, f"it has {len(data)} bytes, the header alone {records.HEADER.itemsize}")
    header = np.frombuffer(data, records.HEADER, 1)[0]
    file_bytes = int(header["file_bytes"])
    if len(data) != file_bytes:
        cut = "truncated" if len(data) < file_bytes else "longer than it says"
        raise bad(where, f"it is {cut}: {len(data)} bytes, its header says {file_bytes}")
    if zlib.crc32(data[records.CRC_BEGIN :]) != int(header["crc"]):
        raise bad(where, "its checksum does not fit: the file was altered")
    with blaming(where):
        _check_header(header, data)
    return header


def _check_header(header: Any, data: bytes) -> None:
    layer_count, classes = int(header["layer_count"]), int(header["class_count"])
    channels, height, width = (int(side) for side in header["input"])
    if not (1 <= layer_count <= _LAYERS_MAX and 1 <= classes <= _CLASSES_MAX):
        raise ValueError(f"{layer_count} layers and {classes} classes")
    if not (1 <= channels <= 4 and 1 <= height <= _SIDE_MAX and 1 <= width <= _SIDE_MAX):
        raise ValueError(f"an input image of {channels}x{height}x{width}")
    if header["arena_bytes"] % ARENA_ALIGN or header["tables_arena"] % ARENA_ALIGN:
        raise ValueError("the arena is not aligned to 64")
    layer_offset, golden_offset = int(header["layer_offset"]), int(header["golden_offset"])
    if layer_offset % records.BLOB_ALIGN or golden_offset % records.BLOB_ALIGN:
        raise ValueError("the layer table or the golden records are not aligned to 16")
    layers_end = layer_offset + layer_count * records.LAYER.itemsize
    if layer_offset < records.HEADER.itemsize or layers_end > int(header["file_bytes"]):
        raise ValueError("the layer table leaves the file")
    record = golden_bytes(header, output_count(header, data))
    if golden_offset + int(header["golden_count"]) * record > int(header["file_bytes"]):
        raise ValueError("the golden records leave the file")


def output_count(header: Any, data: bytes) -> int:
    """Numbers that the network delivers: class_count times the pixels of the last layer's output."""
    last = int(header["layer_offset"]) + (int(header["layer_count"]) - 1) * records.LAYER.itemsize
    _, height, width = (int(side) for side in np.frombuffer(data, records.LAYER, 1, last)[0]["result"])
    return int(header["class_count"]) * height * width


def golden_bytes(header: Any, outputs: int) -> int:
    """Bytes of one golden record."""
    channels, height, width = (int(side) for side in header["input"])
    return channels * height * width + 4 * int(header["layer_count"]) + 4 * outputs
