"""CIFAR-10 held as one file of JPEG records: unpacked into the folders that `--data image-folder` reads.

    python bench/cifar_records.py records.jpegs cifar    # cifar/train/CLASS/*.jpg, cifar/val/CLASS/*.jpg

The file, little-endian: the magic "CJPG", u32 count; then each record: u8 label, u32 length, a JPEG. Its last
5,000 records become `val`. The JPEGs are copied as they are. Whoever has CIFAR-10 as published needs none of
this.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from spanbit.cli.failure import guard
from spanbit.cli.files import read_file
from spanbit.errors import SpanbitError
from spanbit.nn.data.cifar import CLASSES

MAGIC, HELD_BACK = b"CJPG", 5_000
_HEAD, _RECORD = struct.Struct("<4sI"), struct.Struct("<BI")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: python bench/cifar_records.py RECORDS FOLDER")
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    print("written: {} for training, {} to judge".format(*unpack(source, folder)))


def unpack(source: Path, folder: Path, held_back: int = HELD_BACK) -> tuple[int, int]:
    """Writes the images below `folder`; how many are for training, and how many are held back.

    Raises:
        SpanbitError: the file is no such file, is cut off, or too short.
    """
    found = list(records(read_file(source), str(source)))
    if len(found) <= held_back:
        raise _damaged(str(source), f"{len(found)} records, {held_back} of them are to be held back")
    rest = len(found) - held_back
    for place, (label, image) in enumerate(found):
        part = folder / ("train" if place < rest else "val") / CLASSES[label]
        part.mkdir(parents=True, exist_ok=True)
        (part / f"{place:05d}.jpg").write_bytes(image)
    return rest, held_back


def records(data: bytes, where: str) -> Iterator[tuple[int, bytes]]:
    """Label and JPEG of each record."""
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise _damaged(where, f"it does not begin with {MAGIC.decode()}")
    place = _HEAD.size
    for number in range(_HEAD.unpack_from(data)[1]):
        if place + _RECORD.size > len(data):
            raise _damaged(where, f"record {number} is cut off")
        label, size = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        if label >= len(CLASSES) or place + size > len(data):
            raise _damaged(where, f"record {number} has label {label} and {size} bytes")
        yield label, data[place : place + size]
        place += size


def _damaged(where: str, why: str) -> SpanbitError:
    return SpanbitError("not CIFAR-10 as JPEG records", where=where, why=why, fix="get the file again")


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
