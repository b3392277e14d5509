/* The register tile of the stem: 8 pixels of a row times TILE_CHANNELS output channels, 32-bit sums.
 *
 *   build            channels x pixels   what an instruction of the innermost loop does
 *   AArch64 SDOT     16 x 4              16 multiply-adds: 4 taps of 4 channels
 *   AArch64          16 x 4              SMULL, SMLAL: 8 products; SADALP: adds pairs of sums to 32 bits
 *   ARMv7 NEON       8 x 2               the same
 *   AVX2, VNNI       16 x 4              32 multiply-adds: 4 taps of 8 channels
 *   AVX2             16 x 4              16 products and 8 of their additions (int16 pairs), then an addition
 *   scalar           2 x 2               SMLAD: 2 multiply-adds; elsewhere 1
 *
 * The vector runs over channels, so that a pixel's taps are in order in memory and a few of them, a *group*,
 * are loaded into all lanes at once. Weights: [taps / STEM_GROUP][TILE_CHANNELS][STEM_GROUP]; taps are a
 * multiple of STEM_STEP, with weights of 0 behind the last. Pixels: `stride` elements apart, less STEM_BIAS.
 *
 * The limit without SDOT: for 4 taps of 8 pixels or channels SMULL, SMLAL and SADALP, twice each for both
 * halves of a register: 6 for 32 multiply-adds. SMLAL to 32 bits at once takes 8 and twice the multiplier's
 * time. Two products of 8 bits fit 16 bits unless both are (-128) * (-128): where a weight is -128, `narrow`
 * is 0 and each product is widened on its own.
 */
#ifndef SPB_STEM_TILE_H
#define SPB_STEM_TILE_H

#include <string.h>

#include "../word.h"

enum { STEM_MAX_TAPS = 4 * 7 * 7 };

/* The tile's loops over pixels and vectors: sums are in registers only when nothing of them is left. */
#if defined(__clang__)
#define STEM_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define STEM_UNROLL _Pragma("GCC unroll 16")
#else
#define STEM_UNROLL
#endif

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

typedef int8_t stem_pixel;
typedef int8_t stem_weight;
enum { STEM_BIAS = 128, STEM_STEP = 4 };

#if defined(__aarch64__)
enum { TILE_CHANNELS = 16, TILE_PIXELS = 4, TILE_VECTORS = TILE_CHANNELS / 4 };
#else
enum { TILE_CHANNELS = 8, TILE_PIXELS = 2, TILE_VECTORS = TILE_CHANNELS / 4 };
#endif
typedef int32x4_t stem_sum;

SPB_INLINE stem_sum stem_zero(void) { return vdupq_n_s32(0); }
SPB_INLINE stem_sum stem_limit(const int32_t *limit) { return vld1q_s32(limit); }
/* The bits of all channels, a byte each. */
#if defined(__aarch64__)
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    int16x8_t low = vcombine_s16(vmovn_s32(bits[0]), vmovn_s32(bits[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(bits[2]), vmovn_s32(bits[3]));
    uint8x16_t b = vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    b = vandq_u8(veorq_u8(b, vld1q_u8(invert)), vdupq_n_u8((uint8_t)valid));
#define STEM_STORE(i) vst1q_lane_u8(to, b, i), to += plane_bytes;
    STEM_STORE(0)
    STEM_STORE(1)
    STEM_STORE(2)
    STEM_STORE(3)
    STEM_STORE(4)
    STEM_STORE(5)
    STEM_STORE(6)
    STEM_STORE(7)
    STEM_STORE(8)
    STEM_STORE(9)
    STEM_STORE(10)
    STEM_STORE(11)
    STEM_STORE(12)
    STEM_STORE(13)
    STEM_STORE(14)
    STEM_STORE(15)
#undef STEM_STORE
}
#else
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    int16x8_t low = vcombine_s16(vmovn_s32(bits[0]), vmovn_s32(bits[1]));
    uint8x8_t b = vreinterpret_u8_s8(vmovn_s16(low));
    b = vand_u8(veor_u8(b, vld1_u8(invert)), vdup_n_u8((uint8_t)valid));
#define STEM_STORE(i) vst1_lane_u8(to, b, i), to += plane_bytes;
    STEM_STORE(0)
    STEM_STORE(1)
    STEM_STORE(2)
    STEM_STORE(3)
    STEM_STORE(4)
    STEM_STORE(5)
    STEM_STORE(6)
    STEM_STORE(7)
#undef STEM_STORE
}
#endif
/* The next bit comes in from below. */
SPB_INLINE stem_sum stem_push(stem_sum bits, stem_sum sum, stem_sum limit) {
    return vsliq_n_s32(vreinterpretq_s32_u32(vcgtq_s32(sum, limit)), bits, 1);
}

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)

enum { STEM_GROUP = 4, STEM_NEEDS_NARROW = 0 };
typedef struct stem_four {
    stem_pixel tap[4];
} stem_four;

SPB_INLINE void stem_step(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                          const stem_weight *w, int narrow) {
    (void)narrow, (void)k; /* pointers move */
    int8x16_t weight[TILE_VECTORS];
    STEM_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++)
        weight[v] = vld1q_s8(w + 16 * v);
    STEM_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        int8x16_t x;
        __asm__("ld1r {%0.4s}, [%1], #4" : "=w"(x), "+r"(pixel[p]) : "m"(*(const stem_four *)pixel[p]));
        STEM_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++)
            sums[p][v] = vdotq_s32(sums[p][v], weight[v], x);
    }
}

#else

enum { STEM_GROUP = 2, STEM_NEEDS_NARROW = 1 };

typedef struct stem_two {
    stem_pixel tap[2];
} stem_two;

/* Two taps in all lanes, and on to the next two: one instruction, where compilers take two or three. */
SPB_INLINE int8x16_t stem_pair(const stem_pixel **x) {
    int8x16_t pair;
#if defined(__aarch64__)
    __asm__("ld1r {%0.8h}, [%1], #2" : "=w"(pair), "+r"(*x) : "m"(*(const stem_two *)*x));
#else
    __asm__("vld1.16 {%e0[], %f0[]}, [%1]!" : "=w"(pair), "+r"(*x) : "m"(*(const stem_two *)*x));
#endif
    return pair;
}

SPB_INLINE stem_sum stem_widened(stem_sum sum, int8x8_t w0, int8x8_t x0, int8x8_t w1, int8x8_t x1) {
    return vpadalq_s16(vpadalq_s16(sum, vmull_s8(w0, x0)), vmull_s8(w1, x1));
}

/* Compilers move the products of several pixels up, run out of registers and spill in the innermost loop, so
 * the order is pinned: four chains, two where registers are few. */
#if defined(__aarch64__)
SPB_INLINE void stem_narrow(stem_sum *s, const int8x16_t *w0, const int8x16_t *w1, int8x16_t x0,
                            int8x16_t x1) {
    int16x8_t t0, t1, t2, t3;
    __asm__("smull %0.8h, %8.8b, %12.8b\n"
            "smull2 %1.8h, %8.16b, %12.16b\n"
            "smull %2.8h, %9.8b, %12.8b\n"
            "smull2 %3.8h, %9.16b, %12.16b\n"
            "smlal %0.8h, %10.8b, %13.8b\n"
            "smlal2 %1.8h, %10.16b, %13.16b\n"
            "smlal %2.8h, %11.8b, %13.8b\n"
            "smlal2 %3.8h, %11.16b, %13.16b\n"
            "sadalp %4.4s, %0.8h\n"
            "sadalp %5.4s, %1.8h\n"
            "sadalp %6.4s, %2.8h\n"
            "sadalp %7.4s, %3.8h\n"
            : "=&w"(t0), "=&w"(t1), "=&w"(t2), "=&w"(t3), "+w"(s[0]), "+w"(s[1]), "+w"(s[2]), "+w"(s[3])
            : "w"(w0[0]), "w"(w0[1]), "w"(w1[0]), "w"(w1[1]), "w"(x0), "w"(x1));
}
#else
SPB_INLINE void stem_narrow(stem_sum *s, const int8x16_t *w0, const int8x16_t *w1, int8x16_t x0,
                            int8x16_t x1) {
    int16x8_t t0, t1;
    __asm__("vmull.s8 %q0, %e4, %e6\n"
            "vmull.s8 %q1, %f4, %f6\n"
            "vmlal.s8 %q0, %e5, %e7\n"
            "vmlal.s8 %q1, %f5, %f7\n"
            "vpadal.s16 %q2, %q0\n"
            "vpadal.s16 %q3, %q1\n"
            : "=&w"(t0), "=&w"(t1), "+w"(s[0]), "+w"(s[1])
            : "w"(w0[0]), "w"(w1[0]), "w"(x0), "w"(x1));
}
#endif

SPB_INLINE void stem_step(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                          const stem_weight *w, int narrow) {
    (void)k; /* pointers move */
    int8x16_t w0[TILE_VECTORS / 2], w1[TILE_VECTORS / 2];
    STEM_UNROLL
    for (int v = 0; v < TILE_VECTORS / 2; v++) {
        w0[v] = vld1q_s8(w + 16 * v);
        w1[v] = vld1q_s8(w + 2 * TILE_CHANNELS + 16 * v);
    }
    STEM_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        int8x16_t x0 = stem_pair(&pixel[p]), x1 = stem_pair(&pixel[p]);
        if (narrow) {
            stem_narrow(sums[p], w0, w1, x0, x1);
            continue;
        }
        int8x8_t low0 = vget_low_s8(x0), low1 = vget_low_s8(x1);
        STEM_UNROLL
        for (int v = 0; v < TILE_VECTORS / 2; v++) {
            stem_sum *s = &sums[p][2 * v];
            s[0] = stem_widened(s[0], vget_low_s8(w0[v]), low0, vget_low_s8(w1[v]), low1);
            s[1] = stem_widened(s[1], vget_high_s8(w0[v]), low0, vget_high_s8(w1[v]), low1);
        }
    }
}

#endif

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

enum { TILE_CHANNELS = 16, TILE_PIXELS = 4, TILE_VECTORS = 2, STEM_BIAS = 0, STEM_NEEDS_NARROW = 0 };
typedef __m256i stem_sum;

SPB_INLINE __m256i stem_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
SPB_INLINE stem_sum stem_zero(void) { return _mm256_setzero_si256(); }
SPB_INLINE stem_sum stem_limit(const int32_t *limit) { return stem_load(limit); }
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    const __m256i low = _mm256_set1_epi32(255);
    __m256i b = _mm256_packus_epi32(_mm256_and_si256(bits[0], low), _mm256_and_si256(bits[1], low));
    b = _mm256_permute4x64_epi64(b, 0xD8);
    __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
    bytes = _mm_xor_si128(bytes, _mm_loadu_si128((const __m128i *)(const void *)invert));
    bytes = _mm_and_si128(bytes, _mm_set1_epi8((char)valid));
    uint8_t each[TILE_CHANNELS];
    _mm_storeu_si128((__m128i *)(void *)each, bytes);
    for (int c = 0; c < TILE_CHANNELS; c++, to += plane_bytes)
        *to = each[c];
}
SPB_INLINE stem_sum stem_push(stem_sum bits, stem_sum sum, stem_sum limit) {
    return _mm256_sub_epi32(_mm256_add_epi32(bits, bits), _mm256_cmpgt_epi32(sum, limit));
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
    STEM_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        __m256i x = stem_group(pixel[p] + k);
        sums[p][0] = STEM_ADD(sums[p][0], x, w0);
        sums[p][1] = STEM_ADD(sums[p][1], x, w1);
    }
}

#else

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

typedef int16_t stem_pixel;
typedef int16_t stem_weight;
enum {
    TILE_CHANNELS = 2,
    TILE_PIXELS = 2,
    TILE_VECTORS = 2,
    STEM_BIAS = 0,
    STEM_NEEDS_NARROW = 0,
    STEM_GROUP = 2,
    STEM_STEP = 2
};
typedef int32_t stem_sum;

SPB_INLINE stem_sum stem_zero(void) { return 0; }
SPB_INLINE stem_sum stem_limit(const int32_t *limit) { return *limit; }
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    for (int c = 0; c < TILE_CHANNELS; c++, to += plane_bytes)
        *to = (uint8_t)(((uint32_t)bits[c] ^ invert[c]) & valid);
}
SPB_INLINE stem_sum stem_push(stem_sum bits, stem_sum sum, stem_sum limit) {
    return bits * 2 + (sum > limit);
}

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

SPB_INLINE void stem_step(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                          const stem_weight *w, int narrow) {
    (void)narrow;
    STEM_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        STEM_UNROLL
        for (int c = 0; c < TILE_CHANNELS; c++)
            sums[p][c] = stem_add(sums[p][c], pixel[p] + k, w + 2 * c);
    }
}

#endif

/* 8 pixels: bit x of a channel's byte says that the sum at pixel x is above the channel's limit, or that it
 * is not where `invert` is 255; bits outside `valid` are 0. */
SPB_INLINE void stem_eight(const stem_pixel *pixels, size_t stride, const stem_weight *weights, size_t taps,
                           const int32_t *limit, const uint8_t *invert, uint32_t valid, int narrow,
                           uint8_t *to, uint32_t plane_bytes) {
    const int lanes = TILE_CHANNELS / TILE_VECTORS;
    stem_sum above[TILE_VECTORS];
    STEM_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++)
        above[v] = stem_zero();
    for (int first = 8 - TILE_PIXELS; first >= 0; first -= TILE_PIXELS) {
        const stem_pixel *pixel[TILE_PIXELS];
        stem_sum sums[TILE_PIXELS][TILE_VECTORS];
        STEM_UNROLL
        for (int p = 0; p < TILE_PIXELS; p++) {
            pixel[p] = pixels + (size_t)(first + p) * stride;
            STEM_UNROLL
            for (int v = 0; v < TILE_VECTORS; v++)
                sums[p][v] = stem_zero();
        }
        for (size_t k = 0; k < taps; k += STEM_STEP)
            stem_step(sums, pixel, k, weights + k * TILE_CHANNELS, narrow);
        STEM_UNROLL
        for (int p = TILE_PIXELS - 1; p >= 0; p--) {
            STEM_UNROLL
            for (int v = 0; v < TILE_VECTORS; v++)
                above[v] = stem_push(above[v], sums[p][v], stem_limit(limit + v * lanes));
        }
    }
    stem_put(above, invert, valid, to, plane_bytes);
}

#endif
