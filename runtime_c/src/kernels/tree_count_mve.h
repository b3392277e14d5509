/* The blocks of tree_count_few.h for MVE: mve_<words>_<lanes><sign>. The order of the instructions is
 * tree_block_mve.h's; the compiler gives the registers. */
#ifndef SPB_TREE_COUNT_MVE_H
#define SPB_TREE_COUNT_MVE_H

#include "tree_block_mve.h"
#include "tree_word.h"

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
    SPB_INLINE spb_word mve_2_##lanes##sign(few_planes *c, const uint8_t *base) {                            \
        spb_word t0, t1, t2;                                                                                 \
        MVE_BLOCK(MVE_BLOCK_2_##lanes(SEL), 2 * lanes, [p0] "+w"(c->p0), MVE_T(0), MVE_T(1), MVE_T(2));      \
    }                                                                                                        \
    SPB_INLINE spb_word mve_4_##lanes##sign(few_planes *c, const uint8_t *base) {                            \
        spb_word t0, t1, t2, t3;                                                                             \
        MVE_BLOCK(MVE_BLOCK_4_##lanes(SEL), 4 * lanes, [p0] "+w"(c->p0), [p1] "+w"(c->p1), MVE_T(0),         \
                  MVE_T(1), MVE_T(2), MVE_T(3));                                                             \
    }                                                                                                        \
    SPB_INLINE spb_word mve_8_##lanes##sign(few_planes *c, const uint8_t *base) {                            \
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
    SPB_INLINE spb_word few_add##words(few_planes *c, const uint8_t *base, int lanes, int subtract) {        \
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

#endif
