/* The stem's sums to reals: y = sat((multiplier sum + bias) >> shift), channel by channel.
 *
 * A sum has up to 23 bits and a multiplier 16, so the product takes 64. The vector runs over channels, as the
 * tile's sums do; what comes out is transposed to pixels of a channel.
 *
 *   NEON     for 4 sums: a load, 2 SMULL, 2 SADDW, 2 SSHL, 2 SQXTN; then for 8 a SQXTN and 2 TRN; 3 a real
 *   AVX2     in double, where all of it is exact: shifting is a product with a power of two, rounded down
 *   scalar   64-bit integers, one by one
 */
#ifndef SPB_STEM_REALS_H
#define SPB_STEM_REALS_H

#include "../layer.h"
#include "real_vector.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { REAL_CHANNELS = 4 }; /* at a time */
typedef int16x8_t stem_pixels;
typedef int32_t stem_factor;

SPB_INLINE stem_factor stem_shift(uint32_t shift) { return -(int32_t)shift; }
SPB_INLINE void stem_store_eight(int16_t *to, stem_pixels x) { vst1q_s16(to, x); }

/* Four channels of a pixel, in 32 bits. */
SPB_INLINE int32x4_t stem_scaled(const int32_t *sums, int32x4_t multiplier, int32x4_t bias,
                                 int64x2_t low_shift, int64x2_t high_shift) {
    int32x4_t x = vld1q_s32(sums);
    int64x2_t low = vaddw_s32(vmull_s32(vget_low_s32(x), vget_low_s32(multiplier)), vget_low_s32(bias));
#if defined(__aarch64__)
    int64x2_t high = vaddw_high_s32(vmull_high_s32(x, multiplier), bias);
    return vqmovn_high_s64(vqmovn_s64(vshlq_s64(low, low_shift)), vshlq_s64(high, high_shift));
#else
    int64x2_t high = vaddw_s32(vmull_s32(vget_high_s32(x), vget_high_s32(multiplier)), vget_high_s32(bias));
    return vcombine_s32(vqmovn_s64(vshlq_s64(low, low_shift)), vqmovn_s64(vshlq_s64(high, high_shift)));
#endif
}

/* 8 pixels of four channels: `sums` [8][step], to [REAL_CHANNELS]. */
SPB_INLINE void stem_reals_of(const int32_t *sums, size_t step, const stem_factor *multipliers,
                              const stem_factor *biases, const stem_factor *shifts, stem_pixels *to) {
    int32x4_t multiplier = vld1q_s32(multipliers), bias = vld1q_s32(biases), shift = vld1q_s32(shifts);
    int64x2_t low = vmovl_s32(vget_low_s32(shift)), high = vmovl_s32(vget_high_s32(shift));
    int16x8_t pixel[4]; /* p and p + 4 */
    SPB_UNROLL
    for (int p = 0; p < 4; p++) {
        int32x4_t a = stem_scaled(sums + (size_t)p * step, multiplier, bias, low, high);
        int32x4_t b = stem_scaled(sums + (size_t)(p + 4) * step, multiplier, bias, low, high);
#if defined(__aarch64__)
        pixel[p] = vqmovn_high_s32(vqmovn_s32(a), b);
#else
        pixel[p] = vcombine_s16(vqmovn_s32(a), vqmovn_s32(b));
#endif
    }
    int16x8x2_t even = vtrnq_s16(pixel[0], pixel[1]), odd = vtrnq_s16(pixel[2], pixel[3]);
    int32x4x2_t first = vtrnq_s32(vreinterpretq_s32_s16(even.val[0]), vreinterpretq_s32_s16(odd.val[0]));
    int32x4x2_t second = vtrnq_s32(vreinterpretq_s32_s16(even.val[1]), vreinterpretq_s32_s16(odd.val[1]));
    to[0] = vreinterpretq_s16_s32(first.val[0]), to[1] = vreinterpretq_s16_s32(second.val[0]);
    to[2] = vreinterpretq_s16_s32(first.val[1]), to[3] = vreinterpretq_s16_s32(second.val[1]);
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

enum { REAL_CHANNELS = 4 };
typedef __m128i stem_pixels;
typedef double stem_factor;

SPB_INLINE stem_factor stem_shift(uint32_t shift) { return 1.0 / (double)((uint64_t)1 << shift); }

SPB_INLINE void stem_store_eight(int16_t *to, stem_pixels x) { _mm_storeu_si128((__m128i *)(void *)to, x); }

/* Four channels of a pixel, in 32 bits. */
SPB_INLINE __m128i stem_scaled(const int32_t *sums, __m256d multiplier, __m256d bias, __m256d shift) {
    const __m256d least = _mm256_set1_pd(INT16_MIN), most = _mm256_set1_pd(INT16_MAX);
    __m256d x = _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(const void *)sums));
    x = _mm256_floor_pd(_mm256_mul_pd(_mm256_add_pd(_mm256_mul_pd(x, multiplier), bias), shift));
    return _mm256_cvttpd_epi32(_mm256_max_pd(_mm256_min_pd(x, most), least));
}

SPB_INLINE void stem_reals_of(const int32_t *sums, size_t step, const stem_factor *multipliers,
                              const stem_factor *biases, const stem_factor *shifts, stem_pixels *to) {
    __m256d multiplier = _mm256_loadu_pd(multipliers), bias = _mm256_loadu_pd(biases),
            shift = _mm256_loadu_pd(shifts);
    __m128i pixel[4]; /* p and p + 4 */
    for (int p = 0; p < 4; p++)
        pixel[p] = _mm_packs_epi32(stem_scaled(sums + (size_t)p * step, multiplier, bias, shift),
                                   stem_scaled(sums + (size_t)(p + 4) * step, multiplier, bias, shift));
    __m128i a = _mm_unpacklo_epi16(pixel[0], pixel[1]), b = _mm_unpacklo_epi16(pixel[2], pixel[3]);
    __m128i c = _mm_unpackhi_epi16(pixel[0], pixel[1]), d = _mm_unpackhi_epi16(pixel[2], pixel[3]);
    __m128i first = _mm_unpacklo_epi32(a, b), third = _mm_unpackhi_epi32(a, b);
    __m128i behind = _mm_unpacklo_epi32(c, d), last = _mm_unpackhi_epi32(c, d);
    to[0] = _mm_unpacklo_epi64(first, behind), to[1] = _mm_unpackhi_epi64(first, behind);
    to[2] = _mm_unpacklo_epi64(third, last), to[3] = _mm_unpackhi_epi64(third, last);
}

#else

enum { REAL_CHANNELS = 1 };
typedef struct stem_pixels {
    int16_t x[8];
} stem_pixels;
typedef int32_t stem_factor;

SPB_INLINE stem_factor stem_shift(uint32_t shift) { return (int32_t)shift; }
SPB_INLINE void stem_store_eight(int16_t *to, stem_pixels x) { memcpy(to, x.x, sizeof x.x); }

SPB_INLINE void stem_reals_of(const int32_t *sums, size_t step, const stem_factor *multiplier,
                              const stem_factor *bias, const stem_factor *shift, stem_pixels *to) {
    for (int p = 0; p < 8; p++, sums += step)
        to->x[p] = spb_saturate(((int64_t)*multiplier * *sums + *bias) >> *shift);
}

#endif

/* The first `count` of 8 pixels of a channel. */
SPB_INLINE void stem_store(int16_t *to, stem_pixels x, uint32_t count) {
    int16_t all[8];
    stem_store_eight(all, x);
    for (uint32_t p = 0; p < count; p++)
        to[p] = all[p];
}

#endif
