/* Counting the bits of long arrays: XNOR-popcount sums and the head's bit-planes.
 *
 *   build         spb_bits     how bits are counted                               a count per
 *   NEON          128 bits     CNT                                                byte
 *   AVX2          256 bits     two look-ups of 4 bits (VPOPCNTB where it exists)  byte
 *   MVE           128 bits     sums of neighbours by shift and mask               byte
 *   scalar        64, 32 bits  sums of neighbours by shift and mask, or POPCNT    byte (POPCNT: word)
 *
 * A byte of a count is at most 8, so SPB_COUNT_LIMIT counts may be added before a byte overflows; then
 * spb_bits_total widens them. That takes one ADD a vector where widening at once would take two.
 */
#ifndef SPB_BIT_COUNT_H
#define SPB_BIT_COUNT_H

#include "../word.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

typedef uint8x16_t spb_bits;
enum { SPB_BITS_BYTES = 16, SPB_COUNT_LIMIT = 31 };

SPB_INLINE spb_bits spb_bits_zero(void) { return vdupq_n_u8(0); }
SPB_INLINE spb_bits spb_bits_load(const uint8_t *p) { return vld1q_u8(p); }
SPB_INLINE spb_bits spb_bits_xor(spb_bits a, spb_bits b) { return veorq_u8(a, b); }
SPB_INLINE spb_bits spb_bits_and(spb_bits a, spb_bits b) { return vandq_u8(a, b); }
SPB_INLINE spb_bits spb_bits_count(spb_bits a) { return vcntq_u8(a); }
SPB_INLINE spb_bits spb_bits_add(spb_bits a, spb_bits b) { return vaddq_u8(a, b); }
SPB_INLINE uint32_t spb_bits_total(spb_bits counts) {
    uint64x2_t sums = vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(counts)));
    return (uint32_t)(vgetq_lane_u64(sums, 0) + vgetq_lane_u64(sums, 1));
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

typedef __m256i spb_bits;
enum { SPB_BITS_BYTES = 32, SPB_COUNT_LIMIT = 31 };

SPB_INLINE spb_bits spb_bits_zero(void) { return _mm256_setzero_si256(); }
SPB_INLINE spb_bits spb_bits_load(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
SPB_INLINE spb_bits spb_bits_xor(spb_bits a, spb_bits b) { return _mm256_xor_si256(a, b); }
SPB_INLINE spb_bits spb_bits_and(spb_bits a, spb_bits b) { return _mm256_and_si256(a, b); }
SPB_INLINE spb_bits spb_bits_count(spb_bits a) {
#if defined(__AVX512BITALG__) && defined(__AVX512VL__)
    return _mm256_popcnt_epi8(a);
#else
    const __m256i of_nibble = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /**/
                                               0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i even = _mm256_and_si256(a, low), odd = _mm256_and_si256(_mm256_srli_epi16(a, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(of_nibble, even), _mm256_shuffle_epi8(of_nibble, odd));
#endif
}
SPB_INLINE spb_bits spb_bits_add(spb_bits a, spb_bits b) { return _mm256_add_epi8(a, b); }
SPB_INLINE uint32_t spb_bits_total(spb_bits counts) {
    __m256i sums = _mm256_sad_epu8(counts, _mm256_setzero_si256());
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return (uint32_t)(_mm_cvtsi128_si32(half) + _mm_extract_epi32(half, 2));
}

#elif defined(SPB_WORD_IS_MVE)

typedef uint8x16_t spb_bits;
enum { SPB_BITS_BYTES = 16, SPB_COUNT_LIMIT = 31 };

SPB_INLINE spb_bits spb_bits_zero(void) { return vdupq_n_u8(0); }
SPB_INLINE spb_bits spb_bits_load(const uint8_t *p) { return vldrbq_u8(p); }
SPB_INLINE spb_bits spb_bits_xor(spb_bits a, spb_bits b) { return veorq_u8(a, b); }
SPB_INLINE spb_bits spb_bits_and(spb_bits a, spb_bits b) { return vandq_u8(a, b); }
SPB_INLINE spb_bits spb_bits_count(spb_bits a) {
    const spb_bits pairs = vdupq_n_u8(0x55), quads = vdupq_n_u8(0x33), bytes = vdupq_n_u8(0x0F);
    a = vsubq_u8(a, vandq_u8(vshrq_n_u8(a, 1), pairs));
    a = vaddq_u8(vandq_u8(a, quads), vandq_u8(vshrq_n_u8(a, 2), quads));
    return vandq_u8(vaddq_u8(a, vshrq_n_u8(a, 4)), bytes);
}
SPB_INLINE spb_bits spb_bits_add(spb_bits a, spb_bits b) { return vaddq_u8(a, b); }
SPB_INLINE uint32_t spb_bits_total(spb_bits counts) { return vaddvq_u8(counts); }

#else

#if defined(SPB_WORD_IS_128)
typedef uint64_t spb_bits;
#else
typedef spb_word spb_bits;
#endif
enum { SPB_BITS_BYTES = (int)sizeof(spb_bits) };

SPB_INLINE spb_bits spb_bits_zero(void) { return 0; }
SPB_INLINE spb_bits spb_bits_load(const uint8_t *p) {
#if defined(SPB_WORD_IS_128)
    spb_bits x;
    memcpy(&x, p, sizeof x);
    return x;
#else
    return spb_load_word(p);
#endif
}
SPB_INLINE spb_bits spb_bits_xor(spb_bits a, spb_bits b) { return a ^ b; }
SPB_INLINE spb_bits spb_bits_and(spb_bits a, spb_bits b) { return a & b; }
SPB_INLINE spb_bits spb_bits_add(spb_bits a, spb_bits b) { return a + b; }
#if defined(__POPCNT__)
enum { SPB_COUNT_LIMIT = 1 << 24 };
SPB_INLINE spb_bits spb_bits_count(spb_bits a) { return (spb_bits)__builtin_popcountll(a); }
SPB_INLINE uint32_t spb_bits_total(spb_bits counts) { return (uint32_t)counts; }
#else
enum { SPB_COUNT_LIMIT = 31 };
/* ARM has no such immediates, and a compiler that sees the constant takes four BICs for one AND. */
SPB_INLINE spb_bits spb_bits_mask(uint64_t pattern) {
    spb_bits mask = (spb_bits)pattern;
#if defined(__arm__)
    __asm__("" : "+r"(mask));
#endif
    return mask;
}
SPB_INLINE spb_bits spb_bits_count(spb_bits a) {
    const spb_bits pairs = spb_bits_mask(0x5555555555555555u), quads = spb_bits_mask(0x3333333333333333u),
                   bytes = spb_bits_mask(0x0F0F0F0F0F0F0F0Fu);
    a -= a >> 1 & pairs;
    a = (a & quads) + (a >> 2 & quads);
    return (a + (a >> 4)) & bytes;
}
SPB_INLINE uint32_t spb_bits_total(spb_bits counts) {
    const spb_bits even = (spb_bits)0x00FF00FF00FF00FFu, ones = (spb_bits)0x0001000100010001u;
    spb_bits sums = (counts & even) + (counts >> 8 & even); /* of 16 bits each: at most 8 * 31 * 8 in all */
    return (uint32_t)(sums * ones >> (8 * sizeof sums - 16)) & 0xFFFFu;
}
#endif

#endif

/* Of one word, outside the innermost loops. */
SPB_INLINE uint32_t spb_count64(uint64_t x) {
#if defined(__aarch64__) || defined(__POPCNT__)
    return (uint32_t)__builtin_popcountll(x);
#else
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(x * 0x0101010101010101u >> 56);
#endif
}

#endif
