"""Where the C runtime and the target files live: package data in a wheel, the repository in a checkout."""

from __future__ import annotations

from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Folder `name` ("runtime_c" or "targets").

    Raises:
        SpanbitError: neither the wheel nor a checkout holds it (a broken install).
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent.parent / name):
        if candidate.is_dir():
            return candidate
    raise SpanbitError(
        f"the folder {name!r} that belongs to spanbit is missing",
        where=str(_PACKAGE),
        fix="reinstall: pip install --force-reinstall spanbit",
        code=ExitCode.INTERNAL,
    )
