/* The stem's tile on NEON: included by stem_tile.h, which says what a tile is.
 *
 * The limit without SDOT: for 4 taps of 8 pixels or channels SMULL, SMLAL and SADALP, twice each for both
 * halves of a register: 6 for 32 multiply-adds. SMLAL to 32 bits at once takes 8 and twice the multiplier's
 * time. Two products of 8 bits fit 16 bits unless both are (-128) * (-128): where a weight is -128, `narrow`
 * is 0 and each product is widened on its own.
 */
#ifndef SPB_STEM_TILE_NEON_H
#define SPB_STEM_TILE_NEON_H

typedef int8_t stem_pixel;
typedef int8_t stem_weight;
enum { STEM_BIAS = 128, STEM_STEP = 4 };

#if defined(__aarch64__)
enum { TILE_CHANNELS = 16, TILE_PIXELS = 4, TILE_VECTORS = TILE_CHANNELS / 4 };
#else
enum { TILE_CHANNELS = 8, TILE_PIXELS = 2, TILE_VECTORS = TILE_CHANNELS / 4 };
#endif
typedef int32x4_t stem_sum;

SPB_INLINE stem_sum stem_start(const int32_t *start) { return vld1q_s32(start); }
/* The bits of all channels, a byte each: the upper ones of 32. */
#if defined(__aarch64__)
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    int16x8_t low = vuzp2q_s16(vreinterpretq_s16_s32(bits[0]), vreinterpretq_s16_s32(bits[1]));
    int16x8_t high = vuzp2q_s16(vreinterpretq_s16_s32(bits[2]), vreinterpretq_s16_s32(bits[3]));
    uint8x16_t b = vuzp2q_u8(vreinterpretq_u8_s16(low), vreinterpretq_u8_s16(high));
    b = vandq_u8(veorq_u8(b, vld1q_u8(invert)), vdupq_n_u8((uint8_t)valid));
    size_t step = plane_bytes;
    uint8_t *at;
/* Store and go on in one, which compilers do not find. */
#define STEM_STORE(i)                                                                                        \
    at = to;                                                                                                 \
    __asm__("st1 {%2.b}[" #i "], [%0], %3" : "+r"(to), "=m"(*at) : "w"(b), "r"(step));
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
    int16x8_t high = vcombine_s16(vshrn_n_s32(bits[0], 16), vshrn_n_s32(bits[1], 16));
    uint8x8_t b = vreinterpret_u8_s8(vshrn_n_s16(high, 8));
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
/* The next bit, a sum's sign, comes in from above. */
SPB_INLINE stem_sum stem_push(stem_sum bits, stem_sum sum) { return vsriq_n_s32(sum, bits, 1); }

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

#endif
