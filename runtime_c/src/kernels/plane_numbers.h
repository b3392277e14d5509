/* Bit-planes to numbers: plane j of a word has bit j of every pixel's number; what is wanted is int16 after
 * int16, in the pixels' order.
 *
 * Numbers are moved up to the top of 16 bits, plane 0 to bit 16 - planes, so that they need no sign to be
 * extended and are mod 2^16 where there are more than 16 planes.
 *
 *     8 planes, 16 bytes each     byte i: pixels 8 i .. 8 i + 7
 *     3 stages of swaps           8 registers: in number b, byte i is pixel 8 i + b: a matrix of 8x8 bits
 *     3 stages of ZIP             8 registers: in number k, byte i is pixel 16 k + i
 *     ZIP with the other 8 planes' bytes, or with zeros: 16 registers of int16
 *
 * The limit for 128 pixels on AArch64: 16 planes take 2 x 44 operations for the matrices (6 for a pair of
 * registers and a stage of whole nibbles 3, of less 4), 2 x 24 and 16 ZIPs: 152, of up to 12 planes 132, of
 * up to 8 planes 84; and a load a plane.
 */
#ifndef SPB_PLANE_NUMBERS_H
#define SPB_PLANE_NUMBERS_H

#include "../word.h"

enum { NUMBER_BITS = 16 };

#if !defined(SPB_FORCE_SCALAR) && (defined(__ARM_NEON) || defined(__AVX2__))

#if defined(__ARM_NEON)

enum { NUMBER_BYTES = 16 }; /* of a plane at a time */
typedef uint8x16_t number_vector;

SPB_INLINE number_vector number_load(const uint8_t *p) { return vld1q_u8(p); }
SPB_INLINE number_vector number_zero(void) { return vdupq_n_u8(0); }
SPB_INLINE void number_zip(number_vector *a, number_vector *b) {
    uint8x16x2_t z = vzipq_u8(*a, *b);
    *a = z.val[0], *b = z.val[1];
}
/* Swaps the upper `side` bits of each 2 * side bits of `a` with the lower ones of `b`. */
SPB_INLINE void number_swap_4(number_vector *a, number_vector *b) {
    number_vector x = *a;
    *a = vsliq_n_u8(x, *b, 4);
    *b = vsriq_n_u8(*b, x, 4);
}
SPB_INLINE void number_swap_2(number_vector *a, number_vector *b) {
    number_vector low = vdupq_n_u8(0x33), x = *a;
    *a = spb_select(low, x, vshlq_n_u8(*b, 2));
    *b = spb_select(low, vshrq_n_u8(x, 2), *b);
}
SPB_INLINE void number_swap_1(number_vector *a, number_vector *b) {
    number_vector low = vdupq_n_u8(0x55), x = *a;
    *a = spb_select(low, x, vshlq_n_u8(*b, 1));
    *b = spb_select(low, vshrq_n_u8(x, 1), *b);
}
/* The same of a = 0. */
SPB_INLINE void number_part_4(number_vector *a, number_vector *b) {
    *a = vshlq_n_u8(*b, 4);
    *b = vandq_u8(*b, vdupq_n_u8(0xF0));
}

#else

enum { NUMBER_BYTES = 32 }; /* two halves of 16, each by itself */
typedef __m256i number_vector;

SPB_INLINE number_vector number_load(const uint8_t *p) { return spb_load(p); }
SPB_INLINE number_vector number_zero(void) { return _mm256_setzero_si256(); }
SPB_INLINE void number_zip(number_vector *a, number_vector *b) {
    number_vector x = *a;
    *a = _mm256_unpacklo_epi8(x, *b);
    *b = _mm256_unpackhi_epi8(x, *b);
}
#define NUMBER_SWAP(side, low)                                                                               \
    SPB_INLINE void number_swap_##side(number_vector *a, number_vector *b) {                                 \
        const number_vector mask = _mm256_set1_epi8(low);                                                    \
        number_vector x = *a,                                                                                \
                      differ = _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi16(x, side), *b), mask);     \
        *a = _mm256_xor_si256(x, _mm256_slli_epi16(differ, side));                                           \
        *b = _mm256_xor_si256(*b, differ);                                                                   \
    }
NUMBER_SWAP(4, 0x0F)
NUMBER_SWAP(2, 0x33)
NUMBER_SWAP(1, 0x55)
#undef NUMBER_SWAP
SPB_INLINE void number_part_4(number_vector *a, number_vector *b) { number_swap_4(a, b); }

#endif

/* 8 planes; the lower `zeros` of them, 0 or 4, are 0. */
SPB_INLINE void number_matrix(number_vector r[8], int zeros) {
    SPB_UNROLL
    for (int i = zeros; i < 8; i += 2)
        number_swap_1(&r[i], &r[i + 1]);
    SPB_UNROLL
    for (int i = zeros; i < 8; i += 4) {
        number_swap_2(&r[i], &r[i + 2]);
        number_swap_2(&r[i + 1], &r[i + 3]);
    }
    SPB_UNROLL
    for (int i = 0; i < 4; i++) {
        if (zeros) {
            number_part_4(&r[i], &r[i + 4]);
        } else {
            number_swap_4(&r[i], &r[i + 4]);
        }
    }
}

/* Registers by the bits of b -> registers by the upper bits of i, step by step. */
SPB_INLINE void number_order(number_vector r[8]) {
    SPB_UNROLL
    for (int b = 0; b < 4; b++)
        number_zip(&r[b], &r[b + 4]); /* r[b]: upper half 0, r[b + 4]: upper half 1 */
    SPB_UNROLL
    for (int half = 0; half < 8; half += 4) {
        number_zip(&r[half], &r[half + 2]);
        number_zip(&r[half + 1], &r[half + 3]);
        number_zip(&r[half], &r[half + 1]);
        number_zip(&r[half + 2], &r[half + 3]);
    }
}

/* Rows first .. first + 7 of 16, of which the lower ones are no planes; `skipped`: so many of all are not. */
SPB_INLINE void number_rows(const uint8_t *planes, size_t step, int first, int skipped, number_vector r[8]) {
    SPB_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] =
            first + i < skipped ? number_zero() : number_load(planes + (size_t)(first + i - skipped) * step);
}

SPB_INLINE void number_store(number_vector low, number_vector high, int16_t *to) {
    number_zip(&low, &high);
#if defined(__ARM_NEON)
    vst1q_s16(to, vreinterpretq_s16_u8(low));
    vst1q_s16(to + 8, vreinterpretq_s16_u8(high));
#else
    __m128i *at = (__m128i *)(void *)to;
    _mm_storeu_si128(at, _mm256_castsi256_si128(low));
    _mm_storeu_si128(at + 1, _mm256_castsi256_si128(high));
    _mm_storeu_si128(at + 16, _mm256_extracti128_si256(low, 1));
    _mm_storeu_si128(at + 17, _mm256_extracti128_si256(high, 1));
#endif
}

SPB_INLINE void numbers_of(const uint8_t *planes, size_t step, int count, int kind, int16_t *to) {
    number_vector low[8], high[8];
    number_rows(planes, step, 8, 16 - count, high);
    number_matrix(high, 0);
    number_order(high);
    SPB_UNROLL
    for (int i = 0; i < 8; i++)
        low[i] = number_zero();
    if (kind) {
        number_rows(planes, step, 0, 16 - count, low);
        number_matrix(low, kind == 1 ? 4 : 0);
        number_order(low);
    }
    SPB_UNROLL
    for (int i = 0; i < 8; i++)
        number_store(low[i], high[i], to + 16 * i);
}

#else

#include "transpose.h"

#endif

/* The numbers of `bytes` bytes of every plane, planes being as many bytes apart. */
static inline void spb_plane_numbers(const uint8_t *planes, uint32_t bytes, uint32_t count, int16_t *to) {
    int used = count < NUMBER_BITS ? (int)count : NUMBER_BITS;
#if !defined(SPB_FORCE_SCALAR) && (defined(__ARM_NEON) || defined(__AVX2__))
    for (uint32_t at = 0; at < bytes; at += NUMBER_BYTES, to += 8 * NUMBER_BYTES) {
        if (used <= 8) {
            numbers_of(planes + at, bytes, used, 0, to);
        } else if (used <= 12) {
            numbers_of(planes + at, bytes, used, 1, to);
        } else {
            numbers_of(planes + at, bytes, used, 2, to);
        }
    }
#else
    const uint32_t piece = bytes < 8 ? bytes : 8; /* a word of 16 bytes has two */
    for (uint32_t at = 0; at < bytes; at += piece, to += 8 * piece) {
        uint64_t rows[NUMBER_BITS];
        memset(rows, 0, sizeof rows);
        for (int j = 0; j < used; j++)
            memcpy(&rows[NUMBER_BITS - used + j], planes + (size_t)j * bytes + at, piece);
        spb_transpose(rows, NUMBER_BITS);
        for (uint32_t p = 0; p < 8 * piece; p++)
            to[p] = (int16_t)(rows[p % NUMBER_BITS] >> (p / NUMBER_BITS * NUMBER_BITS));
    }
#endif
}

#endif
