"""What a target file says, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_FIRMWARE_ARCHES = ("armv6m", "armv7m", "armv7em", "armv8m", "riscv32", "xtensa")

ARCHES = ("aarch64", "armv7", "armv6", "x86_64", "other", *_FIRMWARE_ARCHES)
"""Architectures, as the runner reports its own (docs/runner.md); the last have no system to run it on."""

LINUX, NO_OS = "linux", "none"
SYSTEMS = (LINUX, NO_OS)
"""What a board runs: the runner is for the first, `spanbit export` for the second."""

_WORD_BYTES = {"neon64": 32, "neon32": 16, "scalar32": 4, "avx2": 32, "scalar64": 8, "mve": 16}

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
    # Of firmware, for what a whole network takes (export/estimate.py):
    stem: float = 0.0  # a multiply-add
    head: float = 0.0  # 32 weight bits
    pool: float = 0.0  # 32 pixels of a channel's output
    decode: float = 0.0  # a tap of an encoded table


INSTRUCTION_CLASSES = (
    *("alu", "load", "store", "several", "word", "branch", "multiply", "divide"),
    *("vector", "vector_load", "vector_store"),
)
"""Of executed instructions (bench/insn_class.h). `several` moves a list of registers, `word` is one of it."""


@dataclass(frozen=True)
class CycleModel:
    """Cycles of a core without an operating system, by a table: a model, never a measurement.

    Each instruction of a class takes what the class says, one after the other, a branch as if it were taken.
    Nothing is known of wait states, caches, and neighbours that overlap or wait for each other.
    """

    source: str  # of `classes`
    per_instruction: float  # the mean over counted instructions of exported networks, priced by `classes`
    classes: Mapping[str, float] = field(default_factory=dict)  # one of INSTRUCTION_CLASSES -> cycles


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
    qemu: tuple[str, ...]  # emulator and its options: of programs, without a system of the whole board;
    # empty where this machine runs it itself, or where there is none
    toolchains: tuple[Toolchain, ...]  # tried in order
    cost: Cost
    os: str = LINUX  # one of SYSTEMS
    flash_bytes: int = 0  # 0: not stated, files lie on a disk
    cycles: CycleModel | None = None  # without an operating system; None: no model

    @property
    def is_firmware(self) -> bool:
        """Whether a program there is the whole system."""
        return self.os == NO_OS
