/* The adders of tree_count_few.h for ARM's 13 registers, whose sums and carries compilers spill: three
 * planes, two pointers and 5 registers beside them. Thumb-2 and ARM; a tap is an offset, LDRH, and its word,
 * LDR.
 */
#ifndef SPB_TREE_COUNT_ARM_H
#define SPB_TREE_COUNT_ARM_H

#include "tree_word.h"

#define ARM_TAP(t)                                                                                           \
    "ldrh %[" t "], [%[taps]], #2\n"                                                                         \
    "ldr %[" t "], [%[base], %[" t "]]\n"
/* Full adder, full subtractor: a and b join plane x, the carry is in a. */
#define ARM_PLUS(x, a, b, c)                                                                                 \
    "eors %[" b "], %[" b "], %[" a "]\n"                                                                    \
    "eor %[" c "], %[" x "], %[" a "]\n"                                                                     \
    "eors %[" x "], %[" x "], %[" b "]\n"                                                                    \
    "ands %[" c "], %[" c "], %[" b "]\n"                                                                    \
    "eors %[" a "], %[" a "], %[" c "]\n"
#define ARM_MINUS(x, a, b, c)                                                                                \
    "eors %[" b "], %[" b "], %[" a "]\n"                                                                    \
    "eors %[" x "], %[" x "], %[" b "]\n"                                                                    \
    "eor %[" c "], %[" x "], %[" a "]\n"                                                                     \
    "ands %[" c "], %[" c "], %[" b "]\n"                                                                    \
    "eors %[" a "], %[" a "], %[" c "]\n"

/* The next words of taps; of the carries a is left. */
#define ARM_2(FULL, a, b, c) ARM_TAP(a) ARM_TAP(b) FULL("p0", a, b, c)
#define ARM_4(FULL, a, b, c, d) ARM_2(FULL, a, b, c) ARM_2(FULL, b, c, d) FULL("p1", a, b, c)
#define ARM_8(FULL)                                                                                          \
    ARM_4(FULL, "t0", "t1", "t2", "t3")                                                                      \
    ARM_4(FULL, "t1", "t2", "t3", "t4") FULL("p2", "t0", "t1", "t2")

#define ARM_T(n) [t##n] "=&r"(t##n)
#define ARM_ADD(text, ...)                                                                                   \
    __asm__(text : [taps] "+&r"(c->taps), __VA_ARGS__ : [base] "r"(base) : "cc", "memory")

SPB_INLINE tree_word few_add2(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    uint32_t t0, t1, t2;
    (void)lanes; /* 1: a word has but 4 bytes */
    if (subtract) {
        ARM_ADD(ARM_2(ARM_MINUS, "t0", "t1", "t2"), [p0] "+&r"(c->p0), ARM_T(0), ARM_T(1), ARM_T(2));
    } else {
        ARM_ADD(ARM_2(ARM_PLUS, "t0", "t1", "t2"), [p0] "+&r"(c->p0), ARM_T(0), ARM_T(1), ARM_T(2));
    }
    return t0;
}

#define ARM_P01 [p0] "+&r"(c->p0), [p1] "+&r"(c->p1)
SPB_INLINE tree_word few_add4(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    uint32_t t0, t1, t2, t3;
    (void)lanes;
    if (subtract) {
        ARM_ADD(ARM_4(ARM_MINUS, "t0", "t1", "t2", "t3"), ARM_P01, ARM_T(0), ARM_T(1), ARM_T(2), ARM_T(3));
    } else {
        ARM_ADD(ARM_4(ARM_PLUS, "t0", "t1", "t2", "t3"), ARM_P01, ARM_T(0), ARM_T(1), ARM_T(2), ARM_T(3));
    }
    return t0;
}

SPB_INLINE tree_word few_add8(few_planes *c, const uint8_t *base, int lanes, int subtract) {
    uint32_t t0, t1, t2, t3, t4;
    (void)lanes;
    if (subtract) {
        ARM_ADD(ARM_8(ARM_MINUS), ARM_P01, [p2] "+&r"(c->p2), ARM_T(0), ARM_T(1), ARM_T(2), ARM_T(3),
                ARM_T(4));
    } else {
        ARM_ADD(ARM_8(ARM_PLUS), ARM_P01, [p2] "+&r"(c->p2), ARM_T(0), ARM_T(1), ARM_T(2), ARM_T(3),
                ARM_T(4));
    }
    return t0;
}

#endif
