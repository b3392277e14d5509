"""What a target file says, as data."""

from __future__ import annotations

from dataclasses import dataclass

ARCHES = ("aarch64", "armv7", "armv6", "x86_64", "other")
"""Architectures, as the runner reports its own (docs/runner.md)."""

_WORD_BYTES = {"neon64": 32, "neon32": 16, "scalar32": 4, "avx2": 32, "scalar64": 8}

ISAS = tuple(_WORD_BYTES)
"""Instruction sets of the kernels, as `spb_isa()` names them."""


def word_bytes(isa: str) -> int:
    """Bytes that the tree kernel works on at once (`tree_word`), for one of `ISAS`."""
    return _WORD_BYTES[isa]


CYCLES, NS = "cycles", "ns"
UNITS = (CYCLES, NS)
"""Of cost figures: cycles of a model, or nanoseconds that `spanbit tune` measured."""


@dataclass(frozen=True)
class Cost:
    """What a piece of a kernel's work costs; passes/cost_model.py says how many of each a layer has."""

    tree: float  # a differing tap over 128 pixels
    dense: float  # any tap over 128 pixels
    node: float = 1.0  # a plane of a channel's sum over 128 pixels
    prepare: float = 0.0  # 128 bits of a shifted input plane
    gather: float = 0.0  # 64 bits of a row of a shifted input plane, where rows go one by one
    tile: float = 0.0  # a channel's sums over 16 pixels
    pack: float = 0.0  # 64 channels of an input pixel
    unit: str = CYCLES  # one of UNITS


@dataclass(frozen=True)
class Toolchain:
    """A compiler that can build for the target, and how to get it."""

    name: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    install: str


@dataclass(frozen=True)
class Target:
    """A board: what its CPU is, what can build for it, what a kernel costs there."""

    name: str
    board: str
    arch: str  # one of ARCHES
    isa: str  # one of ISAS
    cpu: str
    clock_mhz: int
    ram_bytes: int
    cores: int
    qemu: tuple[str, ...]  # user-mode emulator and its options; empty where this machine runs it itself
    toolchains: tuple[Toolchain, ...]  # tried in order
    cost: Cost
