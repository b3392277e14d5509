"""What a target file says, as data."""

from __future__ import annotations

from dataclasses import dataclass

ARCHES = ("aarch64", "armv7", "armv6", "x86_64", "other")
"""Architectures, as the runner reports its own (docs/runner.md)."""

ISAS = ("neon64", "neon32", "scalar32", "avx2", "scalar64")
"""Instruction sets of the kernels, as `spb_isa()` names them."""


@dataclass(frozen=True)
class Cost:
    """Model cycles of a tap over 128 pixels: `tree` a differing tap, `dense` any tap."""

    tree: float
    dense: float


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
