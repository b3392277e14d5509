"""Writes runtime_c/src/kernels/tree_block_aarch64.h: taps into planes, in an order that suits ARM cores.

    python tools/tree_block.py            # writes the header anew
    python tools/tree_block.py --check    # exit code 1 if the header is another

Compilers lay the full adders of a block one behind the other, as they stand in the source, or move all loads
up and spill. On a core that issues in order each adder then waits for the one before it. Here a small list
scheduler does it once, for all compilers: it walks through cycles of a core with one vector unit and one
load unit, starts a full adder when three words of a weight are there or nearly, and prefers the heavier
weights, since their inputs hold registers. Loads come in bursts, until registers are short: llvm-mca's model
of the Cortex-A53 lets no load finish before an older vector operation. The constants below are those, of some
hundred, with which its models of the A72, A53 and N1 take least. What comes out is checked like everything
else: tests compare the kernel with the reference, budgets count its instructions.

A word is two q registers (256 pixels). A full adder of x, a, b, where a and b have the same sign:

    t = x ^ a     s = t ^ b (in x's place)     carry = t ? b : a (in t's place)

and where taps are taken away instead of added, x is the one word of the three that counts positive, if one
does, and the borrow is t ? a : b: two operands change places, so one schedule serves both; TB_SEL does it.
(src/word.h has the same cell with t = a ^ b; this form needs x no longer than s is calculated.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from block_header import macro_lines, write_or_check

HEADER = Path(__file__).resolve().parents[1] / "runtime_c/src/kernels/tree_block_aarch64.h"
QS = 2  # q registers of a word
LATENCY = {"vector": 6, "load": 4, "add": 3, "offsets": 4}
TEMPS = range(14, 32)  # v14 to v31; the rest is the compiler's, for the planes
ADDRESSES, OFFSETS = range(6, 14), range(14, 18)  # x6 to x13, w14 to w17
SPARE = 3  # registers that loads leave to sums
BURST = 8  # free registers that let loads begin again
AHEAD = 8  # addresses before their loads


@dataclass
class Word:
    """A q register with something of a weight in it."""

    ready: int
    register: str
    signed: bool  # counts negative where taps are taken away


@dataclass
class Adder:
    """One full adder of q registers under way."""

    weight: int
    q: int
    x: Word
    a: Word
    b: Word
    last: bool  # its sum is the plane
    left: list[str] = field(default_factory=lambda: ["t", "s", "k"])
    ready: dict[str, int] = field(default_factory=dict)
    t: str = ""  # registers
    s: str = ""


class Block:
    """A block of `size` words, each of `lanes` taps, being scheduled."""

    def __init__(self, size: int, lanes: int) -> None:
        self.size, self.lanes, self.levels = size, lanes, size.bit_length() - 1
        self.text: list[str] = []
        self.cycle = 0
        self.free = [f"V({n})" for n in TEMPS]  # taken from the end: the carries' places last
        self.addresses = [f"X({n})" for n in reversed(ADDRESSES)]
        self.offsets = [f"{n}" for n in reversed(OFFSETS)]
        self.words = [[[] for _ in range(self.levels + 1)] for _ in range(QS)]  # type: list[list[list[Word]]]
        self.todo = [[size >> level + 1 for level in range(self.levels)] for _ in range(QS)]
        for q in range(QS):
            for level in range(self.levels):
                self.words[q][level].append(Word(0, f"K({QS * level + q})", False))
        self.adders: list[Adder] = []
        self.raw: dict[int, tuple[str, int]] = {}  # tap -> register of its offset, when
        self.address: dict[int, tuple[str, int]] = {}
        self.next_offset = self.next_address = 0
        self.bursting = True
        self.loads = self._load_order()
        self.targets: dict[tuple[int, int], tuple[str, int]] = {}  # word and q -> what its first load began

    def run(self) -> list[str]:
        """The instructions, as calls of the header's macros; the carries end in its two registers."""
        while any(map(any, self.todo)) or self.adders:
            if self.cycle > 100 * self.size:
                raise RuntimeError("the schedule is stuck: too few registers")
            if not self.loads or len(self.free) <= SPARE:
                self.bursting = False
            elif len(self.free) >= BURST:
                self.bursting = True
            vector, loaded = not self.bursting and self._vector(), False
            self._start()
            slots = 1 if vector else 2
            if slots and self.bursting and self._load():
                slots, loaded = slots - 1, True
            if slots and not vector and self._make_address():
                slots -= 1
            if slots and not vector and not loaded:
                self._load_offsets()
            self.cycle += 1
        self._check_carries()
        return self.text

    def _vector(self) -> bool:
        """The most urgent vector operation whose operands are there."""
        for adder in sorted(self.adders, key=lambda adder: -adder.weight):
            step = adder.left[0]
            if step == "t":
                if max(adder.x.ready, adder.a.ready) > self.cycle or not self.free:
                    continue
                adder.t = self._take(f"V({TEMPS[adder.q]})" if adder.weight == self.levels - 1 else "")
                self._emit("t", adder, f"E({adder.t}, {adder.x.register}, {adder.a.register})")
            elif step == "s":
                if max(adder.ready["t"], adder.b.ready) > self.cycle:
                    continue
                adder.s = f"K({QS * adder.weight + adder.q})" if adder.last else adder.x.register
                self._emit("s", adder, f"E({adder.s}, {adder.t}, {adder.b.register})")
            else:
                if adder.ready["t"] > self.cycle:
                    continue
                a, b = adder.a.register, adder.b.register
                chosen = f"{b}, {a}" if adder.x.signed else f"TB_SEL({b}, {a})"
                self._emit("k", adder, f"B({adder.t}, {chosen})")
                self._end(adder)
            return True
        return False

    def _take(self, wanted: str) -> str:
        """A free register, this one if it is free."""
        return self.free.pop(self.free.index(wanted) if wanted in self.free else -1)

    def _emit(self, step: str, adder: Adder, text: str) -> None:
        self.text.append(text)
        adder.left.remove(step)
        adder.ready[step] = self.cycle + LATENCY["vector"]

    def _end(self, adder: Adder) -> None:
        spent = [adder.a.register, adder.b.register]
        if adder.s != adder.x.register:
            spent.append(adder.x.register)
        self.free += [register for register in spent if register.startswith("V")]
        self.free.sort()
        self.adders.remove(adder)
        words = self.words[adder.q]
        words[adder.weight].append(Word(adder.ready["s"], adder.s, adder.x.signed))
        words[adder.weight + 1].append(Word(adder.ready["k"], adder.t, True))

    def _start(self) -> None:
        """Full adders for which two words are there and the third is at least on its way."""
        for level in reversed(range(self.levels)):
            for q in range(QS):
                words = self.words[q][level]
                while self.todo[q][level] and len(words) >= 3:
                    words.sort(key=lambda word: word.ready)
                    three = words[:3]
                    if three[1].ready > self.cycle + 1:
                        break
                    del words[:3]
                    plain = [word for word in three if not word.signed]
                    x = plain[0] if plain else three[2]
                    a, b = (word for word in three if word is not x)
                    self.todo[q][level] -= 1
                    self.adders.append(Adder(level, q, x, a, b, self.todo[q][level] == 0))

    def _load_order(self) -> list[tuple[int, int, int]]:
        """Tap, word and q of each load. One into the second lane waits for that into the first, so the first
        ones of two words come before the second ones."""
        if self.lanes == 1:
            return [(tap, tap, q) for tap in range(self.size) for q in range(QS)]
        each = self.lanes // QS  # taps of a q register
        order = []
        for first in range(0, self.size, 2):
            for part in range(each):
                for word in (first, first + 1):
                    order += [(word * self.lanes + q * each + part, word, q) for q in range(QS)]
        return order

    def _load(self) -> bool:
        """The next load: of a whole q register, or of one lane of it."""
        if not self.loads:
            return False
        tap, word, q = self.loads[0]
        if tap not in self.address or self.address[tap][1] > self.cycle:
            return False
        register = self.address[tap][0]
        begun = self.targets.get((word, q))
        if begun is None and len(self.free) <= SPARE:
            return False
        if begun is not None and begun[1] > self.cycle:
            return False
        target = begun[0] if begun else self.free.pop()
        number, there = target[2:-1], self.cycle + LATENCY["load"]
        if self.lanes == 1:
            self.text.append(f"LQ({number}, {register}, {16 * q})")
        else:
            self.text.append(f"{'LI' if begun else 'LD'}({number}, {register})")
        if self.lanes == 1 or begun:
            self.words[q][0].append(Word(there, target, True))
        else:
            self.targets[word, q] = (target, there)
        self.loads.pop(0)
        if self.lanes > 1 or q == QS - 1:
            self.addresses.append(register)
        return True

    def _make_address(self) -> bool:
        tap = self.next_address
        if tap not in self.raw or self.raw[tap][1] > self.cycle or not self.addresses:
            return False
        register = self.addresses.pop()
        self.text.append(f"{'AH' if tap % 2 else 'AL'}({register}, {self.raw[tap][0]})")
        self.address[tap] = (register, self.cycle + LATENCY["add"])
        if tap % 2:
            self.offsets.append(self.raw[tap][0])
        self.next_address += 1
        return True

    def _load_offsets(self) -> None:
        """Four offsets, two of 16 bits in each register."""
        tap = self.next_offset
        if tap >= self.size * self.lanes or len(self.offsets) < 2 or tap >= self.next_address + AHEAD:
            return
        low, high = self.offsets.pop(), self.offsets.pop()
        self.text.append(f"P({low}, {high}, {2 * tap})")
        for i in range(4):
            self.raw[tap + i] = ((low, low, high, high)[i], self.cycle + LATENCY["offsets"])
        self.next_offset += 4

    def _check_carries(self) -> None:
        """The block's two carries are in v14 and v15, where the wrapper takes them from."""
        carries = [self.words[q][self.levels][0].register for q in range(QS)]
        if carries != [f"V({TEMPS[q]})" for q in range(QS)]:
            raise RuntimeError("a carry's place was taken when its adder began")


_TOP = """\
/* Written by tools/tree_block.py, which explains it; not to be edited by hand.
 *
 * TREE_BLOCK_<words>_<taps a word>(TB_SEL): operands 0 .. are the planes' q registers, plane by plane; the
 * carries are left in v14 and v15; %[base] is where the offsets count from, %[taps] where they are.
 */
// clang-format off
#ifndef SPB_TREE_BLOCK_AARCH64_H
#define SPB_TREE_BLOCK_AARCH64_H

#define TB_V(n) "v" #n
#define TB_K(n) "%" #n
#define TB_X(n) "x" #n
#define TB_E(d, a, b) "eor " d ".16b, " a ".16b, " b ".16b\\n"
#define TB_BSL(t, a, b) "bsl " t ".16b, " a ".16b, " b ".16b\\n"
#define TB_B(...) TB_BSL(__VA_ARGS__)
#define TB_LQ(n, x, at) "ldr q" #n ", [" x ", #" #at "]\\n"
#define TB_LD(n, x) "ldr d" #n ", [" x "]\\n"
#define TB_LI(n, x) "ld1 {v" #n ".d}[1], [" x "]\\n"
#define TB_AL(x, w) "add " x ", %[base], w" #w ", uxth\\n"
#define TB_AH(x, w) "add " x ", %[base], x" #w ", lsr #16\\n"
#define TB_P(a, b, at) "ldp w" #a ", w" #b ", [%[taps], #" #at "]\\n"
#define TB_PLUS(b, a) b, a
#define TB_MINUS(b, a) a, b
"""


def header() -> str:
    """The file's text."""
    parts = [_TOP]
    for lanes in (1, 4):
        for size in (16, 8):
            lines = macro_lines(Block(size, lanes).run(), "TB_", ("V", "K", "X"))
            parts.append(f"#define TREE_BLOCK_{size}_{lanes}(TB_SEL) \\\n{lines}\n")
    names = ", ".join(f'"v{n}"' for n in TEMPS[QS:])
    scratch = ", ".join(f'"x{n}"' for n in (*ADDRESSES, *OFFSETS))
    parts.append(f'#define TREE_BLOCK_CLOBBERS {names}, \\\n    {scratch}, "memory"\n\n#endif\n')
    return "\n".join(parts)


def main() -> None:
    if write_or_check(HEADER, header(), __file__, __doc__ or ""):
        print(f"written: {HEADER}")


if __name__ == "__main__":
    main()
