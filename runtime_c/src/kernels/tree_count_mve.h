/* tree_count (tree_count.h) for MVE, which has 8 registers: planes 0 to 2 stay in three of them, the higher
 * ones in memory, where only every eighth word of taps goes. A function of its own, so that nothing else
 * wants registers.
 */
#ifndef SPB_TREE_COUNT_MVE_H
#define SPB_TREE_COUNT_MVE_H

#include "../little_endian.h"
#include "../tap_table.h"
#include "tree_block_mve.h"
#include "tree_word.h"

typedef struct mve_planes {
    spb_word p0, p1, p2;
    const uint16_t *taps;
} mve_planes;

/* So many words of taps into the planes below the carry, which is returned: mve_<words>_<lanes><sign>. The
 * order of the instructions is the block's; the compiler gives the registers. */
#define MVE_T(n) [t##n] "=&w"(t##n)
#define MVE_A(n) [a##n] "=&r"(a##n)
#define MVE_BLOCK(text, words, ...)                                                                          \
    uint32_t a0, a1, a2, a3, a4, a5;                                                                         \
    __asm__(text                                                                                             \
            : __VA_ARGS__, MVE_A(0), MVE_A(1), MVE_A(2), MVE_A(3), MVE_A(4), MVE_A(5)                        \
            : [base] "r"(base), [taps] "r"(c->taps)                                                          \
            : "memory");                                                                                     \
    c->taps += words;                                                                                        \
    return t0
#define MVE_ADDS(lanes, sign, SEL)                                                                           \
    SPB_INLINE spb_word mve_2_##lanes##sign(mve_planes *c, const uint8_t *base) {                            \
        spb_word t0, t1, t2;                                                                                 \
        MVE_BLOCK(MVE_BLOCK_2_##lanes(SEL), 2 * lanes, [p0] "+w"(c->p0), MVE_T(0), MVE_T(1), MVE_T(2));      \
    }                                                                                                        \
    SPB_INLINE spb_word mve_4_##lanes##sign(mve_planes *c, const uint8_t *base) {                            \
        spb_word t0, t1, t2, t3;                                                                             \
        MVE_BLOCK(MVE_BLOCK_4_##lanes(SEL), 4 * lanes, [p0] "+w"(c->p0), [p1] "+w"(c->p1), MVE_T(0),         \
                  MVE_T(1), MVE_T(2), MVE_T(3));                                                             \
    }                                                                                                        \
    SPB_INLINE spb_word mve_8_##lanes##sign(mve_planes *c, const uint8_t *base) {                            \
        spb_word t0, t1, t2, t3, t4;                                                                         \
        MVE_BLOCK(MVE_BLOCK_8_##lanes(SEL), 8 * lanes, [p0] "+w"(c->p0), [p1] "+w"(c->p1), [p2] "+w"(c->p2), \
                  MVE_T(0), MVE_T(1), MVE_T(2), MVE_T(3), MVE_T(4));                                         \
    }
MVE_ADDS(1, plus, MB_PLUS)
MVE_ADDS(1, minus, MB_MINUS)
MVE_ADDS(2, plus, MB_PLUS)
MVE_ADDS(2, minus, MB_MINUS)
MVE_ADDS(4, plus, MB_PLUS)
MVE_ADDS(4, minus, MB_MINUS)
#undef MVE_ADDS

#define MVE_ADD(words)                                                                                       \
    SPB_INLINE spb_word mve_add##words(mve_planes *c, const uint8_t *base, int lanes, int subtract) {        \
        if (lanes == 1)                                                                                      \
            return subtract ? mve_##words##_1minus(c, base) : mve_##words##_1plus(c, base);                  \
        if (lanes == 2)                                                                                      \
            return subtract ? mve_##words##_2minus(c, base) : mve_##words##_2plus(c, base);                  \
        return subtract ? mve_##words##_4minus(c, base) : mve_##words##_4plus(c, base);                      \
    }
MVE_ADD(2)
MVE_ADD(4)
MVE_ADD(8)
#undef MVE_ADD

/* Plane `j` of memory takes in two words of its weight, or one. */
SPB_INLINE spb_word mve_full(uint8_t *planes, int j, spb_word a, spb_word b, int subtract) {
    spb_word p = spb_load(planes + 16 * j), up = spb_full(&p, a, b, subtract);
    spb_store(planes + 16 * j, p);
    return up;
}
SPB_INLINE spb_word mve_join(uint8_t *planes, int j, spb_word carry, int subtract) {
    spb_word p = spb_load(planes + 16 * j);
    spb_word up = subtract ? spb_half_not(&p, carry) : spb_half(&p, carry);
    spb_store(planes + 16 * j, p);
    return up;
}
/* Above a pair of pieces nothing is yet, or the carry of the first. */
SPB_INLINE void mve_end(uint8_t *planes, int j, spb_word carry, int subtract) {
    spb_store(planes + 16 * j, subtract ? spb_xor(spb_load(planes + 16 * j), carry) : carry);
}

SPB_INLINE spb_word mve_add16(mve_planes *c, uint8_t *planes, const uint8_t *base, int lanes, int subtract) {
    spb_word a = mve_add8(c, base, lanes, subtract);
    spb_word b = mve_add8(c, base, lanes, subtract);
    return mve_full(planes, 3, a, b, subtract);
}

SPB_INLINE void mve_piece(mve_planes *c, uint8_t *planes, const uint8_t *base, uint32_t pieces, int lanes,
                          int subtract, int j) {
    if (!(pieces >> (2 * j + subtract) & 1))
        return;
    if (j == 0) {
        spb_word carry = tree_gather(base, c->taps, lanes);
        c->taps += lanes;
        carry = subtract ? spb_half_not(&c->p0, carry) : spb_half(&c->p0, carry);
        c->p1 = subtract ? spb_xor(c->p1, carry) : carry;
    } else if (j == 1) {
        spb_word carry = mve_add2(c, base, lanes, subtract);
        carry = subtract ? spb_half_not(&c->p1, carry) : spb_half(&c->p1, carry);
        c->p2 = subtract ? spb_xor(c->p2, carry) : carry;
    } else if (j == 2) {
        spb_word carry = mve_add4(c, base, lanes, subtract);
        carry = subtract ? spb_half_not(&c->p2, carry) : spb_half(&c->p2, carry);
        mve_end(planes, 3, carry, subtract);
    } else {
        spb_word carry =
            j == 3 ? mve_add8(c, base, lanes, subtract) : mve_add16(c, planes, base, lanes, subtract);
        mve_end(planes, j + 1, mve_join(planes, j, carry, subtract), subtract);
    }
}

/* Both pieces of 2^j words. */
SPB_INLINE void mve_pieces(mve_planes *c, uint8_t *planes, const uint8_t *base, uint32_t pieces, int lanes,
                           int j) {
    mve_piece(c, planes, base, pieces, lanes, 0, j);
    mve_piece(c, planes, base, pieces, lanes, 1, j);
}

SPB_INLINE void mve_blocks(mve_planes *c, uint8_t *planes, const uint8_t *base, uint32_t count, int lanes,
                           int subtract) {
    for (; count > 0; count--) {
        spb_word a = mve_add16(c, planes, base, lanes, subtract);
        spb_word b = mve_add16(c, planes, base, lanes, subtract);
        spb_word carry = mve_full(planes, 4, a, b, subtract);
        carry = mve_join(planes, 5, carry, subtract);
        mve_end(planes, 7, mve_join(planes, 6, carry, 0), 1);
    }
}

SPB_INLINE const uint8_t *mve_count(tree_word *count, const uint8_t *base, const uint8_t *header, int lanes) {
    uint8_t *planes = (uint8_t *)count;
    uint32_t pieces = spb_u16(header + SPB_STEP_PIECES), blocks = header[SPB_STEP_BLOCKS];
    spb_word zero = spb_splat_byte(0);
    mve_planes c = {zero, zero, zero, (const uint16_t *)(const void *)(header + SPB_STEP_HEADER_BYTES)};
    for (int j = 3; j < 8; j++)
        spb_store(planes + 16 * j, zero);
    mve_pieces(&c, planes, base, pieces, lanes, 0);
    mve_pieces(&c, planes, base, pieces, lanes, 1);
    mve_pieces(&c, planes, base, pieces, lanes, 2);
    mve_pieces(&c, planes, base, pieces, lanes, 3);
    mve_pieces(&c, planes, base, pieces, lanes, 4);
    mve_blocks(&c, planes, base, blocks & 15, lanes, 0);
    mve_blocks(&c, planes, base, blocks >> 4, lanes, 1);
    spb_store(planes, c.p0);
    spb_store(planes + 16, c.p1);
    spb_store(planes + 32, c.p2);
    return (const uint8_t *)c.taps;
}

#define MVE_COUNT(lanes)                                                                                     \
    __attribute__((noinline)) static const uint8_t *mve_count_##lanes(tree_word *count, const uint8_t *base, \
                                                                      const uint8_t *header) {               \
        return mve_count(count, base, header, lanes);                                                        \
    }
MVE_COUNT(1)
MVE_COUNT(2)
MVE_COUNT(4)
#undef MVE_COUNT

SPB_INLINE const uint8_t *tree_count(tree_word *count, const uint8_t *base, const uint8_t *header,
                                     int lanes) {
    if (lanes == 1)
        return mve_count_1(count, base, header);
    return lanes == 2 ? mve_count_2(count, base, header) : mve_count_4(count, base, header);
}

#endif
