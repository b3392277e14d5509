"""Files of the command line: read with a clear error, written whole or not at all.

write_atomic(Path("demo.spb"), data)
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from spanbit.errors import SpanbitError


def read_file(path: Path) -> bytes:
    """The file's bytes; SpanbitError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpanbitError(
            "cannot read the file", where=str(path), why=error.strerror or str(error), fix="check the path"
        ) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replaces `path` in one step, so that nobody ever sees half of it."""
    temporary = ""
    try:
        # mkstemp makes 0600; a bundle is read by others, so it gets what open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError):
            raise SpanbitError(
                "cannot write the file",
                where=str(path),
                why=error.strerror or str(error),
                fix="check that the directory exists and is writable",
            ) from error
        raise
