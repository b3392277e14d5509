"""The C files as they are: add all of src/ to a build, and include/ to its include path."""

from __future__ import annotations

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """include/NAME.h, src/."""
    return dict(net.files)
