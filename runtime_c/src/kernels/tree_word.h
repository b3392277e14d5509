/* The word of the tree kernel: one bit a pixel, as many pixels as it takes in with one offset.
 *
 *   build         tree_word          pixels   full adder
 *   AArch64       2 x 128 bits       256      2 x 3 operations: EOR, EOR, BSL
 *   NEON, ARMv7   128 bits           128      3 operations
 *   AVX2          256 bits           256      5 operations (2 with AVX-512VL's ternary logic)
 *   MVE           128 bits           128      5 operations
 *   scalar        uint64_t, uint32_t 64, 32   5 operations
 *
 * An offset is worth more pixels on AArch64 than a register holds: it is fetched, and made an address, once
 * for two loads.
 *
 * An image of fewer pixels shares a word among 2 or 4 lanes, each with a tap of its own. Once the lanes'
 * counts are added up (tree_rotate brings one to another), TREE_NARROW_BYTES of a word hold all there is.
 *
 * Full adder and full subtractor, the two cells of everything, are in word.h.
 */
#ifndef SPB_TREE_WORD_H
#define SPB_TREE_WORD_H

#include "../limits.h"
#include "../word.h"

#if defined(SPB_WORD_IS_AARCH64)

enum { TREE_WORD_BYTES = 32, TREE_NARROW_BYTES = 16 };
#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)

typedef struct tree_word {
    spb_word q[2];
} tree_word;

SPB_INLINE tree_word tree_pair(spb_word low, spb_word high) {
    tree_word r = {{low, high}};
    return r;
}
SPB_INLINE tree_word tree_load(const uint8_t *p) { return tree_pair(spb_load(p), spb_load(p + 16)); }
SPB_INLINE void tree_store(uint8_t *p, tree_word x) {
    spb_store(p, x.q[0]);
    spb_store(p + 16, x.q[1]);
}
SPB_INLINE tree_word tree_splat(spb_word x) { return tree_pair(x, x); }
SPB_INLINE tree_word tree_splat_byte(uint8_t byte) { return tree_splat(spb_splat_byte(byte)); }
SPB_INLINE tree_word tree_xor(tree_word a, tree_word b) {
    return tree_pair(spb_xor(a.q[0], b.q[0]), spb_xor(a.q[1], b.q[1]));
}
SPB_INLINE tree_word tree_and(tree_word a, tree_word b) {
    return tree_pair(spb_and(a.q[0], b.q[0]), spb_and(a.q[1], b.q[1]));
}
SPB_INLINE tree_word tree_select(tree_word mask, tree_word a, tree_word b) {
    return tree_pair(spb_select(mask.q[0], a.q[0], b.q[0]), spb_select(mask.q[1], a.q[1], b.q[1]));
}
SPB_INLINE tree_word tree_full(tree_word *x, tree_word a, tree_word b, int subtract) {
    spb_word low = spb_full(&x->q[0], a.q[0], b.q[0], subtract);
    return tree_pair(low, spb_full(&x->q[1], a.q[1], b.q[1], subtract));
}
SPB_INLINE tree_word tree_half(tree_word *x, tree_word a) {
    spb_word low = spb_half(&x->q[0], a.q[0]);
    return tree_pair(low, spb_half(&x->q[1], a.q[1]));
}
/* The same, of the opposite of `a`. */
SPB_INLINE tree_word tree_half_not(tree_word *x, tree_word a) {
    spb_word low = spb_half_not(&x->q[0], a.q[0]);
    return tree_pair(low, spb_half_not(&x->q[1], a.q[1]));
}

/* Two addresses from two offsets in 32 bits, one instruction each: gcc takes three. */
SPB_INLINE void tree_addresses(const uint8_t *base, const uint16_t *offsets, const uint8_t *at[2]) {
    uint32_t two;
    memcpy(&two, offsets, sizeof two);
    __asm__("add %0, %1, %w2, uxth" : "=r"(at[0]) : "r"(base), "r"(two));
    __asm__("add %0, %1, %2, lsr #16" : "=r"(at[1]) : "r"(base), "r"((uint64_t)two));
}

/* 16 bytes from `lanes` places. */
SPB_INLINE spb_word tree_gather_half(const uint8_t *base, const uint16_t *offsets, int lanes) {
    const uint8_t *at[2];
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    tree_addresses(base, offsets, at); /* LDR, LD1; of vcombine_u8 clang makes three */
    uint64x2_t low = vcombine_u64(vreinterpret_u64_u8(vld1_u8(at[0])), vdup_n_u64(0));
    return vreinterpretq_u8_u64(vld1q_lane_u64((const uint64_t *)(const void *)at[1], low, 1));
}
/* A word: one load of 32 bytes or `lanes` shorter ones side by side. */
SPB_INLINE tree_word tree_gather(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return tree_load(base + offsets[0]);
    return tree_pair(tree_gather_half(base, offsets, lanes / 2),
                     tree_gather_half(base, offsets + lanes / 2, lanes / 2));
}
SPB_INLINE void tree_gather_two(const uint8_t *base, const uint16_t *offsets, int lanes, tree_word to[2]) {
    if (lanes == 1) {
        const uint8_t *at[2];
        tree_addresses(base, offsets, at);
        to[0] = tree_load(at[0]);
        to[1] = tree_load(at[1]);
    } else {
        to[0] = tree_gather(base, offsets, lanes);
        to[1] = tree_gather(base, offsets + lanes, lanes);
    }
}

SPB_INLINE spb_word tree_rotate(spb_word a, int bytes) {
    (void)bytes; /* 8: lanes are not narrower */
    return vextq_u8(a, a, 8);
}

#else

enum { TREE_WORD_BYTES = SPB_WORD_BYTES, TREE_NARROW_BYTES = SPB_WORD_BYTES };

typedef spb_word tree_word;

SPB_INLINE tree_word tree_load(const uint8_t *p) { return spb_load_word(p); }
SPB_INLINE void tree_store(uint8_t *p, tree_word x) { spb_store_word(p, x); }
SPB_INLINE tree_word tree_splat(spb_word x) { return x; }
SPB_INLINE tree_word tree_splat_byte(uint8_t byte) { return spb_splat_byte(byte); }
SPB_INLINE tree_word tree_xor(tree_word a, tree_word b) { return spb_xor(a, b); }
SPB_INLINE tree_word tree_and(tree_word a, tree_word b) { return spb_and(a, b); }
SPB_INLINE tree_word tree_select(tree_word mask, tree_word a, tree_word b) { return spb_select(mask, a, b); }
SPB_INLINE tree_word tree_full(tree_word *x, tree_word a, tree_word b, int subtract) {
    return spb_full(x, a, b, subtract);
}
SPB_INLINE tree_word tree_half(tree_word *x, tree_word a) { return spb_half(x, a); }
SPB_INLINE tree_word tree_half_not(tree_word *x, tree_word a) { return spb_half_not(x, a); }

#if defined(SPB_WORD_IS_ARMV7)

#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)
SPB_INLINE spb_word tree_gather(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return vld1q_u8(base + offsets[0]);
    if (lanes == 2)
        return vcombine_u8(vld1_u8(base + offsets[0]), vld1_u8(base + offsets[1]));
    uint32_t x[4];
    for (int i = 0; i < 4; i++)
        memcpy(&x[i], base + offsets[i], sizeof x[i]);
    return vreinterpretq_u8_u32(vld1q_u32(x));
}
SPB_INLINE spb_word tree_rotate(tree_word a, int bytes) {
    return bytes == 8 ? vextq_u8(a, a, 8) : vextq_u8(a, a, 4);
}

#elif defined(SPB_WORD_IS_AVX2)

#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)
/* 16 bytes from 1 or 2 places. */
SPB_INLINE __m128i tree_gather_half(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return _mm_loadu_si128((const __m128i *)(const void *)(base + offsets[0]));
    __m128i low = _mm_loadl_epi64((const __m128i *)(const void *)(base + offsets[0])); /* VMOVQ, VMOVHPS */
    const __m64 *high = (const __m64 *)(const void *)(base + offsets[1]);
    return _mm_castps_si128(_mm_loadh_pi(_mm_castsi128_ps(low), high));
}
SPB_INLINE spb_word tree_gather(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    __m128i low = tree_gather_half(base, offsets, lanes / 2);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low),
                                   tree_gather_half(base, offsets + lanes / 2, lanes / 2), 1);
}
SPB_INLINE spb_word tree_rotate(tree_word a, int bytes) {
    return bytes == 16 ? _mm256_permute4x64_epi64(a, 0x4E) : _mm256_shuffle_epi32(a, 0x4E);
}

#elif defined(SPB_WORD_IS_MVE)

#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)
SPB_INLINE uint32_t tree_load_32(const uint8_t *p) {
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}
/* Not vcreateq_u8: gcc 12 changes its halves over. */
SPB_INLINE spb_word tree_four(uint32_t x0, uint32_t x1, uint32_t x2, uint32_t x3) {
    spb_word x;
    __asm__("vmov %q0[2], %q0[0], %1, %3\n\tvmov %q0[3], %q0[1], %2, %4"
            : "=&w"(x)
            : "r"(x0), "r"(x1), "r"(x2), "r"(x3));
    return x;
}
/* Lanes go through the integer core's registers: a gathering load wants each of its parts aligned. */
SPB_INLINE spb_word tree_gather(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    const uint8_t *a = base + offsets[0], *b = base + offsets[1];
    if (lanes == 2)
        return tree_four(tree_load_32(a), tree_load_32(a + 4), tree_load_32(b), tree_load_32(b + 4));
    return tree_four(tree_load_32(a), tree_load_32(b), tree_load_32(base + offsets[2]),
                     tree_load_32(base + offsets[3]));
}
/* By 4 bytes only where both halves are alike, which rotating by 8 and adding has made them. */
SPB_INLINE spb_word tree_rotate(tree_word a, int bytes) {
    if (bytes == 4)
        return vreinterpretq_u8_u32(vrev64q_u32(vreinterpretq_u32_u8(a)));
    uint32_t low, high;
    __asm__("vmov %1, %2, %q0[2], %q0[0]\n\tvmov %q0[2], %q0[0], %2, %1\n\t"
            "vmov %1, %2, %q0[3], %q0[1]\n\tvmov %q0[3], %q0[1], %2, %1"
            : "+w"(a), "=&r"(low), "=&r"(high));
    return a;
}

#else

#if SPB_WORD_BYTES == 4
#define TREE_EACH_LANE_COUNT(DO) DO(1) /* a lane has 4 bytes at least */
#elif SPB_WORD_BYTES == 8
#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2)
#else
#define TREE_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)
#endif
SPB_INLINE spb_word tree_gather(const uint8_t *base, const uint16_t *offsets, int lanes) {
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    uint8_t word[SPB_WORD_BYTES];
    for (int i = 0; i < lanes; i++)
        memcpy(word + i * (SPB_WORD_BYTES / lanes), base + offsets[i], (size_t)(SPB_WORD_BYTES / lanes));
    return spb_load(word);
}
SPB_INLINE spb_word tree_rotate(tree_word a, int bytes) {
    return (spb_word)(a >> 8 * bytes | a << 8 * (SPB_WORD_BYTES - bytes));
}

#endif

/* Two words, each one load or `lanes` shorter ones side by side. */
SPB_INLINE void tree_gather_two(const uint8_t *base, const uint16_t *offsets, int lanes, tree_word to[2]) {
    to[0] = tree_gather(base, offsets, lanes);
    to[1] = tree_gather(base, offsets + lanes, lanes);
}

#endif

#endif
