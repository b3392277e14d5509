"""An exported network on an emulated core without an operating system.

    run = run_network(net, load_target("cortex-m4"), images)
    run.check               # 0: every layer of the golden image is as the compiler said
    run.outputs             # bits of what is delivered, uint8 [N, bytes]
    run.instructions        # of one run, exact
    run.stack_bytes         # that the last run has written to
    run_network(..., by_layer=True).layers      # instructions of each layer

Which machine of qemu stands for which core, and where its memory is, is in MACHINES.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from emulate import plugin
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError
from spanbit.export import CNetwork
from spanbit.export.c_text import array
from spanbit.resources import data_dir
from spanbit.targets import Target, Toolchain, installed_toolchain

HERE = Path(__file__).resolve().parent
_TIMEOUT_S = 900
_OWN_LIBC = ("-fno-builtin", "-ffreestanding")
_GCC_ONLY = "-fno-tree-loop-distribute-patterns"


@dataclass(frozen=True)
class Machine:
    """A machine of qemu: what starts it, and (begin, bytes) of its memory."""

    command: tuple[str, ...]
    flash: tuple[int, int]
    ram: tuple[int, int]

    @property
    def memory_ld(self) -> str:
        """For the linker script."""
        lines = [
            f"    {name} (rwx) : ORIGIN = {begin:#x}, LENGTH = {size:#x}"
            for name, (begin, size) in (("FLASH", self.flash), ("RAM", self.ram))
        ]
        return "MEMORY\n{\n" + "\n".join(lines) + "\n}\n"


_ARM, _MIB = "qemu-system-arm", 1 << 20
_PSRAM = 0x60000000
_MPS2 = ((0, 4 * _MIB), (0x20000000, 4 * _MIB))
MACHINES: Mapping[str, Machine] = {
    "microbit": Machine((_ARM, "-M", "microbit"), (0, 256 << 10), (0x20000000, 16 << 10)),
    "mps2-an385": Machine((_ARM, "-M", "mps2-an385"), *_MPS2),
    "mps2-an386": Machine((_ARM, "-M", "mps2-an386"), *_MPS2),
    "mps2-an500": Machine((_ARM, "-M", "mps2-an500"), *_MPS2),
    # All in its 16 MiB of external RAM, vectors too: for networks that are larger than a microcontroller's.
    "mps2-an500-psram": Machine(
        (_ARM, "-M", "mps2-an500", "-global", f"armv7m.init-nsvtor={_PSRAM:#x}"),
        (_PSRAM, 8 * _MIB),
        (_PSRAM + 8 * _MIB, 8 * _MIB),
    ),
    # The core starts in its secure state, with its vectors at 0x10000000: secure aliases of both memories.
    "mps2-an505": Machine((_ARM, "-M", "mps2-an505"), (0x10000000, 4 * _MIB), (0x38000000, 4 * _MIB)),
    "mps3-an547": Machine((_ARM, "-M", "mps3-an547"), (0x10000000, 512 << 10), (0x31000000, 2 * _MIB)),
    "virt": Machine(
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none"), (0x80000000, 4 * _MIB), (0x80400000, 4 * _MIB)
    ),
}


@dataclass(frozen=True)
class Run:
    """What a network did on its core."""

    check: int
    outputs: NDArray[np.uint8]
    instructions: int
    stack_bytes: int
    program: Path
    classes: Mapping[str, int]  # executed instructions by what they are (insn_class.h)
    layers: tuple[int, ...]  # instructions of each layer of the first run; empty where none was asked for


def machine_of(target: Target) -> str:
    """The machine that stands for a target's core."""
    return target.qemu[target.qemu.index("-M") + 1]


def toolchain_of(target: Target, name: str = "") -> Toolchain:
    """The target's toolchain of that name, or its first that is installed.

    Raises:
        SpanbitError: TOOLCHAIN: it is not.
    """
    toolchain = installed_toolchain(target, name)
    if toolchain is not None:
        return toolchain
    fix = "; ".join(toolchain.install for toolchain in target.toolchains)
    raise SpanbitError(f"no {name or 'compiler'} for {target.name}", fix=fix, code=ExitCode.TOOLCHAIN)


def run_network(
    net: CNetwork,
    target: Target,
    images: NDArray[np.uint8],
    folder: Path,
    *,
    toolchain: str = "",
    machine: str = "",
    optimise: str = "",
    by_layer: bool = False,
) -> Run:
    """Builds the network for the target into `folder` and runs it on images uint8 [N, H, W, C].

    `by_layer` counts each layer by itself, for networks that are given whole images. `optimise` takes the
    place of the target's -O3: where no figure counts, -O1 compiles in half the time.

    Raises:
        SpanbitError: a compiler or the emulator is missing or fails.
    """
    place = MACHINES[machine or machine_of(target)]
    chosen = toolchain_of(target, toolchain)
    flags = tuple(optimise if optimise and flag == "-O3" else flag for flag in chosen.flags)
    layers = len(net.plan.compiled.layers) if by_layer else 0
    if layers:
        flags = (*flags, f"-DCHECKED_LAYERS={layers}")
    program = build_program(net, target, images, folder, place, replace(chosen, flags=flags))
    run = run_program(program, place, folder)
    return replace(run, layers=run.layers[:layers])


def build_program(
    net: CNetwork,
    target: Target,
    images: NDArray[np.uint8],
    folder: Path,
    place: Machine,
    toolchain: Toolchain,
) -> Path:
    """The ELF program: the network, its self-check, start-up code."""
    for path, data in net.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "memory.ld").write_text(place.memory_ld)
    (folder / "images.c").write_text(
        "#include <stdint.h>\n#define SPB_ALIGNED(bytes)\n"
        "extern const uint8_t images[];\nextern const uint32_t image_count;\n"
        + array("uint8_t", "images", images.tobytes()).replace("static ", "", 1)
        + f"const uint32_t image_count = {len(images)}u;\n"
    )
    own = data_dir("runtime_c") / "firmware"
    family = "riscv" if target.arch == "riscv32" else "arm"
    names = [
        f"-DCHECKED={net.name}",
        f"-DCHECKED_UPPER={net.name.upper()}",
        f'-DCHECKED_HEADER="{net.name}.h"',
    ]
    flags = [
        *toolchain.flags,
        "-std=c11",
        "-Wall",
        "-Wextra",
        *_OWN_LIBC,
        "-ffunction-sections",
        "-fdata-sections",
    ]
    is_gcc = toolchain.name == "gcc"
    if is_gcc:
        flags.append(_GCC_ONLY)
    flags += ["-idirafter", str(own / "libc"), f"-I{folder / 'include'}", *names]
    sources = [folder / path for path in net.c_files] + [folder / "images.c"]
    sources += [own / name for name in ("selfcheck.c", f"start_{family}.c", "memory.c")]
    program = folder / f"{target.name}-{toolchain.name}.elf"
    link = ["-nostdlib", "-static", f"-L{folder}", f"-Wl,-T,{own / f'{family}.ld'}", "-Wl,--gc-sections"]
    if not is_gcc:
        link.append("-fuse-ld=lld")
    _run([*toolchain.command, *flags, *map(str, sources), *link, *_builtins(target), "-o", str(program)])
    return program


def _builtins(target: Target) -> list[str]:
    """The compiler's own library of what the core cannot do: clang has none, so gcc's stands in for it."""
    gcc = installed_toolchain(target, "gcc")
    if gcc is None:
        return []
    return [_run([*gcc.command, *gcc.flags, "-print-libgcc-file-name"]).strip()]


def run_program(program: Path, place: Machine, folder: Path) -> Run:
    """Runs a program of `build_program`; the counter's figures are the mean of its images'."""
    counts = folder / f"{program.stem}.json"
    said = _run(
        [
            *place.command,
            *("-nographic", "-monitor", "none", "-serial", "none"),
            *("-chardev", "stdio,id=out", "-semihosting-config", "enable=on,target=native,chardev=out"),
            *(
                "-plugin",
                f"{plugin()},out={counts},classes={'thumb' if place.command[0] == _ARM else 'riscv'}",
            ),
            *("-kernel", str(program)),
        ]
    )
    found = json.loads(said)
    counted = json.loads(counts.read_text())
    if not counted["marked"]:
        raise SpanbitError("the counter has missed a marker", where=str(program), why=counts.read_text())
    outputs = [
        np.frombuffer(bytes.fromhex(text), ">u4").astype("<u4").view(np.uint8) for text in found["outputs"]
    ]
    return Run(
        check=int(found["check"], 16),
        outputs=np.stack(outputs),
        instructions=counted["marked"] // len(outputs),
        stack_bytes=int(found["stack"], 16),
        program=program,
        classes={name: count // len(outputs) for name, count in counted["classes"].items()},
        layers=tuple(counted["each"]),
    )


def _run(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise SpanbitError(
            f"cannot start {words[0]}", why=str(error), fix="tools/packages.sh", code=ExitCode.TOOLCHAIN
        ) from error
    if done.returncode:
        raise SpanbitError(
            f"{words[0]} failed with {done.returncode}",
            why=(done.stderr + done.stdout)[-3000:],
            code=ExitCode.TOOLCHAIN,
        )
    return done.stdout
