"""Which files the runtime and the runner consist of; the same list as in runtime_c/CMakeLists.txt."""

from __future__ import annotations

from pathlib import Path

from spanbit.resources import data_dir

POOL_FLAGS = ("-pthread",)


def runtime_sources() -> tuple[Path, ...]:
    """The library: everything in src/ and src/kernels/."""
    return _c_files("src", "src/kernels")


def pool_sources() -> tuple[Path, ...]:
    """Threads for the library; they want `POOL_FLAGS`."""
    return _c_files("pool")


def runner_sources() -> tuple[Path, ...]:
    """The board-side program with its threads, without the library."""
    return (*pool_sources(), *_c_files("runner"))


def include_dirs() -> tuple[Path, ...]:
    """Where spanbit.h is, and spanbit_pool.h."""
    return (data_dir("runtime_c") / "include", data_dir("runtime_c") / "pool")


def _c_files(*folders: str) -> tuple[Path, ...]:
    root = data_dir("runtime_c")
    return tuple(path for folder in folders for path in sorted((root / folder).glob("*.c")))
