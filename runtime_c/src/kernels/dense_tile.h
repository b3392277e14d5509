/* The register tile of the dense convolution, by instruction set: how a pixel and a weight are loaded, how
 * many of each stay in registers, and how counts become sums and then bits.
 *
 *   build      channels x pixels   counters                         a step covers
 *   AArch64    8 x 4               4 of 32 registers, of 16 bits    128 taps       dense_tile_aarch64.h
 *   ARMv7      2 x 4               8 of 16, of 8 bits               128 taps
 *   AVX2       4 x 4               8 of 16, two pixels each         128 taps
 *   MVE        2 x 1               2 of 8, of 8 bits                128 taps
 *   scalar     2 x 2               4                                64 or 32 taps
 *
 * tile_clear, tile_steps (at most TILE_STEPS of them), tile_flush; then tile_above tells the sums from the
 * limits, or tile_read stores them, [channel][pixel].
 */
#ifndef SPB_DENSE_TILE_H
#define SPB_DENSE_TILE_H

#include "bit_count.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON) && defined(__aarch64__)

#include "dense_tile_aarch64.h"

#else

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { TILE_CHANNELS = 2, TILE_PIXELS = 4, VECTOR_PIXELS = 1, STEP_BYTES = 16 };
typedef uint32x4_t tile_sum; /* one channel, four pixels */

SPB_INLINE spb_bits tile_pixels(const uint8_t *first, const uint8_t *second) {
    (void)second;
    return vld1q_u8(first);
}
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return vld1q_u8(p); }

/* One channel's counts of four pixels. Compilers hoist the EORs of the whole tile to hide their latency, run
 * out of registers and spill in the innermost loop, so the order is pinned: two chains at a time. */
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
#define TILE_COUNTS_FOUR 1

SPB_INLINE tile_sum tile_sum_zero(void) { return vdupq_n_u32(0); }
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

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

SPB_INLINE void tile_read(const tile_sum *sums, uint32_t *to) {
    for (int c = 0; c < TILE_CHANNELS; c++)
        vst1q_u32(to + c * TILE_PIXELS, sums[c]);
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

SPB_INLINE void tile_read(const tile_sum *sums, uint32_t *to) {
    for (int c = 0; c < TILE_CHANNELS; c++)
        _mm_storeu_si128((__m128i *)(void *)(to + c * TILE_PIXELS), sums[c]);
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

#if defined(SPB_WORD_IS_MVE) /* 8 registers: 3 masks, 2 counters, a pixel, and 2 in which bits are counted   \
                              */
enum { STEP_BYTES = SPB_BITS_BYTES, TILE_CHANNELS = 2, TILE_PIXELS = 1, VECTOR_PIXELS = 1 };
#else
enum { STEP_BYTES = SPB_BITS_BYTES, TILE_CHANNELS = 2, TILE_PIXELS = 2, VECTOR_PIXELS = 1 };
#endif
typedef struct tile_sum {
    uint32_t pixel[TILE_PIXELS];
} tile_sum;

SPB_INLINE spb_bits tile_pixels(const uint8_t *first, const uint8_t *second) {
    (void)second;
    return spb_bits_load(first);
}
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return spb_bits_load(p); }
SPB_INLINE tile_sum tile_sum_zero(void) {
    tile_sum zero = {{0}};
    return zero;
}
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

SPB_INLINE void tile_flush(tile_sum *sums, spb_bits counts[TILE_CHANNELS][TILE_PIXELS]) {
    for (int c = 0; c < TILE_CHANNELS; c++) {
        for (int p = 0; p < TILE_PIXELS; p++)
            sums[c].pixel[p] += spb_bits_total(counts[c][p]);
    }
}

SPB_INLINE void tile_read(const tile_sum *sums, uint32_t *to) {
    for (int c = 0; c < TILE_CHANNELS; c++)
        memcpy(to + c * TILE_PIXELS, sums[c].pixel, sizeof sums[c].pixel);
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

enum { TILE_VECTORS = TILE_PIXELS / VECTOR_PIXELS, TILE_STEPS = SPB_COUNT_LIMIT };
typedef spb_bits tile_counts[TILE_CHANNELS][TILE_VECTORS];
typedef tile_sum tile_sums[TILE_CHANNELS];

SPB_INLINE void tile_clear(tile_counts counts) {
    for (int c = 0; c < TILE_CHANNELS; c++) {
        for (int v = 0; v < TILE_VECTORS; v++)
            counts[c][v] = spb_bits_zero();
    }
}

SPB_INLINE void tile_zero(tile_sums sums) {
    for (int c = 0; c < TILE_CHANNELS; c++)
        sums[c] = tile_sum_zero();
}

SPB_INLINE void tile_ready(void) {}

/* Counters of bytes are narrower than a limit: always widened. */
#define TILE_COMPARES_COUNTS 0
SPB_INLINE uint64_t tile_counts_above(tile_counts counts, const int32_t *limit) {
    (void)counts, (void)limit;
    return 0;
}

/* STEP_BYTES of taps of all channels and pixels. */
SPB_INLINE void tile_step(tile_counts counts, const uint8_t *const *pixel, const uint8_t *const *weight,
                          size_t nonzero, size_t at, int ternary) {
    spb_bits activation[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; v++)
        activation[v] = tile_pixels(pixel[v * VECTOR_PIXELS] + at, pixel[(v + 1) * VECTOR_PIXELS - 1] + at);
    for (int c = 0; c < TILE_CHANNELS; c++) {
        spb_bits sign = tile_weight(weight[c] + at), mask = sign;
        if (ternary)
            mask = tile_weight(weight[c] + nonzero + at);
#if defined(TILE_COUNTS_FOUR)
        tile_count_four(counts[c], activation, sign, mask, ternary);
#else
        for (int v = 0; v < TILE_VECTORS; v++) {
            spb_bits differ = spb_bits_xor(activation[v], sign);
            if (ternary)
                differ = spb_bits_and(differ, mask);
            counts[c][v] = spb_bits_add(counts[c][v], spb_bits_count(differ));
        }
#endif
    }
}

/* Steps from `at` to `end`. */
SPB_INLINE void tile_steps(tile_counts counts, const uint8_t *const *pixel, const uint8_t *const *weight,
                           size_t nonzero, size_t at, size_t end, int ternary) {
    for (; at < end; at += STEP_BYTES)
        tile_step(counts, pixel, weight, nonzero, at, ternary);
}

#endif
#endif
