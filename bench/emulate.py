"""Runs bench_layer, on this machine or on an emulated core, and counts what the core executes.

    count = count_layer(subject.path, load_target("rpi4"))
    count.instructions      # of one run of the layer, exact
    count.blocks            # {(address, instructions): executions}, for the same run; the sum is the same

Two numbers of rounds are subtracted, so that loading the bundle does not count.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target
from subject import LAYER

HERE = Path(__file__).resolve().parent
_ROUNDS = (1, 3)

Block = tuple[int, int]  # address, instructions


@dataclass(frozen=True)
class Count:
    """One run of a layer."""

    instructions: int
    blocks: dict[Block, float]
    output_crc: int


def count_layer(bundle: Path, target: Target) -> Count:
    """Runs the layer on the target's emulated core.

    Raises:
        SpanbitError: a compiler or the emulator is missing, or the layer does not run.
    """
    program = str(bench_program(toolchain(target)))
    return count_program(bundle, target, lambda rounds: [program, *arguments([bundle], rounds)])


def count_program(bundle: Path, target: Target, words: Callable[[int], list[str]]) -> Count:
    """One round of a program: `words` starts it for a number of rounds, and it prints [{"crc": N}].

    Raises:
        SpanbitError: the emulator is missing, or the program fails.
    """
    out, blocks = bundle.with_suffix(".json"), bundle.with_suffix(".blocks")
    command = (*target.qemu, "-plugin", f"{plugin()},out={out},blocks={blocks}")
    totals, executed = [], []
    for rounds in _ROUNDS:
        said = run_json(*command, *words(rounds), BENCH_NO_CLOCK="1")
        totals.append(json.loads(out.read_text())["total"])
        executed.append(_read_blocks(blocks))
    more = _ROUNDS[1] - _ROUNDS[0]
    executed[1].subtract(executed[0])
    once = {block: executions / more for block, executions in executed[1].items() if executions}
    return Count((totals[1] - totals[0]) // more, once, said[0]["crc"])


def _read_blocks(path: Path) -> Counter[Block]:
    found: Counter[Block] = Counter()
    for line in path.read_text().splitlines():
        address, instructions, executions = line.split()
        found[int(address, 16), int(instructions)] += int(executions)
    return found


def arguments(bundles: list[Path], rounds: int) -> list[str]:
    """What bench_layer is called with, for the layer of each bundle."""
    first, *others = bundles
    more = [word for path in others for word in (str(path), str(LAYER))]
    return [str(first), str(LAYER), str(rounds), *more]


def toolchain(target: Target) -> tuple[str, ...]:
    """Compiler and flags: the target's first that is installed.

    Raises:
        SpanbitError: none is.
    """
    for known in target.toolchains:
        if shutil.which(known.command[0]):
            return (*known.command, *known.flags)
    fix = " or ".join(known.install for known in target.toolchains)
    raise SpanbitError(f"no compiler for {target.name}", fix=fix, code=ExitCode.TOOLCHAIN)


def bench_program(command: tuple[str, ...]) -> Path:
    """bench_layer, compiled with `command`."""
    sources = [*runtime_sources(), HERE / "bench_layer.c"]
    return build(command, sources, include=include_dirs(), output_name="bench_layer")


def plugin() -> Path:
    """The instruction counter, compiled."""
    command = ("gcc", "-std=c11", "-O2", "-fPIC", "-shared")
    return build(command, [HERE / "insn_plugin.c"], include=(HERE,), output_name="libinsn.so")


def compiler_of(command: tuple[str, ...]) -> str:
    """The compiler's version and the flags."""
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join((version.splitlines()[0], *command[1:]))


def cpu_name() -> str:
    """This machine's processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else "unknown"


def run_json(*command: str, **environment: str) -> list[dict[str, Any]]:
    """What a command prints, as JSON.

    Raises:
        SpanbitError: it cannot be started, or fails.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
    except OSError as error:
        fix = "apt install qemu-user"
        raise SpanbitError(f"cannot start {command[0]}", why=str(error), fix=fix) from error
    if done.returncode != 0:
        raise SpanbitError("the benchmark failed", where=command[0], why=done.stderr.strip())
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said
