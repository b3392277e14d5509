"""Writes the archive that Linux unpacks as its first file system (cpio, "newc"). Needs no root for devices.

archive = Archive()
archive.add("init", b"#!/bin/sh", 0o755)
archive.finish()
"""

from __future__ import annotations

import stat

_FIELDS = 13  # of eight hexadecimal digits, behind the magic
_NAME_END = "TRAILER!!!"


class Archive:
    """Collects entries; parents must be added before what they hold."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._count = 0

    def add(self, path: str, content: bytes, mode: int) -> None:
        """A file."""
        self._entry(path, stat.S_IFREG | mode, content)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """An empty folder."""
        self._entry(path, stat.S_IFDIR | mode)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        """A character device."""
        self._entry(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self) -> bytes:
        """The archive's bytes."""
        self._entry(_NAME_END, 0)
        return bytes(self._data)

    def _entry(self, path: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._count += 1
        name = path.encode() + b"\0"
        links, no_owner, no_time = 1, (0, 0), 0
        fields = (
            *(self._count, mode, *no_owner, links, no_time, len(content)),
            *(0, 0, *device, len(name), 0),
        )
        assert len(fields) == _FIELDS
        self._data += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        self._pad()
        self._data += content
        self._pad()

    def _pad(self) -> None:
        self._data += bytes(-len(self._data) % 4)
