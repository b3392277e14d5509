/* The register tile of the stem: TILE_CHANNELS output channels, TILE_PIXELS pixels of a row, 32-bit sums.
 *
 *   build    channels x pixels   a tap costs
 *   NEON     4 x 8               1 load, 8 widening multiply-adds by a lane
 *   AVX2     4 x 16              taps in pairs: 2 loads, 2 interleavings, 8 multiply-adds of pairs, 8
 * additions scalar   1 x 4               4 multiply-adds
 *
 * `weights`: [tap][TILE_CHANNELS] int16; `offsets`: of each tap from the tile's first pixel, in elements; the
 * number of taps is even (a last tap of weight 0 is added where it is not). The result: TILE_PIXELS bits a
 * channel, set where the sum is above the channel's limit.
 */
#ifndef SPB_STEM_TILE_H
#define SPB_STEM_TILE_H

#include "../word.h"

enum { STEM_MAX_TAPS = 4 * 7 * 7 };

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { TILE_CHANNELS = 4, TILE_PIXELS = 8 };

SPB_INLINE uint32_t stem_above(int32x4_t low, int32x4_t high, int32_t limit) {
    static const uint8_t bit_of_pixel[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint16x4_t a = vmovn_u32(vcgtq_s32(low, vdupq_n_s32(limit)));
    uint16x4_t b = vmovn_u32(vcgtq_s32(high, vdupq_n_s32(limit)));
    uint8x8_t bits = vand_u8(vmovn_u16(vcombine_u16(a, b)), vld1_u8(bit_of_pixel));
#if defined(__aarch64__)
    return vaddv_u8(bits);
#else
    bits = vpadd_u8(bits, bits);
    bits = vpadd_u8(bits, bits);
    return vget_lane_u8(vpadd_u8(bits, bits), 0);
#endif
}

SPB_INLINE void stem_tile(const int16_t *pixel, const uint32_t *offsets, const int16_t *weights,
                          uint32_t taps, const int32_t *limit, uint32_t *bits) {
    int32x4_t low[TILE_CHANNELS], high[TILE_CHANNELS];
    for (int c = 0; c < TILE_CHANNELS; c++)
        low[c] = high[c] = vdupq_n_s32(0);
    for (uint32_t k = 0; k < taps; k++) {
        int16x8_t x = vld1q_s16(pixel + offsets[k]);
        int16x4_t w = vld1_s16(weights + k * TILE_CHANNELS);
        int16x4_t x0 = vget_low_s16(x), x1 = vget_high_s16(x);
        low[0] = vmlal_lane_s16(low[0], x0, w, 0), high[0] = vmlal_lane_s16(high[0], x1, w, 0);
        low[1] = vmlal_lane_s16(low[1], x0, w, 1), high[1] = vmlal_lane_s16(high[1], x1, w, 1);
        low[2] = vmlal_lane_s16(low[2], x0, w, 2), high[2] = vmlal_lane_s16(high[2], x1, w, 2);
        low[3] = vmlal_lane_s16(low[3], x0, w, 3), high[3] = vmlal_lane_s16(high[3], x1, w, 3);
    }
    for (int c = 0; c < TILE_CHANNELS; c++)
        bits[c] = stem_above(low[c], high[c], limit[c]);
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

enum { TILE_CHANNELS = 4, TILE_PIXELS = 16 };

SPB_INLINE __m256i stem_load(const int16_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Weights of taps k and k + 1, next to each other in every lane of 32 bits. */
SPB_INLINE __m256i stem_pair(const int16_t *weights, int channel) {
    uint32_t first = (uint16_t)weights[channel], second = (uint16_t)weights[TILE_CHANNELS + channel];
    return _mm256_set1_epi32((int)(first | second << 16));
}

/* low holds pixels 0-3 and 8-11, high 4-7 and 12-15: interleaving works within halves, and so does packing.
 */
SPB_INLINE uint32_t stem_above(__m256i low, __m256i high, int32_t limit) {
    __m256i bound = _mm256_set1_epi32(limit);
    __m256i above = _mm256_packs_epi32(_mm256_cmpgt_epi32(low, bound), _mm256_cmpgt_epi32(high, bound));
    uint32_t bytes = (uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(above, _mm256_setzero_si256()));
    return (bytes & 0xFFu) | (bytes >> 8 & 0xFF00u);
}

SPB_INLINE void stem_tile(const int16_t *pixel, const uint32_t *offsets, const int16_t *weights,
                          uint32_t taps, const int32_t *limit, uint32_t *bits) {
    __m256i low[TILE_CHANNELS], high[TILE_CHANNELS];
    for (int c = 0; c < TILE_CHANNELS; c++)
        low[c] = high[c] = _mm256_setzero_si256();
    for (uint32_t k = 0; k < taps; k += 2) {
        __m256i a = stem_load(pixel + offsets[k]), b = stem_load(pixel + offsets[k + 1]);
        __m256i ab_low = _mm256_unpacklo_epi16(a, b), ab_high = _mm256_unpackhi_epi16(a, b);
        for (int c = 0; c < TILE_CHANNELS; c++) {
            __m256i w = stem_pair(weights + k * TILE_CHANNELS, c);
            low[c] = _mm256_add_epi32(low[c], _mm256_madd_epi16(ab_low, w));
            high[c] = _mm256_add_epi32(high[c], _mm256_madd_epi16(ab_high, w));
        }
    }
    for (int c = 0; c < TILE_CHANNELS; c++)
        bits[c] = stem_above(low[c], high[c], limit[c]);
}

#else

enum { TILE_CHANNELS = 1, TILE_PIXELS = 8 };

SPB_INLINE uint32_t stem_four(const int16_t *pixel, const uint32_t *offsets, const int16_t *weights,
                              uint32_t taps, int32_t limit) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (uint32_t k = 0; k < taps; k++) {
        const int16_t *x = pixel + offsets[k];
        int32_t w = weights[k];
        s0 += w * x[0];
        s1 += w * x[1];
        s2 += w * x[2];
        s3 += w * x[3];
    }
    return (uint32_t)(s0 > limit) | (uint32_t)(s1 > limit) << 1 | (uint32_t)(s2 > limit) << 2 |
           (uint32_t)(s3 > limit) << 3;
}

SPB_INLINE void stem_tile(const int16_t *pixel, const uint32_t *offsets, const int16_t *weights,
                          uint32_t taps, const int32_t *limit, uint32_t *bits) {
    bits[0] = stem_four(pixel, offsets, weights, taps, limit[0]) |
              stem_four(pixel + 4, offsets, weights, taps, limit[0]) << 4;
}

#endif
#endif
