/* The word that the bit-sliced kernels calculate with: one bit a pixel, as many pixels as a register holds.
 *
 *   build                   spb_word            pixels   full adder
 *   NEON, AArch64 and v7    128-bit             128      3 operations: EOR, EOR, BSL
 *   AVX2                    256-bit             256      5 operations (2 with AVX-512VL's ternary logic)
 *   scalar                  uint64_t, uint32_t  64, 32   5 operations
 *
 * An image of fewer pixels shares a word among 2, 4 or 8 lanes, each with a tap of its own: spb_gather loads
 * them, spb_rotate brings a lane's sum to its neighbour.
 *
 * SPB_CONSTANT_LANES names, by their sum, the numbers of lanes for which the tree kernel exists with planes
 * and lanes as constants, so that planes can be registers; the others share one copy of it (a tenth to a
 * third slower, a small part of the code). SPB_ALL_LANES is the sum of all that there are.
 *
 * One algorithm (kernels/tree_conv.c) runs on all of them. Force the scalar ones with -DSPB_FORCE_SCALAR=32
 * or 64.
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

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

#include <arm_neon.h>
#if defined(__aarch64__)
#define SPB_ISA_NAME "neon64"
#define SPB_CONSTANT_LANES 7
#else
#define SPB_ISA_NAME "neon32"
#define SPB_CONSTANT_LANES 1
#endif
#define SPB_WORD_BYTES 16
#define SPB_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4)
#define SPB_ALL_LANES 7
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
SPB_INLINE spb_word spb_not(spb_word a) { return vmvnq_u8(a); }
/* Twice 4 bytes. */
SPB_INLINE uint64_t spb_pair(const uint8_t *low, const uint8_t *high) {
    uint32_t a, b;
    memcpy(&a, low, sizeof a);
    memcpy(&b, high, sizeof b);
    return a | (uint64_t)b << 32;
}
SPB_INLINE spb_word spb_gather(const uint8_t *base, const uint32_t *offsets, int lanes) {
    if (lanes == 1)
        return vld1q_u8(base + offsets[0]);
    if (lanes == 2)
        return vcombine_u8(vld1_u8(base + offsets[0]), vld1_u8(base + offsets[1]));
    /* Through general registers: loads of one lane each have no register offset on AArch64. */
    return vcombine_u8(vcreate_u8(spb_pair(base + offsets[0], base + offsets[1])),
                       vcreate_u8(spb_pair(base + offsets[2], base + offsets[3])));
}
SPB_INLINE spb_word spb_rotate(spb_word a, int bytes) {
    return bytes == 8 ? vextq_u8(a, a, 8) : vextq_u8(a, a, 4);
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

#include <immintrin.h>
#define SPB_ISA_NAME "avx2"
#define SPB_CONSTANT_LANES 5
#define SPB_ALL_LANES 15
#define SPB_WORD_BYTES 32
#define SPB_EACH_LANE_COUNT(DO) DO(1) DO(2) DO(4) DO(8)
typedef __m256i spb_word;
SPB_INLINE spb_word spb_load(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return _mm256_set1_epi8((char)byte); }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return _mm256_and_si256(a, b); }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return _mm256_xor_si256(a, b); }
SPB_INLINE spb_word spb_not(spb_word a) { return _mm256_xor_si256(a, _mm256_set1_epi8(-1)); }
SPB_INLINE int32_t spb_load32(const uint8_t *p) {
    int32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}
/* 16 bytes from 1, 2 or 4 places. */
SPB_INLINE __m128i spb_gather_half(const uint8_t *base, const uint32_t *offsets, int lanes) {
    if (lanes == 1)
        return _mm_loadu_si128((const __m128i *)(const void *)(base + offsets[0]));
    if (lanes == 2)
        return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(base + offsets[0])),
                                  _mm_loadl_epi64((const __m128i *)(const void *)(base + offsets[1])));
    __m128i x = _mm_cvtsi32_si128(spb_load32(base + offsets[0]));
    x = _mm_insert_epi32(x, spb_load32(base + offsets[1]), 1);
    x = _mm_insert_epi32(x, spb_load32(base + offsets[2]), 2);
    return _mm_insert_epi32(x, spb_load32(base + offsets[3]), 3);
}
SPB_INLINE spb_word spb_gather(const uint8_t *base, const uint32_t *offsets, int lanes) {
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    __m128i low = spb_gather_half(base, offsets, lanes / 2);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low),
                                   spb_gather_half(base, offsets + lanes / 2, lanes / 2), 1);
}
SPB_INLINE spb_word spb_rotate(spb_word a, int bytes) {
    if (bytes == 16)
        return _mm256_permute4x64_epi64(a, 0x4E);
    return bytes == 8 ? _mm256_shuffle_epi32(a, 0x4E) : _mm256_shuffle_epi32(a, 0xB1);
}
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) {
    return _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(a, b), mask), b);
}

#else

#define SPB_CONSTANT_LANES 0
#define SPB_ALL_LANES 3
#if defined(SPB_FORCE_SCALAR) ? SPB_FORCE_SCALAR == 64 : UINTPTR_MAX > 0xFFFFFFFFu
#define SPB_ISA_NAME "scalar64"
#define SPB_WORD_BYTES 8
#define SPB_EACH_LANE_COUNT(DO) DO(1) DO(2)
typedef uint64_t spb_word;
#else
#define SPB_ISA_NAME "scalar32"
#define SPB_WORD_BYTES 4
#define SPB_EACH_LANE_COUNT(DO) DO(1)
typedef uint32_t spb_word;
#endif
SPB_INLINE spb_word spb_load(const uint8_t *p) {
    spb_word x;
    memcpy(&x, p, sizeof x);
    return x;
}
SPB_INLINE void spb_store(uint8_t *p, spb_word x) { memcpy(p, &x, sizeof x); }
SPB_INLINE spb_word spb_splat_byte(uint8_t byte) { return ~(spb_word)0 / 0xFF * byte; }
SPB_INLINE spb_word spb_and(spb_word a, spb_word b) { return a & b; }
SPB_INLINE spb_word spb_xor(spb_word a, spb_word b) { return a ^ b; }
SPB_INLINE spb_word spb_not(spb_word a) { return ~a; }
SPB_INLINE spb_word spb_gather(const uint8_t *base, const uint32_t *offsets, int lanes) {
    if (lanes == 1)
        return spb_load(base + offsets[0]);
    uint32_t low, high;
    memcpy(&low, base + offsets[0], sizeof low);
    memcpy(&high, base + offsets[1], sizeof high);
    return (spb_word)(low | (uint64_t)high << 32);
}
SPB_INLINE spb_word spb_rotate(spb_word a, int bytes) {
    return (spb_word)(a >> (8 * bytes - 1) >> 1 | (uint64_t)a << (8 * bytes));
}
SPB_INLINE spb_word spb_select(spb_word mask, spb_word a, spb_word b) { return ((a ^ b) & mask) ^ b; }

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

SPB_INLINE spb_word spb_half(spb_word *x, spb_word a, int subtract) {
    spb_word sum = spb_xor(*x, a);
    spb_word up = spb_and(a, subtract ? sum : *x);
    *x = sum;
    return up;
}

#endif
