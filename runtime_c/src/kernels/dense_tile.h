/* The register tile of the dense convolution, by instruction set: how a pixel and a weight are loaded, how
 * many of each stay in registers, and how byte counts become sums and then bits.
 *
 *   build      channels x pixels   counters                    a step covers
 *   AArch64    4 x 4               16 of 32 registers          128 taps
 *   ARMv7      2 x 4               8 of 16                     128 taps
 *   AVX2       4 x 4               8 of 16, two pixels each    128 taps
 *   scalar     2 x 2               4                           64 or 32 taps
 */
#ifndef SPB_DENSE_TILE_H
#define SPB_DENSE_TILE_H

#include "bit_count.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

#if defined(__aarch64__)
enum { TILE_CHANNELS = 4 };
#else
enum { TILE_CHANNELS = 2 };
#endif
enum { TILE_PIXELS = 4, VECTOR_PIXELS = 1, STEP_BYTES = 16 };
typedef uint32x4_t tile_sum; /* one channel, four pixels */

SPB_INLINE spb_bits tile_pixels(const uint8_t *first, const uint8_t *second) {
    (void)second;
    return vld1q_u8(first);
}
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return vld1q_u8(p); }

/* One channel's counts of four pixels. Compilers hoist the EORs of the whole tile to hide their latency, run
 * out of registers and spill in the innermost loop, so the order is pinned: four independent chains with 32
 * registers, two at a time with 16. */
#if defined(__aarch64__)

#define TILE_OP(name, to, a, b) #name " %" #to ".16b, %" #a ".16b, %" #b ".16b\n"
#define TILE_CNT(to) "cnt %" #to ".16b, %" #to ".16b\n"
#define TILE_DIFFER                                                                                          \
    TILE_OP(eor, 0, 8, 12) TILE_OP(eor, 1, 9, 12) TILE_OP(eor, 2, 10, 12) TILE_OP(eor, 3, 11, 12)
#define TILE_MASK TILE_OP(and, 0, 0, 13) TILE_OP(and, 1, 1, 13) TILE_OP(and, 2, 2, 13) TILE_OP(and, 3, 3, 13)
#define TILE_COUNT TILE_CNT(0) TILE_CNT(1) TILE_CNT(2) TILE_CNT(3)
#define TILE_SUM TILE_OP(add, 4, 4, 0) TILE_OP(add, 5, 5, 1) TILE_OP(add, 6, 6, 2) TILE_OP(add, 7, 7, 3)

SPB_INLINE void tile_count_four(spb_bits *counts, const spb_bits *x, spb_bits sign, spb_bits mask,
                                int ternary) {
    spb_bits d0, d1, d2, d3;
    if (ternary) {
        __asm__(TILE_DIFFER TILE_MASK TILE_COUNT TILE_SUM
                : "=&w"(d0), "=&w"(d1), "=&w"(d2), "=&w"(d3), "+w"(counts[0]), "+w"(counts[1]),
                  "+w"(counts[2]), "+w"(counts[3])
                : "w"(x[0]), "w"(x[1]), "w"(x[2]), "w"(x[3]), "w"(sign), "w"(mask));
    } else {
        __asm__(TILE_DIFFER TILE_COUNT TILE_SUM
                : "=&w"(d0), "=&w"(d1), "=&w"(d2), "=&w"(d3), "+w"(counts[0]), "+w"(counts[1]),
                  "+w"(counts[2]), "+w"(counts[3])
                : "w"(x[0]), "w"(x[1]), "w"(x[2]), "w"(x[3]), "w"(sign));
    }
}

#if defined(__clang__)
/* Two channels at once: eight chains, which is what the latency of an in-order Cortex-A53 asks for (4.1
 * cycles for 128 taps instead of 5.9, by llvm-mca). Registers: 16 counters, 4 pixels, 2 weights, 8
 * differences, which is too tight for gcc 12: it spills, and a Cortex-A72 would lose more than a Cortex-A53
 * gains. */
SPB_INLINE void tile_count_two(spb_bits *a, spb_bits *b, const spb_bits *x, spb_bits sign_a,
                               spb_bits sign_b) {
    spb_bits d0, d1, d2, d3, d4, d5, d6, d7;
    __asm__(TILE_OP(eor, 0, 16, 20) TILE_OP(eor, 1, 17, 20) TILE_OP(eor, 2, 18, 20) TILE_OP(eor, 3, 19, 20)
                TILE_OP(eor, 4, 16, 21) TILE_OP(eor, 5, 17, 21) TILE_OP(eor, 6, 18, 21)
                    TILE_OP(eor, 7, 19, 21) TILE_CNT(0) TILE_CNT(1) TILE_CNT(2) TILE_CNT(3) TILE_CNT(4)
                        TILE_CNT(5) TILE_CNT(6) TILE_CNT(7) TILE_OP(add, 8, 8, 0) TILE_OP(add, 9, 9, 1)
                            TILE_OP(add, 10, 10, 2) TILE_OP(add, 11, 11, 3) TILE_OP(add, 12, 12, 4)
                                TILE_OP(add, 13, 13, 5) TILE_OP(add, 14, 14, 6) TILE_OP(add, 15, 15, 7)
            : "=&w"(d0), "=&w"(d1), "=&w"(d2), "=&w"(d3), "=&w"(d4), "=&w"(d5), "=&w"(d6), "=&w"(d7),
              "+w"(a[0]), "+w"(a[1]), "+w"(a[2]), "+w"(a[3]), "+w"(b[0]), "+w"(b[1]), "+w"(b[2]), "+w"(b[3])
            : "w"(x[0]), "w"(x[1]), "w"(x[2]), "w"(x[3]), "w"(sign_a), "w"(sign_b));
}
#define TILE_COUNTS_TWO 1
#endif

#else

#define TILE_OP(name, to, a, b) #name " %q" #to ", %q" #a ", %q" #b "\n"
#define TILE_CNT(to) "vcnt.8 %q" #to ", %q" #to "\n"
#define TILE_DIFFER TILE_OP(veor, 0, 4, 6) TILE_OP(veor, 1, 5, 6)
#define TILE_MASK TILE_OP(vand, 0, 0, 7) TILE_OP(vand, 1, 1, 7)
#define TILE_COUNT TILE_CNT(0) TILE_CNT(1)
#define TILE_SUM TILE_OP(vadd.i8, 2, 2, 0) TILE_OP(vadd.i8, 3, 3, 1)

SPB_INLINE void tile_count_four(spb_bits *counts, const spb_bits *x, spb_bits sign, spb_bits mask,
                                int ternary) {
    for (int i = 0; i < 4; i += 2) {
        spb_bits d0, d1;
        if (ternary) {
            __asm__(TILE_DIFFER TILE_MASK TILE_COUNT TILE_SUM
                    : "=&w"(d0), "=&w"(d1), "+w"(counts[i]), "+w"(counts[i + 1])
                    : "w"(x[i]), "w"(x[i + 1]), "w"(sign), "w"(mask));
        } else {
            __asm__(TILE_DIFFER TILE_COUNT TILE_SUM
                    : "=&w"(d0), "=&w"(d1), "+w"(counts[i]), "+w"(counts[i + 1])
                    : "w"(x[i]), "w"(x[i + 1]), "w"(sign));
        }
    }
}

#endif
#define TILE_COUNTS_FOUR 1

SPB_INLINE tile_sum tile_sum_zero(void) { return vdupq_n_u32(0); }
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

#if defined(__aarch64__)

/* Four counters of one channel -> eight lanes, two of each pixel. */
SPB_INLINE uint16x8_t fold_pixels(const spb_bits *c) {
    uint16x8_t p01 = vpaddq_u16(vpaddlq_u8(c[0]), vpaddlq_u8(c[1]));
    uint16x8_t p23 = vpaddq_u16(vpaddlq_u8(c[2]), vpaddlq_u8(c[3]));
    return vpaddq_u16(p01, p23);
}

SPB_INLINE void tile_flush(tile_sum *sums, spb_bits counts[TILE_CHANNELS][TILE_PIXELS]) {
    for (int c = 0; c < TILE_CHANNELS; c += 2) {
        uint16x8_t both = vpaddq_u16(fold_pixels(counts[c]), fold_pixels(counts[c + 1]));
        sums[c] = vaddw_u16(sums[c], vget_low_u16(both));
        sums[c + 1] = vaddw_high_u16(sums[c + 1], both);
    }
}

/* Byte c: bit p is set where channel c's sum at pixel p is above its limit. */
SPB_INLINE uint32_t tile_above(const tile_sum *sums, const int32_t *limit) {
    static const uint8_t bit_of_pixel[16] = {1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    uint16x8_t above[TILE_CHANNELS];
    for (int c = 0; c < TILE_CHANNELS; c++) {
        above[c] = vreinterpretq_u16_u32(vcgtq_s32(vreinterpretq_s32_u32(sums[c]), vdupq_n_s32(limit[c])));
    }
    uint8x16_t low = vreinterpretq_u8_u16(vuzp1q_u16(above[0], above[1]));
    uint8x16_t high = vreinterpretq_u8_u16(vuzp1q_u16(above[2], above[3]));
    uint8x16_t bits = vandq_u8(vuzp1q_u8(low, high), vld1q_u8(bit_of_pixel));
    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    return vgetq_lane_u32(vreinterpretq_u32_u8(bits), 0);
}

#else

SPB_INLINE uint16x4_t fold_counter(spb_bits counts) {
    uint16x8_t pairs = vpaddlq_u8(counts);
    return vadd_u16(vget_low_u16(pairs), vget_high_u16(pairs));
}

SPB_INLINE void tile_flush(tile_sum *sums, spb_bits counts[TILE_CHANNELS][TILE_PIXELS]) {
    for (int c = 0; c < TILE_CHANNELS; c++) {
        uint16x4_t p01 = vpadd_u16(fold_counter(counts[c][0]), fold_counter(counts[c][1]));
        uint16x4_t p23 = vpadd_u16(fold_counter(counts[c][2]), fold_counter(counts[c][3]));
        sums[c] = vaddw_u16(sums[c], vpadd_u16(p01, p23));
    }
}

SPB_INLINE uint32_t tile_above(const tile_sum *sums, const int32_t *limit) {
    static const uint32_t bit_of_pixel[4] = {1, 2, 4, 8};
    uint32x2_t halves[TILE_CHANNELS];
    for (int c = 0; c < TILE_CHANNELS; c++) {
        uint32x4_t above = vcgtq_s32(vreinterpretq_s32_u32(sums[c]), vdupq_n_s32(limit[c]));
        above = vandq_u32(above, vld1q_u32(bit_of_pixel));
        halves[c] = vorr_u32(vget_low_u32(above), vget_high_u32(above));
    }
    uint32x2_t bits = vpadd_u32(halves[0], halves[1]);
    return vget_lane_u32(bits, 0) | vget_lane_u32(bits, 1) << 8;
}

#endif

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

/* The low half of a register is one pixel, the high half the next; a weight is broadcast to both. So a step
 * is 128 taps wide and no run of taps has a tail. */
enum { TILE_CHANNELS = 4, TILE_PIXELS = 4, VECTOR_PIXELS = 2, STEP_BYTES = 16 };
typedef __m128i tile_sum;

SPB_INLINE __m128i tile_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
SPB_INLINE spb_bits tile_pixels(const uint8_t *first, const uint8_t *second) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(tile_load(first)), tile_load(second), 1);
}
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return _mm256_broadcastsi128_si256(tile_load(p)); }
SPB_INLINE tile_sum tile_sum_zero(void) { return _mm_setzero_si128(); }
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) {
    __m128i sums = _mm_sad_epu8(_mm256_castsi256_si128(counts), _mm_setzero_si128());
    return (uint32_t)(_mm_cvtsi128_si32(sums) + _mm_extract_epi32(sums, 2));
}

/* Low half {pixel 0, 0, pixel 2, 2}, high half {pixel 1, 1, pixel 3, 3}: two parts of each sum. */
SPB_INLINE __m256i fold_pixels(const spb_bits *c) {
    __m256i zero = _mm256_setzero_si256();
    return _mm256_packs_epi32(_mm256_sad_epu8(c[0], zero), _mm256_sad_epu8(c[1], zero));
}

SPB_INLINE void tile_flush(tile_sum *sums, spb_bits counts[TILE_CHANNELS][TILE_PIXELS / VECTOR_PIXELS]) {
    for (int c = 0; c < TILE_CHANNELS; c += 2) {
        __m256i both = _mm256_hadd_epi32(fold_pixels(counts[c]), fold_pixels(counts[c + 1]));
        __m128i even = _mm256_castsi256_si128(both), odd = _mm256_extracti128_si256(both, 1);
        sums[c] = _mm_add_epi32(sums[c], _mm_unpacklo_epi32(even, odd));
        sums[c + 1] = _mm_add_epi32(sums[c + 1], _mm_unpackhi_epi32(even, odd));
    }
}

SPB_INLINE uint32_t tile_above(const tile_sum *sums, const int32_t *limit) {
    uint32_t bits = 0;
    for (int c = 0; c < TILE_CHANNELS; c++) {
        __m128i above = _mm_cmpgt_epi32(sums[c], _mm_set1_epi32(limit[c]));
        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(above)) << 8 * c;
    }
    return bits;
}

#else

enum { STEP_BYTES = (int)sizeof(spb_bits), TILE_CHANNELS = 2, TILE_PIXELS = 2, VECTOR_PIXELS = 1 };
typedef struct tile_sum {
    uint32_t pixel[TILE_PIXELS];
} tile_sum;

SPB_INLINE spb_bits tile_pixels(const uint8_t *first, const uint8_t *second) {
    (void)second;
    return spb_load(first);
}
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return spb_load(p); }
SPB_INLINE tile_sum tile_sum_zero(void) {
    tile_sum zero = {{0, 0}};
    return zero;
}
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

SPB_INLINE void tile_flush(tile_sum *sums, spb_bits counts[TILE_CHANNELS][TILE_PIXELS]) {
    for (int c = 0; c < TILE_CHANNELS; c++) {
        for (int p = 0; p < TILE_PIXELS; p++)
            sums[c].pixel[p] += spb_bits_total(counts[c][p]);
    }
}

SPB_INLINE uint32_t tile_above(const tile_sum *sums, const int32_t *limit) {
    uint32_t bits = 0;
    for (int c = 0; c < TILE_CHANNELS; c++) {
        for (int p = 0; p < TILE_PIXELS; p++)
            bits |= (uint32_t)((int32_t)sums[c].pixel[p] > limit[c]) << (8 * c + p);
    }
    return bits;
}

#endif
#endif
