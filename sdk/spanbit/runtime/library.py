"""The shared library: which instruction sets this machine can have, compiling it, loading it."""

from __future__ import annotations

import functools
import platform
import re
import shutil
from pathlib import Path
from typing import Any

import cffi

from spanbit.cbuild import POOL_FLAGS, build, include_dirs, pool_sources, runtime_sources
from spanbit.errors import ExitCode, SpanbitError

# Compiler flags of each instruction set. "native" is the best of this machine.
ISAS = {
    "native": ("-march=native",),
    "avx2": ("-mavx2",),
    "neon64": (),
    "scalar64": ("-DSPB_FORCE_SCALAR=64",),
    "scalar32": ("-DSPB_FORCE_SCALAR=32",),
    "scalar128": ("-DSPB_FORCE_SCALAR=128",),  # the layout of MVE's words
}
_COMPILERS = ("cc", "gcc", "clang")


def isas() -> tuple[str, ...]:
    """The instruction sets that this machine can run."""
    foreign = {"x86_64": "neon64", "AMD64": "neon64"}.get(platform.machine(), "avx2")
    return tuple(name for name in ISAS if name != foreign)


def host_compiler() -> str:
    """The first C compiler on the path.

    Raises:
        SpanbitError: TOOLCHAIN: there is none.
    """
    for name in _COMPILERS:
        if shutil.which(name):
            return name
    raise SpanbitError(
        "no C compiler on this machine",
        why=f"none of {', '.join(_COMPILERS)} is on the path",
        fix="apt install gcc libc6-dev",
        code=ExitCode.TOOLCHAIN,
    )


@functools.cache
def load(isa: str) -> tuple[cffi.FFI, Any]:
    """cffi's interface and the opened library for one of `ISAS`.

    Raises:
        SpanbitError: no such instruction set here, or the library cannot be built.
    """
    if isa not in isas():
        raise SpanbitError(
            f"no instruction set {isa!r} on this machine",
            fix=f"use one of {', '.join(isas())}",
            code=ExitCode.USAGE,
        )
    command = (host_compiler(), "-std=c11", "-O3", "-fPIC", "-shared", *POOL_FLAGS, *ISAS[isa])
    sources = (*runtime_sources(), *pool_sources())
    path = build(command, sources, include=include_dirs(), output_name="libspanbit.so")
    ffi = cffi.FFI()
    for folder, name in zip(include_dirs(), ("spanbit.h", "spanbit_pool.h"), strict=True):
        ffi.cdef(_declarations(folder / name))
    return ffi, ffi.dlopen(str(path))


def _declarations(path: Path) -> str:
    """A header without what only a C preprocessor reads."""
    header = path.read_text(encoding="utf-8")
    plain = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.DOTALL)
    return "\n".join(line for line in plain.splitlines() if not line.startswith("#"))
