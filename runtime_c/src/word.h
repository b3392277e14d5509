/* The word that the bit-sliced kernels calculate with: one bit a pixel, as many pixels as a register holds.
 *
 *   build                   spb_word            pixels   full adder
 *   NEON, AArch64 and v7    128-bit             128      3 operations: EOR, EOR, BSL
 *   AVX2                    256-bit             256      5 operations (2 with AVX-512VL's ternary logic)
 *   MVE (Helium)            128-bit             128      5 operations: it has no bitwise select
 *   scalar                  uint64_t, uint32_t  64, 32   5 operations
 *   scalar, MVE's twin      unsigned __int128   128      the same layout on a host, for its tables and tests
 *
 * One algorithm (kernels/tree_conv.c) runs on all of them; its word, two of these on AArch64, is in
 * kernels/tree_word.h. Force the scalar ones with -DSPB_FORCE_SCALAR=32,
 * 64 or 128.
 *
 * Full adder and full subtractor, the two cells of everything:
 *
 *   x + a + b = s + 2 carry      t = a ^ b,  s = x ^ t,  carry  = t ? x : a
 *   x - a - b = s - 2 borrow     t = a ^ b,  s = x ^ t,  borrow = t ? s : a
 *
 * (t = 0 means a = b, so x stays and 2a moves up; t = 1 adds or takes exactly one.) They differ in one
 * operand, so a subtraction costs what an addition costs and no plane is ever inverted.
 */
#ifndef SPB_WORD_H
#define SPB_WORD_H

#include <stdint.h>
#include <string.h>

#include "aligned.h"

/* The kernels' small parts are always made one with their callers, but for sanitizers, which check each of
 * their steps and would take minutes over it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SPB_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SPB_SANITIZED 1
#endif
#if (defined(__GNUC__) || defined(__clang__)) && !defined(SPB_SANITIZED)
#define SPB_INLINE static inline __attribute__((always_inline))
#else
#define SPB_INLINE static inline
#endif

/* In front of a loop over registers: values are in registers only when nothing of the loop is left.
 * Sanitizers keep small parts apart, where the loop's end is no constant. */
#if defined(SPB_SANITIZED)
#define SPB_UNROLL
#elif defined(__clang__)
#define SPB_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define SPB_UNROLL _Pragma("GCC unroll 16")
#else
#define SPB_UNROLL
#endif

/* In front of a loop that is written out as far as it pays: clang would go on, and need a second one for the
 * rest. gcc leaves it alone. */
#if defined(__clang__)
#define SPB_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define SPB_ROLLED
#endif

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

#include <arm_neon.h>
#if defined(__aarch64__)
#define SPB_ISA_NAME "neon64"
#define SPB_WORD_IS_AARCH64
#else
#define SPB_ISA_NAME "neon32"
#define SPB_WORD_IS_ARMV7
#endif
#define SPB_WORD_BYTES 16
typedef uint8x16_t spb_word;

/* clang rewrites vbslq into AND, BIC, ORR: pin the one instruction. */
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) {
#if defined(__clang__) && defined(__aarch64__)
    __asm__("bsl %0.16b, %1.16b, %2.16b" : "+w"(mask) : "w"(a), "w"(b));
    return mask;
#else
    return vbslq_u8(mask, a, b);
#endif
}

SPB_INLINE spb_word spb_load(const uint8_t *p) { return vld1q_u8(p); }
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { vst1q_u8(p, x); }
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return vdupq_n_u8(byte); }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return veorq_u8(a, b); }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return vandq_u8(a, b); }
SPB_INLINE spb_word spb_and_not(spb_word a, spb_word b) { return vbicq_u8(a, b); }
SPB_INLINE spb_word spb_not(spb_word a) { return vmvnq_u8(a); }

#if defined(__aarch64__)
/* 16 masks (below) are loaded at once. */
#define SPB_MASK_ROW(masks) spb_load(masks)
#define SPB_MASK_OF(row, masks, j)                                                                           \
    ((j) < 16 ? vdupq_laneq_u8(row, (j) % 16) : spb_splat_byte((masks)[j])) /* j: a literal */
#endif

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

#include <immintrin.h>
#define SPB_ISA_NAME "avx2"
#define SPB_WORD_IS_AVX2
#define SPB_WORD_BYTES 32
typedef __m256i spb_word;
SPB_INLINE spb_word spb_load(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return _mm256_set1_epi8((char)byte); }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return _mm256_and_si256(a, b); }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return _mm256_xor_si256(a, b); }
SPB_INLINE spb_word spb_and_not(spb_word a, spb_word b) { return _mm256_andnot_si256(b, a); }
SPB_INLINE spb_word spb_not(spb_word a) { return _mm256_xor_si256(a, _mm256_set1_epi8(-1)); }
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) {
    return _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(a, b), mask), b);
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)

#include <arm_mve.h>
#define SPB_ISA_NAME "mve"
#define SPB_WORD_IS_MVE
#define SPB_WORD_BYTES 16
typedef uint8x16_t spb_word;

/* By bytes: a tap lies at any address, and MVE's loads of longer elements want theirs aligned. */
SPB_INLINE spb_word spb_load(const uint8_t *p) { return vldrbq_u8(p); }
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { vstrbq_u8(p, x); }
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return vdupq_n_u8(byte); }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return veorq_u8(a, b); }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return vandq_u8(a, b); }
SPB_INLINE spb_word spb_and_not(spb_word a, spb_word b) { return vbicq_u8(a, b); }
SPB_INLINE spb_word spb_not(spb_word a) { return vmvnq_u8(a); }
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) {
    return spb_xor(spb_and(spb_xor(a, b), mask), b);
}

#else

#if defined(SPB_FORCE_SCALAR) && SPB_FORCE_SCALAR == 128
#define SPB_ISA_NAME "scalar128"
#define SPB_WORD_IS_128
#define SPB_WORD_BYTES 16
__extension__ typedef unsigned __int128 spb_word;
#elif defined(SPB_FORCE_SCALAR) ? SPB_FORCE_SCALAR == 64 : UINTPTR_MAX > 0xFFFFFFFFu
#define SPB_ISA_NAME "scalar64"
#define SPB_WORD_BYTES 8
typedef uint64_t spb_word;
#else
#define SPB_ISA_NAME "scalar32"
#define SPB_WORD_BYTES 4
typedef uint32_t spb_word;
#endif
#if defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED)
/* Cortex-M0, M0+ load words from multiples of a word only; gcc would call memcpy. */
SPB_INLINE spb_word spb_load(const uint8_t *p) {
    return p[0] | (spb_word)p[1] << 8 | (spb_word)p[2] << 16 | (spb_word)p[3] << 24;
}
SPB_INLINE void spb_store(uint8_t *p, spb_word x) {
    p[0] = (uint8_t)x, p[1] = (uint8_t)(x >> 8), p[2] = (uint8_t)(x >> 16), p[3] = (uint8_t)(x >> 24);
}
#else
SPB_INLINE spb_word spb_load(const uint8_t *p) {
    spb_word x;
    memcpy(&x, p, sizeof x);
    return x;
}
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { memcpy(p, &x, sizeof x); }
#endif
/* From a multiple of `align`, a constant. */
SPB_INLINE spb_word spb_load_from(const uint8_t *p, int align) {
    (void)align; /* no other compiler is told */
#if defined(__GNUC__)
    if (align >= (int)sizeof(spb_word)) {
        spb_word x;
        memcpy(&x, __builtin_assume_aligned(p, sizeof x), sizeof x);
        return x;
    }
#if defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED)
    if (align == 2) {
        uint16_t low, high;
        memcpy(&low, __builtin_assume_aligned(p, 2), sizeof low);
        memcpy(&high, __builtin_assume_aligned(p + 2, 2), sizeof high);
        return low | (spb_word)high << 16;
    }
#endif
#endif
    return spb_load(p);
}
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return ~(spb_word)0 / 0xFF * byte; }
/* A load that extends signs does it. */
#define SPB_SPLAT_MASK
SPB_INLINE spb_word spb_splat_mask(uint8_t mask) { return (spb_word)(int8_t)mask; }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return a & b; }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return a ^ b; }
SPB_INLINE spb_word spb_and_not(spb_word a, spb_word b) { return a & ~b; }
SPB_INLINE spb_word spb_not(spb_word a) { return ~a; }
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) { return ((a ^ b) & mask) ^ b; }

#endif

/* A mask, a byte of 0x00 or 0xFF, in all bits of a word; a row of them, of which one after the other is. */
#if !defined(SPB_SPLAT_MASK)
SPB_INLINE spb_word spb_splat_mask(uint8_t mask) { return spb_splat_byte(mask); }
#endif
#if !defined(SPB_MASK_ROW)
#define SPB_MASK_ROW(masks) spb_splat_byte(0)
#define SPB_MASK_OF(row, masks, j) ((void)(row), spb_splat_mask((masks)[j]))
#endif

/* A word of memory that is laid out in words: weights, packed pixels, slots. */
#if SPB_WORD_BYTES > 8
SPB_INLINE spb_word spb_load_word(const uint8_t *p) { return spb_load(p); }
SPB_INLINE void spb_store_word(uint8_t *p, spb_word x) { spb_store(p, x); }
#else
SPB_INLINE spb_word spb_load_word(const uint8_t *p) { return spb_load_from(p, SPB_WORD_BYTES); }
SPB_INLINE void spb_store_word(uint8_t *p, spb_word x) {
#if defined(__GNUC__)
    memcpy(__builtin_assume_aligned(p, SPB_WORD_BYTES), &x, sizeof x);
#else
    spb_store(p, x);
#endif
}
#endif

/* *x becomes the sum (difference) bit; the carry (borrow) is returned. */
SPB_INLINE spb_word spb_full(spb_word *x, spb_word a, spb_word b, int subtract) {
#if defined(__AVX512VL__) && defined(__AVX2__) && !defined(SPB_FORCE_SCALAR)
    /* Truth tables over (x, a, b): majority is 0xE8, with x inverted 0x8E. */
    spb_word up =
        subtract ? _mm256_ternarylogic_epi32(*x, a, b, 0x8E) : _mm256_ternarylogic_epi32(*x, a, b, 0xE8);
    *x = _mm256_ternarylogic_epi32(*x, a, b, 0x96);
    return up;
#else
    spb_word toggle = spb_xor(a, b);
    spb_word sum = spb_xor(*x, toggle);
    spb_word up = spb_select(toggle, subtract ? sum : *x, a);
    *x = sum;
    return up;
#endif
}

/* *x becomes the sum bit of the two; the carry is returned. */
SPB_INLINE spb_word spb_half(spb_word *x, spb_word a) {
    spb_word sum = spb_xor(*x, a), up = spb_and(*x, a);
    *x = sum;
    return up;
}

/* The same, of the opposite of `a`. */
SPB_INLINE spb_word spb_half_not(spb_word *x, spb_word a) {
    spb_word sum = spb_not(spb_xor(*x, a)), up = spb_and_not(*x, a);
    *x = sum;
    return up;
}

#endif
