/* The register tile of the stem: 8 pixels of a row times TILE_CHANNELS output channels, 32-bit sums.
 *
 *   build            channels x pixels   what an instruction of the innermost loop does
 *   AArch64 SDOT     8 x 8               16 multiply-adds: 4 taps of 4 channels
 *   AArch64          16 x 4              SMULL, SMLAL: 8 products; SADALP: adds pairs of sums to 32 bits
 *   ARMv7 NEON       8 x 2               the same
 *   AVX2, VNNI       16 x 4              32 multiply-adds: 4 taps of 8 channels
 *   AVX2             16 x 4              16 products and 8 of their additions (int16 pairs), then an addition
 *   MVE              2 x 2               VMLADAVA: 16 multiply-adds: 16 taps of a channel
 *   Thumb-2          2 x 4               SMLAD: 2 multiply-adds; MLA: 1                (stem_tile_thumb2.h)
 *   Thumb            4 x 1               MULS, ADD: 1 in two                           (stem_tile_thumb1.h)
 *   scalar           2 x 2               1; SMLAD in ARM's older cores: 2
 *
 * The vector runs over channels, so that a pixel's taps are in order in memory and a few of them, a *group*,
 * are taken into all lanes at once. Weights: [taps / STEM_GROUP][TILE_CHANNELS][STEM_GROUP]; taps are a
 * multiple of STEM_STEP, with weights of 0 behind the last. Pixels: `stride` elements apart, less STEM_BIAS.
 * Behind a tile's weights STEM_END elements are what stem_end makes them. STEM_TURNS: weights may have the
 * other sign, and no `invert` is looked at.
 */
#ifndef SPB_STEM_TILE_H
#define SPB_STEM_TILE_H

#include <string.h>

#include "../limits.h"
#include "../word.h"

enum { STEM_MAX_TAPS = SPB_STEM_TAPS };

/* Tiles in assembly, which uses R9: not where that is the base of data. They gather pixels in their own way.
 */
#if defined(__GNUC__) && defined(__thumb__) && !defined(SPB_WORD_IS_MVE) && !defined(__ARM_NEON) &&          \
    !defined(__PIC__) && !defined(__ARM_RWPI)
#if defined(__thumb2__)
#define STEM_THUMB2
#else
#define STEM_THUMB1
#endif
#define STEM_GATHERS
#endif

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

#include "stem_tile_neon.h"

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

enum { TILE_CHANNELS = 16, TILE_PIXELS = 4, TILE_VECTORS = 2, STEM_BIAS = 0, STEM_NEEDS_NARROW = 0 };
typedef __m256i stem_sum;

SPB_INLINE __m256i stem_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
SPB_INLINE void stem_start(const int32_t *start, stem_sum sums[TILE_VECTORS]) {
    sums[0] = stem_load(start);
    sums[1] = stem_load(start + 8);
}
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    __m256i b = _mm256_packus_epi32(_mm256_srli_epi32(bits[0], 24), _mm256_srli_epi32(bits[1], 24));
    b = _mm256_permute4x64_epi64(b, 0xD8);
    __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
    bytes = _mm_xor_si128(bytes, _mm_loadu_si128((const __m128i *)(const void *)invert));
    bytes = _mm_and_si128(bytes, _mm_set1_epi8((char)valid));
    uint8_t each[TILE_CHANNELS];
    _mm_storeu_si128((__m128i *)(void *)each, bytes);
    for (int c = 0; c < TILE_CHANNELS; c++, to += plane_bytes)
        *to = each[c];
}
#define STEM_PUSH(n)                                                                                         \
    SPB_INLINE stem_sum stem_push_##n(stem_sum bits, stem_sum next) {                                        \
        const __m256i top = _mm256_set1_epi32(INT32_MIN >> ((n)-1));                                         \
        return _mm256_or_si256(_mm256_srli_epi32(bits, n), _mm256_and_si256(next, top));                     \
    }
SPB_INLINE __m256i stem_group(const void *x) {
    int32_t group;
    memcpy(&group, x, sizeof group);
    return _mm256_set1_epi32(group);
}

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
typedef uint8_t stem_pixel;
typedef int8_t stem_weight;
enum { STEM_GROUP = 4, STEM_STEP = 4 };
#define STEM_ADD(sum, x, w) _mm256_dpbusd_epi32(sum, x, w)
#else
typedef int16_t stem_pixel;
typedef int16_t stem_weight;
enum { STEM_GROUP = 2, STEM_STEP = 2 };
#define STEM_ADD(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))
#endif

SPB_INLINE void stem_step(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                          const stem_weight *w, int narrow) {
    (void)narrow;
    __m256i w0 = stem_load(w), w1 = stem_load(w + 8 * STEM_GROUP);
    SPB_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        __m256i x = stem_group(pixel[p] + k);
        sums[p][0] = STEM_ADD(sums[p][0], x, w0);
        sums[p][1] = STEM_ADD(sums[p][1], x, w1);
    }
}

#elif defined(STEM_THUMB2)

#include "stem_tile_thumb2.h"

#elif defined(STEM_THUMB1)

#include "stem_tile_thumb1.h"

#else

#if defined(__riscv)
enum { TILE_CHANNELS = 4 }; /* 31 registers */
#else
enum { TILE_CHANNELS = 2 };
#endif
enum { TILE_PIXELS = 2, TILE_VECTORS = TILE_CHANNELS, STEM_NEEDS_NARROW = 0 };
typedef int32_t stem_sum;

#if defined(SPB_WORD_IS_MVE)

typedef int8_t stem_pixel;
typedef int8_t stem_weight;
enum { STEM_BIAS = 128, STEM_GROUP = 16, STEM_STEP = 16 };

SPB_INLINE stem_sum stem_add(stem_sum sum, const stem_pixel *x, const stem_weight *w) {
    return vmladavaq_s8(sum, vldrbq_s8(x), vldrbq_s8(w));
}

#else

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

typedef int16_t stem_pixel;
typedef int16_t stem_weight;
enum { STEM_BIAS = 0, STEM_GROUP = 2, STEM_STEP = 2 };

SPB_INLINE stem_sum stem_add(stem_sum sum, const stem_pixel *x, const stem_weight *w) {
#if defined(__ARM_FEATURE_SIMD32)
    int16x2_t a, b;
    memcpy(&a, x, sizeof a);
    memcpy(&b, w, sizeof b);
    return __smlad(a, b, sum);
#else
    return sum + x[0] * w[0] + x[1] * w[1];
#endif
}

#endif

SPB_INLINE void stem_start(const int32_t *start, stem_sum sums[TILE_VECTORS]) {
    SPB_UNROLL
    for (int c = 0; c < TILE_CHANNELS; c++)
        sums[c] = start[c];
}
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    for (int c = 0; c < TILE_CHANNELS; c++, to += plane_bytes)
        *to = (uint8_t)(((uint32_t)bits[c] >> 24 ^ invert[c]) & valid);
}
#define STEM_PUSH(n)                                                                                         \
    SPB_INLINE stem_sum stem_push_##n(stem_sum bits, stem_sum next) {                                        \
        const uint32_t below = ~(uint32_t)0 >> (n);                                                          \
        return (stem_sum)((uint32_t)bits >> (n) | ((uint32_t)next & ~below));                                \
    }

SPB_INLINE void stem_step(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                          const stem_weight *w, int narrow) {
    (void)narrow;
    SPB_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        SPB_UNROLL
        for (int c = 0; c < TILE_CHANNELS; c++)
            sums[p][c] = stem_add(sums[p][c], pixel[p] + k, w + STEM_GROUP * c);
    }
}

#endif

#if defined(STEM_PUSH)
STEM_PUSH(1)
STEM_PUSH(2)
STEM_PUSH(4)
#undef STEM_PUSH
#endif

#if !defined(STEM_GATHERS)

typedef stem_pixel stem_tap; /* gathered */
enum { STEM_END = 0, STEM_TURNS = 0 };
SPB_INLINE void stem_end(stem_weight *behind) { (void)behind; }

#if !defined(STEM_SDOT)
SPB_INLINE void stem_taps(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel,
                          const stem_weight *weights, size_t taps, int narrow) {
    for (size_t k = 0; k < taps; k += STEM_STEP)
        stem_step(sums, pixel, k, weights + k * TILE_CHANNELS, narrow);
}
#endif

/* The sums of TILE_PIXELS pixels, which begin with the channels' `start`. */
SPB_INLINE void stem_run(const stem_pixel *pixels, size_t stride, const stem_weight *weights, size_t taps,
                         const int32_t *start, int narrow, stem_sum sums[TILE_PIXELS][TILE_VECTORS]) {
    const stem_pixel *pixel[TILE_PIXELS];
    SPB_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        pixel[p] = pixels + (size_t)p * stride;
        stem_start(start, sums[p]);
    }
    stem_taps(sums, pixel, weights, taps, narrow);
}

/* The signs of TILE_PIXELS sums, on top of what `bits` has: pairs, then fours, so that few wait for others.
 */
SPB_INLINE void stem_signs(stem_sum sums[TILE_PIXELS][TILE_VECTORS], stem_sum *bits) {
    SPB_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) {
        SPB_UNROLL
        for (int p = 0; p + 2 <= TILE_PIXELS; p += 2)
            sums[p + 1][v] = stem_push_1(sums[p][v], sums[p + 1][v]);
        SPB_UNROLL
        for (int p = 0; p + 4 <= TILE_PIXELS; p += 4)
            sums[p + 3][v] = stem_push_2(sums[p + 1][v], sums[p + 3][v]);
        stem_sum last = sums[TILE_PIXELS - 1][v];
        bits[v] = TILE_PIXELS == 8   ? stem_push_4(sums[TILE_PIXELS / 2 - 1][v], last)
                  : TILE_PIXELS == 4 ? stem_push_4(bits[v], last)
                                     : stem_push_2(bits[v], last);
    }
}

/* 8 pixels: bit x of a channel's byte says that the sum at pixel x, which begins with the channel's `start`,
 * ends below 0, or that it does not where `invert` is 255; bits outside `valid` are 0. */
SPB_INLINE void stem_eight(const stem_pixel *pixels, size_t stride, const stem_weight *weights, size_t taps,
                           const int32_t *start, const uint8_t *invert, uint32_t valid, int narrow,
                           uint8_t *to, uint32_t plane_bytes) {
    stem_sum below[TILE_VECTORS];
    stem_start(start, below); /* any value: 8 bits come in above it, and only these are taken */
    for (int first = 0; first < 8; first += TILE_PIXELS) {
        stem_sum sums[TILE_PIXELS][TILE_VECTORS];
        stem_run(pixels + (size_t)first * stride, stride, weights, taps, start, narrow, sums);
        stem_signs(sums, below);
    }
    stem_put(below, invert, valid, to, plane_bytes);
}

/* The sums of 8 pixels, [pixel][TILE_CHANNELS]. */
SPB_INLINE void stem_eight_sums(const stem_pixel *pixels, size_t stride, const stem_weight *weights,
                                size_t taps, const int32_t *start, int narrow, int32_t *to) {
    const int lanes = TILE_CHANNELS / TILE_VECTORS;
    for (int first = 0; first < 8; first += TILE_PIXELS) {
        stem_sum sums[TILE_PIXELS][TILE_VECTORS];
        stem_run(pixels + (size_t)first * stride, stride, weights, taps, start, narrow, sums);
        SPB_UNROLL
        for (int p = 0; p < TILE_PIXELS; p++) {
            SPB_UNROLL
            for (int v = 0; v < TILE_VECTORS; v++)
                memcpy(to + (first + p) * TILE_CHANNELS + v * lanes, &sums[p][v], sizeof sums[p][v]);
        }
    }
}

#endif

#endif
