"""What an executed instruction is called (bench/insn_class.h), against assemblers' own encodings."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
THUMB = {
    "alu": ["adds r0, r1, r2", "eor r8, r1, r2", "ubfx r0, r1, #3, #4", "vmov q0[2], q0[0], r1, r2"],
    "load": [
        "ldr r0, [r1, r2]",
        "ldrh r0, [r1, #2]",
        "ldrsb r9, [r1], #1",
        "ldr r0, [sp, #8]",
        "vldr s0, [r1]",
    ],
    "store": ["str r0, [r1, #4]", "strb r9, [r1, r2]", "strh r0, [r1, #6]", "str r0, [sp, #8]"],
    "several": [
        "push {r4, lr}",
        "pop {r4, r5}",
        "ldm r0!, {r1, r2}",
        "stmdb r0!, {r8, r9}",
        "ldrd r0, r1, [r2]",
    ],
    "branch": ["bx lr", "b .", "beq .", "bl .", "cbz r0, 1f", "le lr, .", "1: tbh [pc, r0, lsl #1]"],
    "multiply": ["muls r0, r1, r0", "mla r0, r1, r2, r3", "smlad r0, r1, r2, r3", "umull r0, r1, r2, r3"],
    "divide": ["sdiv r0, r1, r2", "udiv r8, r1, r2"],
    "vector": [
        "veor q0, q1, q2",
        "vand q0, q1, q2",
        "vmladava.s8 r0, q1, q2",
        "vdup.8 q0, r1",
        "vaddv.u8 r0, q1",
    ],
    "vector_load": ["vldrb.u8 q0, [r1]", "vldrw.u32 q0, [r1, #16]", "vldrb.u8 q0, [r1, q2]"],
    "vector_store": ["vstrb.8 q0, [r1]", "vstrw.32 q0, [r1, #16]"],
}
WORDS = [2, 2, 2, 2, 2]
RISCV = {
    "alu": ["add a0, a1, a2", "xor a0, a0, a1", "addi sp, sp, -16", "mv a0, a1"],
    "load": ["lw a0, 0(a1)", "lbu a0, 1(a1)", "lw ra, 4(sp)"],
    "store": ["sw a0, 0(a1)", "sh a0, 2(a1)", "sw ra, 4(sp)"],
    "branch": ["beqz a0, .", "j .", "ret", "bltu a0, a1, ."],
    "multiply": ["mul a0, a1, a2"],
    "divide": ["divu a0, a1, a2", "rem a0, a1, a2"],
}
PRINTS = """#include "insn_class.h"
#include <stdio.h>
#include <string.h>

/* Walks through a file of instructions. */
int main(int count, char **v) {
    unsigned char code[4096];
    int thumb = count > 2 && strcmp(v[2], "thumb") == 0;
    FILE *f = fopen(v[1], "rb");
    size_t size = fread(code, 1, sizeof code, f);
    for (size_t at = 0; at + 2 <= size;) {
        uint32_t x = code[at] | code[at + 1] << 8, words;
        size_t bytes = thumb ? (x >> 11 >= 29 ? 4 : 2) : (x & 3) == 3 ? 4 : 2;
        if (bytes == 4)
            x |= (uint32_t)code[at + 2] << 16 | (uint32_t)code[at + 3] << 24;
        printf("%s ", insn_class_names[insn_class(x, (uint32_t)bytes, thumb, &words)]);
        printf("%u\\n", words);
        at += bytes;
    }
    return 0;
}
"""


@pytest.mark.parametrize("is_thumb", [True, False])
def test_each_class_is_recognised(is_thumb: bool, tmp_path: Path) -> None:
    expected = THUMB if is_thumb else RISCV
    lines = [line for part in expected.values() for line in part]
    source, program, code = tmp_path / "a.s", tmp_path / "print", tmp_path / "code"
    (tmp_path / "print.c").write_text(PRINTS)
    subprocess.run(["gcc", f"-I{ROOT / 'bench'}", str(tmp_path / "print.c"), "-o", str(program)], check=True)
    source.write_text((".syntax unified\n.thumb\n" if is_thumb else "") + "\n".join(lines) + "\n")
    target = (
        ("--target=arm-none-eabi", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
        if is_thumb
        else ("--target=riscv32-unknown-elf", "-march=rv32imc", "-mno-relax")
    )
    subprocess.run(["clang", *target, "-c", str(source), "-o", str(tmp_path / "a.o")], check=True)
    code.write_bytes(_section((tmp_path / "a.o").read_bytes(), b".text"))
    said = subprocess.run(
        [str(program), str(code), "thumb" if is_thumb else "riscv"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [row.split() for row in said.stdout.splitlines()]
    assert [name for name, _ in found] == [name for name, part in expected.items() for _ in part]
    assert [int(words) for name, words in found if name == "several"] == (WORDS if is_thumb else [])


def _section(elf: bytes, wanted: bytes) -> bytes:
    """A section of a 32-bit object file."""
    (at,) = struct.unpack_from("<I", elf, 0x20)
    size, count, names = struct.unpack_from("<HHH", elf, 0x2E)
    headers = [struct.unpack_from("<10I", elf, at + index * size) for index in range(count)]
    for header in headers:
        begin = headers[names][4] + header[0]
        if elf[begin : elf.index(b"\0", begin)] == wanted:
            return elf[header[4] : header[4] + header[5]]
    raise AssertionError(f"no section {wanted!r}")
