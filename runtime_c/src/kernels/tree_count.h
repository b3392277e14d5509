/* Counts taps: for each pixel of a word, how many of a step's taps are set there, in bit-planes.
 *
 * A step has words of taps to add and words of taps to take away. Taking away A is adding 1 - A and taking 1
 * from the constant that the sum is compared with, which the table's writer has done (tap_table.c). So all
 * taps count upwards, from 0 to less than 256, into eight planes that nothing else shares:
 *
 *     pieces of 1, 2, 4, 8, 16 words, at most one of each to add and one to take away, in this order
 *     blocks of 32 words, at most 6 in all
 *
 * A piece of 2^j words and planes 0 .. j - 1 are 2^j - 1 full adders (Harley-Seal), which leave planes 0 .. j
 * - 1 and a carry of weight 2^j:
 *
 *     taps  a0 a1   a2 a3   a4 a5   a6 a7   ...
 *     p0     \ /     \ /     \ /     \ /
 *     p1       \     /         \     /
 *     p2          \ ------------ /   -> carry
 *
 * In this order plane j + 1 is still empty when the first piece of 2^j words comes, and after the second all
 * is below 2^(j + 2): a carry needs one half adder and perhaps an XOR, a block's three. Nothing waits, and
 * only `pieces` decides what runs.
 *
 * Where taps are taken away, the cells are full subtractors: their borrows are carries upside down.
 *
 * On AArch64 the pieces of 8 and 16 are assembly, laid out by tools/tree_block.py: what compilers make of the
 * lines below takes a fifth more cycles in a model of the Cortex-A72 and A53. Machines with few registers
 * have a count of their own (tree_count_few.h).
 */
#ifndef SPB_TREE_COUNT_H
#define SPB_TREE_COUNT_H

#include "../little_endian.h"
#include "../tap_table.h"
#include "tree_word.h"

enum { TREE_COUNT_PLANES = 8 };

#if defined(SPB_WORD_IS_MVE) || (SPB_WORD_BYTES == 4 && defined(__arm__))
#include "tree_count_few.h"
#else

/* Two words of taps into plane 0; a carry of weight 2. */
SPB_INLINE tree_word tree_add2(tree_word *c, const uint8_t *base, const uint16_t *taps, int lanes,
                               int subtract) {
    tree_word x[2];
    tree_gather_two(base, taps, lanes, x);
    return tree_full(c, x[0], x[1], subtract);
}

SPB_INLINE tree_word tree_add4(tree_word *c, const uint8_t *base, const uint16_t *taps, int lanes,
                               int subtract) {
    tree_word a = tree_add2(c, base, taps, lanes, subtract);
    tree_word b = tree_add2(c, base, taps + 2 * lanes, lanes, subtract);
    return tree_full(c + 1, a, b, subtract);
}

#if defined(SPB_WORD_IS_AARCH64)
#include "tree_block_aarch64.h"

/* The assembly leaves its carries in v14 and v15. */
#define TREE_BLOCK(text, ...)                                                                                \
    do {                                                                                                     \
        register spb_word low __asm__("v14");                                                                \
        register spb_word high __asm__("v15");                                                               \
        __asm__(text                                                                                         \
                : __VA_ARGS__, "=w"(low), "=w"(high)                                                         \
                : [base] "r"(base), [taps] "r"(taps)                                                         \
                : TREE_BLOCK_CLOBBERS);                                                                      \
        return tree_pair(low, high);                                                                         \
    } while (0)
#define TREE_PLANE(j) "+w"(c[j].q[0]), "+w"(c[j].q[1])
#endif

SPB_INLINE tree_word tree_add8(tree_word *c, const uint8_t *base, const uint16_t *taps, int lanes,
                               int subtract) {
#if defined(SPB_WORD_IS_AARCH64)
    if (lanes == 1 && subtract)
        TREE_BLOCK(TREE_BLOCK_8_1(TB_MINUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2));
    if (lanes == 1)
        TREE_BLOCK(TREE_BLOCK_8_1(TB_PLUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2));
    if (lanes == 4 && subtract)
        TREE_BLOCK(TREE_BLOCK_8_4(TB_MINUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2));
    if (lanes == 4)
        TREE_BLOCK(TREE_BLOCK_8_4(TB_PLUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2));
#endif
    tree_word a = tree_add4(c, base, taps, lanes, subtract);
    tree_word b = tree_add4(c, base, taps + 4 * lanes, lanes, subtract);
    return tree_full(c + 2, a, b, subtract);
}

SPB_INLINE tree_word tree_add16(tree_word *c, const uint8_t *base, const uint16_t *taps, int lanes,
                                int subtract) {
#if defined(SPB_WORD_IS_AARCH64)
    if (lanes == 1 && subtract)
        TREE_BLOCK(TREE_BLOCK_16_1(TB_MINUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2), TREE_PLANE(3));
    if (lanes == 1)
        TREE_BLOCK(TREE_BLOCK_16_1(TB_PLUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2), TREE_PLANE(3));
    if (lanes == 4 && subtract)
        TREE_BLOCK(TREE_BLOCK_16_4(TB_MINUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2), TREE_PLANE(3));
    if (lanes == 4)
        TREE_BLOCK(TREE_BLOCK_16_4(TB_PLUS), TREE_PLANE(0), TREE_PLANE(1), TREE_PLANE(2), TREE_PLANE(3));
#endif
    tree_word a = tree_add8(c, base, taps, lanes, subtract);
    tree_word b = tree_add8(c, base, taps + 8 * lanes, lanes, subtract);
    return tree_full(c + 3, a, b, subtract);
}

SPB_INLINE tree_word tree_add32(tree_word *c, const uint8_t *base, const uint16_t *taps, int lanes,
                                int subtract) {
    tree_word a = tree_add16(c, base, taps, lanes, subtract);
    tree_word b = tree_add16(c, base, taps + 16 * lanes, lanes, subtract);
    return tree_full(c + 4, a, b, subtract);
}

/* A piece's carry joins its plane. */
SPB_INLINE tree_word tree_join(tree_word *c, tree_word carry, int subtract) {
    return subtract ? tree_half_not(c, carry) : tree_half(c, carry);
}

/* The piece of 2^j words, if `pieces` has it; returns where it ends. */
SPB_INLINE const uint16_t *tree_piece(tree_word *c, const uint8_t *base, const uint16_t *taps,
                                      uint32_t pieces, int j, int lanes, int subtract) {
    if (!(pieces >> (2 * j + subtract) & 1))
        return taps;
    tree_word carry = j == 0   ? tree_gather(base, taps, lanes)
                      : j == 1 ? tree_add2(c, base, taps, lanes, subtract)
                      : j == 2 ? tree_add4(c, base, taps, lanes, subtract)
                      : j == 3 ? tree_add8(c, base, taps, lanes, subtract)
                               : tree_add16(c, base, taps, lanes, subtract);
    carry = tree_join(&c[j], carry, subtract);
    c[j + 1] = subtract ? tree_xor(c[j + 1], carry) : carry;
    return taps + (lanes << j);
}

/* To add and to take away: no loop, which gcc would leave one around the larger blocks. */
SPB_INLINE const uint16_t *tree_pieces(tree_word *c, const uint8_t *base, const uint16_t *taps,
                                       uint32_t pieces, int j, int lanes) {
    taps = tree_piece(c, base, taps, pieces, j, lanes, 0);
    return tree_piece(c, base, taps, pieces, j, lanes, 1);
}

SPB_INLINE const uint16_t *tree_blocks(tree_word *c, const uint8_t *base, const uint16_t *taps,
                                       uint32_t count, int lanes, int subtract) {
    for (; count > 0; count--, taps += 32 * lanes) {
        tree_word carry = tree_add32(c, base, taps, lanes, subtract);
        carry = tree_join(&c[5], carry, subtract);
        carry = tree_half(&c[6], carry);
        c[7] = tree_xor(c[7], carry);
    }
    return taps;
}

/* All taps of the step at `header` into c; returns where they end, the next step. */
SPB_INLINE const uint8_t *tree_count(tree_word *c, const uint8_t *base, const uint8_t *header, int lanes,
                                     int tap_align) {
    (void)tap_align; /* only cores that load words from their multiples alone want to know */
    const uint16_t *taps = (const uint16_t *)(const void *)(header + SPB_STEP_HEADER_BYTES);
    uint32_t pieces = spb_u16(header + SPB_STEP_PIECES), blocks = header[SPB_STEP_BLOCKS];
    for (int j = 0; j < TREE_COUNT_PLANES; j++)
        c[j] = tree_splat_byte(0);
    taps = tree_pieces(c, base, taps, pieces, 0, lanes);
    taps = tree_pieces(c, base, taps, pieces, 1, lanes);
    taps = tree_pieces(c, base, taps, pieces, 2, lanes);
    taps = tree_pieces(c, base, taps, pieces, 3, lanes);
    taps = tree_pieces(c, base, taps, pieces, 4, lanes);
    taps = tree_blocks(c, base, taps, blocks & 15, lanes, 0);
    taps = tree_blocks(c, base, taps, blocks >> 4, lanes, 1);
    return (const uint8_t *)taps;
}

#endif
#endif
