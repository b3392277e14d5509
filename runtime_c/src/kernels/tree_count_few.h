/* tree_count (tree_count.h) for machines with few registers: planes 0 to 2 stay in three of them, the higher
 * ones in memory, where only every eighth word of taps goes. A function of its own, so that nothing else
 * wants registers.
 *
 *   MVE    8 registers; the blocks are assembly               (tree_block_mve.h, tree_count_mve.h)
 *   ARM   13 registers, words of 32 bits; the blocks are assembly on all but ARMv6-M (tree_count_arm.h)
 */
#ifndef SPB_TREE_COUNT_FEW_H
#define SPB_TREE_COUNT_FEW_H

#include "../little_endian.h"
#include "../tap_table.h"
#include "tree_word.h"

typedef struct few_planes {
    tree_word p0, p1, p2;
    const uint16_t *taps;
    int tap_align; /* a constant */
} few_planes;

/* Whether words are loaded from any address: then it is one code for all layers. */
#if defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED)
#define FEW_ANY_ADDRESS 0
#else
#define FEW_ANY_ADDRESS 1
#endif

/* The next word of taps. */
SPB_INLINE tree_word few_gather(few_planes *c, const uint8_t *base, int lanes) {
    const uint16_t *taps = c->taps;
    c->taps += lanes;
#if SPB_WORD_BYTES == 4 /* lanes: 1 */
    return spb_load_from(base + *taps, c->tap_align);
#else
    return tree_gather(base, taps, lanes);
#endif
}

/* few_add2, few_add4, few_add8: so many words of taps into the planes below the carry, which is returned. */
#if defined(SPB_WORD_IS_MVE)
#include "tree_count_mve.h"
#elif defined(__GNUC__) && defined(__ARM_FEATURE_UNALIGNED) && (defined(__thumb2__) || !defined(__thumb__))
#include "tree_count_arm.h"
#else

SPB_INLINE tree_word few_add2(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    tree_word a = few_gather(c, base, lanes), b = few_gather(c, base, lanes);
    return tree_full(&c->p0, a, b, subtract);
}

SPB_INLINE tree_word few_add4(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    tree_word a = few_add2(c, base, lanes, subtract), b = few_add2(c, base, lanes, subtract);
    return tree_full(&c->p1, a, b, subtract);
}

SPB_INLINE tree_word few_add8(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    tree_word a = few_add4(c, base, lanes, subtract), b = few_add4(c, base, lanes, subtract);
    return tree_full(&c->p2, a, b, subtract);
}

#endif

/* Plane `j` of memory takes in two words of its weight, or one. */
SPB_INLINE tree_word few_full(uint8_t *planes, int j, tree_word a, tree_word b, int subtract) {
    tree_word p = tree_load(planes + TREE_WORD_BYTES * j), up = tree_full(&p, a, b, subtract);
    tree_store(planes + TREE_WORD_BYTES * j, p);
    return up;
}
SPB_INLINE tree_word few_join(uint8_t *planes, int j, tree_word carry, int subtract) {
    tree_word p = tree_load(planes + TREE_WORD_BYTES * j);
    tree_word up = subtract ? tree_half_not(&p, carry) : tree_half(&p, carry);
    tree_store(planes + TREE_WORD_BYTES * j, p);
    return up;
}
/* Above a pair of pieces nothing is yet, or the carry of the first. */
SPB_INLINE void few_end(uint8_t *planes, int j, tree_word carry, int subtract) {
    tree_store(planes + TREE_WORD_BYTES * j,
               subtract ? tree_xor(tree_load(planes + TREE_WORD_BYTES * j), carry) : carry);
}

SPB_INLINE tree_word few_add16(few_planes *c, uint8_t *planes, const uint8_t *base, int lanes, int subtract) {
    tree_word a = few_add8(c, base, lanes, subtract);
    tree_word b = few_add8(c, base, lanes, subtract);
    return few_full(planes, 3, a, b, subtract);
}

SPB_INLINE void few_piece(few_planes *c, uint8_t *planes, const uint8_t *base, uint32_t pieces, int lanes,
                          int subtract, int j) {
    if (!(pieces >> (2 * j + subtract) & 1))
        return;
    if (j == 0) {
        tree_word carry = few_gather(c, base, lanes);
        carry = subtract ? tree_half_not(&c->p0, carry) : tree_half(&c->p0, carry);
        c->p1 = subtract ? tree_xor(c->p1, carry) : carry;
    } else if (j == 1) {
        tree_word carry = few_add2(c, base, lanes, subtract);
        carry = subtract ? tree_half_not(&c->p1, carry) : tree_half(&c->p1, carry);
        c->p2 = subtract ? tree_xor(c->p2, carry) : carry;
    } else if (j == 2) {
        tree_word carry = few_add4(c, base, lanes, subtract);
        carry = subtract ? tree_half_not(&c->p2, carry) : tree_half(&c->p2, carry);
        few_end(planes, 3, carry, subtract);
    } else {
        tree_word carry =
            j == 3 ? few_add8(c, base, lanes, subtract) : few_add16(c, planes, base, lanes, subtract);
        few_end(planes, j + 1, few_join(planes, j, carry, subtract), subtract);
    }
}

/* Both pieces of 2^j words. */
SPB_INLINE void few_pieces(few_planes *c, uint8_t *planes, const uint8_t *base, uint32_t pieces, int lanes,
                           int j) {
    few_piece(c, planes, base, pieces, lanes, 0, j);
    few_piece(c, planes, base, pieces, lanes, 1, j);
}

SPB_INLINE void few_blocks(few_planes *c, uint8_t *planes, const uint8_t *base, uint32_t count, int lanes,
                           int subtract) {
    for (; count > 0; count--) {
        tree_word a = few_add16(c, planes, base, lanes, subtract);
        tree_word b = few_add16(c, planes, base, lanes, subtract);
        tree_word carry = few_full(planes, 4, a, b, subtract);
        carry = few_join(planes, 5, carry, subtract);
        few_end(planes, 7, few_join(planes, 6, carry, 0), 1);
    }
}

SPB_INLINE const uint8_t *few_count(tree_word *count, const uint8_t *base, const uint8_t *header, int lanes,
                                    int tap_align) {
    uint8_t *planes = (uint8_t *)count;
    uint32_t pieces = spb_u16(header + SPB_STEP_PIECES), blocks = header[SPB_STEP_BLOCKS];
    tree_word zero = tree_splat_byte(0);
    few_planes c = {zero, zero, zero, (const uint16_t *)(const void *)(header + SPB_STEP_HEADER_BYTES),
                    tap_align};
    for (int j = 3; j < 8; j++)
        tree_store(planes + TREE_WORD_BYTES * j, zero);
    few_pieces(&c, planes, base, pieces, lanes, 0);
    few_pieces(&c, planes, base, pieces, lanes, 1);
    few_pieces(&c, planes, base, pieces, lanes, 2);
    few_pieces(&c, planes, base, pieces, lanes, 3);
    few_pieces(&c, planes, base, pieces, lanes, 4);
    if (blocks) { /* seldom */
        few_blocks(&c, planes, base, blocks & 15, lanes, 0);
        few_blocks(&c, planes, base, blocks >> 4, lanes, 1);
    }
    tree_store(planes, c.p0);
    tree_store(planes + TREE_WORD_BYTES, c.p1);
    tree_store(planes + 2 * TREE_WORD_BYTES, c.p2);
    return (const uint8_t *)c.taps;
}

#define FEW_COUNT(lanes, align)                                                                              \
    __attribute__((noinline)) static const uint8_t *few_count_##lanes##_##align(                             \
        tree_word *count, const uint8_t *base, const uint8_t *header) {                                      \
        return few_count(count, base, header, lanes, align);                                                 \
    }
#define FEW_CALL(lanes, align) return few_count_##lanes##_##align(count, base, header)
FEW_COUNT(1, 1)
#if SPB_WORD_BYTES > 4
FEW_COUNT(2, 1)
FEW_COUNT(4, 1)
SPB_INLINE const uint8_t *tree_count(tree_word *count, const uint8_t *base, const uint8_t *header, int lanes,
                                     int tap_align) {
    (void)tap_align;
    if (lanes == 1)
        FEW_CALL(1, 1);
    if (lanes == 2)
        FEW_CALL(2, 1);
    FEW_CALL(4, 1);
}
#else
FEW_COUNT(1, 2)
FEW_COUNT(1, 4)
SPB_INLINE const uint8_t *tree_count(tree_word *count, const uint8_t *base, const uint8_t *header, int lanes,
                                     int tap_align) {
    const int aligns = FEW_ANY_ADDRESS ? 1 : SPB_TAP_ALIGNS;
    (void)lanes;
    if (aligns & 4 && (aligns == 4 || tap_align == 4))
        FEW_CALL(1, 4);
    if (aligns & 2 && (!(aligns & 1) || tap_align == 2))
        FEW_CALL(1, 2);
    FEW_CALL(1, 1);
}
#endif
#undef FEW_COUNT
#undef FEW_CALL

#endif
