/* What an executed instruction is, for a model of cycles: Thumb-2 of a Cortex-M with FPU and MVE, and
 * RV32IMC.
 *
 *     static const char *const insn_class_names[];
 *     insn_class(word, bytes, is_thumb, counts)      counts[class] gets what it adds
 *
 * `word` counts the registers that a load or store of several moves, which is itself in `several`. A branch
 * is one whether taken or not. Only what compilers emit is told apart; everything else is `alu`.
 */
#ifndef INSN_CLASS_H
#define INSN_CLASS_H

#include <stdint.h>

enum {
    INSN_ALU,
    INSN_LOAD,
    INSN_STORE,
    INSN_SEVERAL,
    INSN_WORD,
    INSN_BRANCH,
    INSN_MULTIPLY,
    INSN_DIVIDE,
    INSN_VECTOR,
    INSN_VECTOR_LOAD,
    INSN_VECTOR_STORE,
    INSN_CLASSES
};

static const char *const insn_class_names[INSN_CLASSES] = {
    "alu",      "load",   "store",  "several",     "word",         "branch",
    "multiply", "divide", "vector", "vector_load", "vector_store",
};

static uint32_t insn_bits(uint32_t list) {
    uint32_t count = 0;
    for (; list; list &= list - 1)
        count++;
    return count;
}

static int insn_thumb16(uint32_t x, uint32_t *words) {
    uint32_t top = x >> 11;
    if (x >> 12 == 5)
        return (x >> 9 & 7) < 3 ? INSN_STORE : INSN_LOAD;
    if (top == 9)
        return INSN_LOAD;
    if (top >= 12 && top <= 19)
        return top & 1 ? INSN_LOAD : INSN_STORE;
    if ((x & 0xFE00) == 0xB400 || (x & 0xFE00) == 0xBC00) {
        *words = insn_bits(x & 0x1FF);
        return INSN_SEVERAL;
    }
    if (x >> 12 == 12) {
        *words = insn_bits(x & 0xFF);
        return INSN_SEVERAL;
    }
    if ((x & 0xFF00) == 0x4700 || (x & 0xF500) == 0xB100 || x >> 12 == 13 || top == 28)
        return INSN_BRANCH;
    return (x & 0xFFC0) == 0x4340 ? INSN_MULTIPLY : INSN_ALU;
}

/* Bits 11 to 8 of the second half: 10 and 11 are the FPU, 14 and 15 MVE. */
static int insn_coprocessor(uint32_t first, uint32_t second, uint32_t *words) {
    uint32_t number = second >> 8 & 15, is_load = first & 0x10;
    if ((first & 0xFE00) == 0xFC00) /* gathers, scatters, interleaved */
        return is_load ? INSN_VECTOR_LOAD : INSN_VECTOR_STORE;
    if ((first & 0xFE00) == 0xEC00) {
        if ((first & 0xFFE0) == 0xEC40 || ((first & 0xFFE0) == 0xEC00 && number == 15 && !(second & 0x1000)))
            return INSN_ALU; /* between the core's registers and a vector's parts */
        if (number >= 14)
            return is_load ? INSN_VECTOR_LOAD : INSN_VECTOR_STORE;
        if ((first & 0xFF20) == 0xED00 && number == 10)
            return is_load ? INSN_LOAD : INSN_STORE;
        *words = (first & 0xFF20) == 0xED00 ? 2 : second & 0xFF;
        return INSN_SEVERAL;
    }
    if ((first & 0xEF00) == 0xEF00 || number >= 14 ||
        ((first & 0xFF90) == 0xEE80 && (second & 0xF5F) == 0xB10))
        return INSN_VECTOR;
    return INSN_ALU;
}

static int insn_thumb32(uint32_t first, uint32_t second, uint32_t *words) {
    if ((first & 0xFE40) == 0xE800) {
        *words = insn_bits(second);
        return INSN_SEVERAL;
    }
    if ((first & 0xFFF0) == 0xE8D0 && (second & 0xFFE0) == 0xF000)
        return INSN_BRANCH; /* of a table */
    if ((first & 0xFE40) == 0xE840) {
        *words = 2;
        return INSN_SEVERAL;
    }
    if ((first & 0xEC00) == 0xEC00)
        return insn_coprocessor(first, second, words);
    if ((first & 0xF800) == 0xF000 &&
        second & 0x8000) /* of system instructions there are none worth a class */
        return INSN_BRANCH;
    if ((first & 0xFE00) == 0xF800)
        return first & 0x10 ? INSN_LOAD : INSN_STORE;
    if ((first & 0xFFD0) == 0xFB90 && (second & 0xF0) == 0xF0)
        return INSN_DIVIDE;
    return (first & 0xFF00) == 0xFB00 ? INSN_MULTIPLY : INSN_ALU;
}

static int insn_riscv16(uint32_t x) {
    uint32_t what = (x & 3) << 3 | x >> 13;
    switch (what) {
    case 2:  /* C.LW */
    case 18: /* C.LWSP */
        return INSN_LOAD;
    case 6:  /* C.SW */
    case 22: /* C.SWSP */
        return INSN_STORE;
    case 9: /* C.JAL, C.J, C.BEQZ, C.BNEZ */
    case 13:
    case 14:
    case 15:
        return INSN_BRANCH;
    case 20: /* C.JR, C.JALR */
        return (x & 0x7C) == 0 ? INSN_BRANCH : INSN_ALU;
    default:
        return INSN_ALU;
    }
}

static int insn_riscv32(uint32_t x) {
    switch (x & 0x7F) {
    case 0x03:
        return INSN_LOAD;
    case 0x23:
        return INSN_STORE;
    case 0x63:
    case 0x67:
    case 0x6F:
        return INSN_BRANCH;
    case 0x33:
        if (x >> 25 == 1)
            return x >> 14 & 1 ? INSN_DIVIDE : INSN_MULTIPLY;
        return INSN_ALU;
    default:
        return INSN_ALU;
    }
}

/* The class of an instruction of `bytes` bytes, its first half low in `x`; *words: that it moves, of
 * `several`. */
static int insn_class(uint32_t x, uint32_t bytes, int is_thumb, uint32_t *words) {
    *words = 0;
    if (is_thumb)
        return bytes == 2 ? insn_thumb16(x, words) : insn_thumb32(x & 0xFFFF, x >> 16, words);
    return bytes == 2 ? insn_riscv16(x) : insn_riscv32(x);
}

#endif
