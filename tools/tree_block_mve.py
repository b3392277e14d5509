"""Writes runtime_c/src/kernels/tree_block_mve.h: taps into planes, in an order that suits a Cortex-M55.

    python tools/tree_block_mve.py            # writes the header anew
    python tools/tree_block_mve.py --check    # exit code 1 if the header is another

MVE has 8 registers. A block of 8 words wants all of them: three planes, two carries that wait, two taps and
what a full adder needs beside. Compilers move loads up and spill; so the registers are given here, and a list
scheduler brings the instructions into order.

The core (SLOTHY's model of the Cortex-M55, slothy/targets/arm_v81m/cortex_m55r1.py, which calls itself
approximate): it starts one instruction a cycle; a vector operation keeps its unit for 2 cycles, a vector load
the load unit for 2, so between two vector operations something else starts for nothing. A full adder is 5
vector operations, 10 cycles, and a word of taps costs a load of the offset, an addition and a vector load:
they fit between.

Full adder of a plane p and words a, b (src/word.h), where SEL(a, b) is a where taps are added, b where they
are taken away; so one schedule serves both:

    t = p ^ SEL(a, b)     b = b ^ a     t = t & b     a = a ^ t, the carry     p = p ^ b
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from block_header import macro_lines, write_or_check

HEADER = Path(__file__).resolve().parents[1] / "runtime_c/src/kernels/tree_block_mve.h"
SIZES, LANES = (2, 4, 8), (1, 2, 4)
ADDRESSES = 6
BUSY = {"vector": 2, "load": 2, "word": 1, "scalar": 1, "move": 1}  # cycles of its unit
UNIT = {"vector": "vector", "load": "load", "word": "load", "scalar": "scalar", "move": "vector"}
LATENCY = {"vector": 1, "load": 1, "word": 2, "scalar": 1, "move": 2}


@dataclass(frozen=True)
class Instruction:
    """A call of one of the header's macros; what it reads and writes, by name."""

    text: str
    kind: str
    reads: tuple[str, ...]
    writes: str


class Block:
    """A block of `size` words, each of `lanes` taps; the carry is left in T(0)."""

    def __init__(self, size: int, lanes: int) -> None:
        self.size, self.lanes, self.levels = size, lanes, size.bit_length() - 1
        self.words = self.levels + 2  # registers beside the planes
        self._free = [f"T({n})" for n in range(self.words)]
        self._addresses = [f"A({n})" for n in range(ADDRESSES)]
        self._next = 0
        self.program: list[Instruction] = []
        carry = self._add(self.levels - 1)
        if carry != "T(0)":
            raise RuntimeError("the carry is not where its reader looks for it")

    def run(self) -> list[str]:
        """The instructions in the order in which they start."""
        return [instruction.text for instruction in self._scheduled()[0]]

    def cycles(self) -> int:
        """That the model takes for the block by itself."""
        return self._scheduled()[1]

    def _add(self, level: int) -> str:
        """Adds 2^(level + 1) words to planes 0 .. level; the register of the carry."""
        a = self._tap() if level == 0 else self._add(level - 1)
        b = self._tap() if level == 0 else self._add(level - 1)
        t, plane = self._free.pop(0), f"P({level})"
        self._emit(f"E({t}, {plane}, SEL({a}, {b}))", "vector", (plane, a, b), t)
        self._emit(f"E({b}, {b}, {a})", "vector", (a, b), b)
        self._emit(f"N({t}, {t}, {b})", "vector", (t, b), t)
        self._emit(f"E({a}, {a}, {t})", "vector", (a, t), a)
        self._emit(f"E({plane}, {plane}, {b})", "vector", (plane, b), plane)
        self._free += [t, b]
        return a

    def _tap(self) -> str:
        """A word of taps in a free register."""
        to, first = self._free.pop(0), self._next
        self._next += self.lanes
        at = [self._offset(first + lane) for lane in range(self.lanes)]
        if self.lanes < 4:
            second = self._free.pop(0) if self.lanes == 2 else ""
            for register, word in zip(at, (to, second), strict=False):
                self._emit(f"AB({register})", "scalar", (register,), register)
                self._emit(f"L({word}, {register})", "load", (register,), word)
            if second:
                self._emit(f"H({to}, {second})", "move", (to, second), to)
                self._free.append(second)
        else:
            for register in at:
                self._emit(f"WB({register})", "word", (register,), register)
            for lane in (0, 1):
                low, high = at[lane], at[lane + 2]
                kept = (to,) if lane else ()
                self._emit(f"M({to}, {lane + 2}, {lane}, {low}, {high})", "move", (low, high, *kept), to)
        self._addresses += at
        return to

    def _offset(self, tap: int) -> str:
        register = self._addresses.pop(0)
        self._emit(f"O({register}, {2 * tap})", "word", (), register)
        return register

    def _emit(self, text: str, kind: str, reads: tuple[str, ...], writes: str) -> None:
        self.program.append(Instruction(text, kind, reads, writes))

    def _scheduled(self) -> tuple[list[Instruction], int]:
        waits = self._dependences()
        left, started, free = set(range(len(self.program))), dict[int, int](), dict.fromkeys(UNIT.values(), 0)
        order, cycle = [], 0
        while left:
            ready = [
                i
                for i in left
                if free[UNIT[self.program[i].kind]] <= cycle
                and all(j in started and started[j] + wait <= cycle for j, wait in waits[i])
            ]
            if ready:  # a vector operation first, since they are most of the time
                chosen = min(ready, key=lambda i: (self.program[i].kind != "vector", i))
                kind = self.program[chosen].kind
                started[chosen] = cycle
                free[UNIT[kind]] = cycle + BUSY[kind]
                left.remove(chosen)
                order.append(self.program[chosen])
            cycle += 1
        return order, cycle

    def _dependences(self) -> list[list[tuple[int, int]]]:
        """For each instruction those that it waits for, and how many cycles after their start."""
        found = []
        for i, after in enumerate(self.program):
            waits = []
            for j, before in enumerate(self.program[:i]):
                if before.writes in after.reads:
                    waits.append((j, LATENCY[before.kind]))
                elif before.writes == after.writes or after.writes in before.reads:
                    waits.append((j, 1))
            found.append(waits)
        return found


_TOP = """\
/* Written by tools/tree_block_mve.py, which explains it; not to be edited by hand.
 *
 * MVE_BLOCK_<words>_<taps a word>(SEL): %[p0] .. are the planes, %[t0] .. more registers, the carry is left
 * in %[t0]; %[a0] .. are the core's; %[base] is where the offsets count from, %[taps] where they are.
 */
// clang-format off
#ifndef SPB_TREE_BLOCK_MVE_H
#define SPB_TREE_BLOCK_MVE_H

#define MB_P(n) "[p" #n "]"
#define MB_T(n) "[t" #n "]"
#define MB_A(n) "%[a" #n "]"
#define MB_EOR(d, a, b) "veor %q" d ", %q" a ", %q" b "\\n"
#define MB_E(...) MB_EOR(__VA_ARGS__)
#define MB_N(d, a, b) "vand %q" d ", %q" a ", %q" b "\\n"
#define MB_O(a, at) "ldrh " a ", [%[taps], #" #at "]\\n"
#define MB_AB(a) "add " a ", %[base]\\n"
#define MB_L(t, a) "vldrb.u8 %q" t ", [" a "]\\n"
#define MB_H(t, u) "vmov.f64 %f" t ", %e" u "\\n"
#define MB_WB(a) "ldr " a ", [%[base], " a "]\\n"
#define MB_M(t, i, j, a, b) "vmov %q" t "[" #i "], %q" t "[" #j "], " a ", " b "\\n"
#define MB_PLUS(a, b) a
#define MB_MINUS(a, b) b
"""


def header() -> str:
    """The file's text."""
    parts = [_TOP]
    for lanes in LANES:
        for size in SIZES:
            lines = macro_lines(Block(size, lanes).run(), "MB_", ("P", "T", "A"))
            parts.append(f"#define MVE_BLOCK_{size}_{lanes}(SEL) \\\n{lines}\n")
    parts.append("#endif\n")
    return "\n".join(parts)


def main() -> None:
    if write_or_check(HEADER, header(), __file__, __doc__ or ""):
        for lanes in LANES:
            blocks = (Block(size, lanes) for size in SIZES)
            said = (f"{block.size} words {block.cycles()} cycles" for block in blocks)
            print(f"{lanes} taps a word, by the model: {', '.join(said)}")


if __name__ == "__main__":
    main()
