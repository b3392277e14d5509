"""Model cycles: what llvm-mca's model of a core says that executed code takes.

    model = CycleModel(program, "cortex-a72")
    model.cycles(count.blocks)          # blocks and executions from emulate.count_layer
    model.inner_loops(count.blocks)     # of those, the blocks that consist of taps and full adders

Each basic block of the program that ran is given to llvm-mca by itself, repeated 100 times, and its cycles
are multiplied by how often it was executed. The emulator also ends its blocks at the ends of pages; these
are put together again, so that no figure depends on where the linker placed the code. That counts the whole
kernel, not a chosen loop. It knows no caches and no branch predictor, and lets repetitions of a block overlap
as a loop's do. A figure of a model: it compares kernels, it claims no time.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulate import Block
from spanbit.errors import ExitCode, SpanbitError

_REPEATED = 100
_PRICED = 0.999  # share of the instructions that is priced; the rest, once a layer, gets the mean
# Before 16 LLVM gave the Neoverse-N1 the Cortex-A57's model.
_VERSIONS = range(24, 15, -1)
# A tap is a load at its own address, of both registers of a word or of a lane; a full adder has one select.
_TAP_LOAD = re.compile(r"ldr\s+[qd]\d+, \[x\d+(, #0x10)?\]|ld1\s")
_SELECT = re.compile(r"bsl|bit|bif")
_BRANCH = re.compile(r"(b|b\..*|bl|blr|br|ret|cbz|cbnz|tbz|tbnz)(\s|$)")
_ADDERS, _TAPS = 8, 4  # in a block that counts as an inner loop; the comparison has selects but no taps


@dataclass(frozen=True)
class InnerLoops:
    """The tree kernel's blocks of taps and full adders together."""

    share: float  # of all executed instructions
    instructions_per_adder: float  # the limit is 4: EOR, EOR, BSL and a load
    cycles_per_adder: float


class CycleModel:
    """Prices a program's blocks by one core's model; each block once."""

    def __init__(self, program: Path, cpu: str) -> None:
        self.cpu = cpu
        self._code = _disassemble(program)
        self._cycles: dict[Block, float] = {}

    def cycles(self, blocks: dict[Block, float]) -> float:
        """Model cycles of one run."""
        blocks = self._basic_blocks(blocks)
        hot, total = _hottest(blocks)
        self._price(hot)
        cycles = sum(blocks[block] * self._cycles[block] for block in hot)
        priced = sum(blocks[block] * block[1] for block in hot)
        return cycles * total / priced

    def inner_loops(self, blocks: dict[Block, float]) -> InnerLoops | None:
        """Those with `_ADDERS` full adders or more; None: there is none, as in the dense kernel."""
        blocks = self._basic_blocks(blocks)
        hot, total = _hottest(blocks)
        self._price(hot)
        instructions = adders = cycles = 0.0
        for block in hot:
            text = self._text(block)
            selects = sum(bool(_SELECT.match(line)) for line in text)
            if selects >= _ADDERS and sum(bool(_TAP_LOAD.match(line)) for line in text) >= _TAPS:
                instructions += blocks[block] * block[1]
                adders += blocks[block] * selects
                cycles += blocks[block] * self._cycles[block]
        if not adders:
            return None
        share, per_adder = instructions / total, instructions / adders
        return InnerLoops(round(share, 3), round(per_adder, 2), round(cycles / adders, 2))

    def _basic_blocks(self, blocks: dict[Block, float]) -> dict[Block, float]:
        """Runs of instructions that are executed equally often, up to a branch."""
        executed: defaultdict[int, float] = defaultdict(float)
        for (address, instructions), times in blocks.items():
            for i in range(instructions):
                executed[address + 4 * i] += times
        found: dict[Block, float] = {}
        start = last = -1
        for address in sorted(executed):
            if start >= 0:
                ends = _BRANCH.match(self._code[last]) or address != last + 4
                if not ends and executed[address] == executed[start]:
                    last = address
                    continue
                found[start, (last - start) // 4 + 1] = executed[start]
            start = last = address
        found[start, (last - start) // 4 + 1] = executed[start]
        return found

    def _text(self, block: Block) -> list[str]:
        address, instructions = block
        return [self._code[address + 4 * i] for i in range(instructions)]

    def _price(self, blocks: list[Block]) -> None:
        new = [block for block in blocks if block not in self._cycles]
        if not new:
            return
        lines = []
        for block in new:
            name = f"b{block[0]:x}_{block[1]}"
            lines += [f"# LLVM-MCA-BEGIN {name}", *self._text(block), f"# LLVM-MCA-END {name}"]
        said = _mca(self.cpu, "\n".join(lines) + "\n")
        for block, region in zip(new, said, strict=True):
            self._cycles[block] = region["SummaryView"]["TotalCycles"] / _REPEATED


def mca_version() -> str:
    """Which llvm-mca prices the blocks."""
    done = subprocess.run([_tool("llvm-mca"), "--version"], capture_output=True, text=True, check=True)
    return next(line.strip() for line in done.stdout.splitlines() if "version" in line)


def _hottest(blocks: dict[Block, float]) -> tuple[list[Block], float]:
    """The blocks in which `_PRICED` of all instructions are executed, hottest first; all instructions."""
    executed = {block: times * block[1] for block, times in blocks.items() if times > 0}
    total, hot, so_far = sum(executed.values()), [], 0.0
    for block in sorted(executed, key=lambda b: (-executed[b], b)):
        if so_far > _PRICED * total:
            break
        hot.append(block)
        so_far += executed[block]
    return hot, total


def _disassemble(program: Path) -> dict[int, str]:
    """Assembly by address. Where an operand is a place in the program, a name stands for it."""
    command = [_tool("llvm-objdump"), "-d", "--no-show-raw-insn", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code = {}
    for line in done.stdout.splitlines():
        found = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
        if found:
            text = re.sub(r"#?(0x)?[0-9a-f]+ <.*>", "place", found[2].partition("//")[0])
            code[int(found[1], 16)] = text.strip()
    return code


def _mca(cpu: str, text: str) -> list[dict[str, Any]]:
    command = [_tool("llvm-mca"), "-mtriple=aarch64", f"-mcpu={cpu}", f"-iterations={_REPEATED}", "-json"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SpanbitError("llvm-mca failed", why=done.stderr.strip()[-1000:], code=ExitCode.INTERNAL)
    regions: list[dict[str, Any]] = json.loads(done.stdout)["CodeRegions"]
    return regions


def _tool(name: str) -> str:
    for version in _VERSIONS:
        found = shutil.which(f"{name}-{version}")
        if found:
            return found
    raise SpanbitError(
        f"no {name}, version {_VERSIONS[-1]} or later",
        why="older ones have no model of the Neoverse-N1",
        fix="apt install llvm-19",
        code=ExitCode.TOOLCHAIN,
    )
