/* The stem's tile on NEON: included by stem_tile.h, which says what a tile is.
 *
 * The limit without SDOT: for 4 taps of 8 pixels or channels SMULL, SMLAL and SADALP, twice each for both
 * halves of a register: 6 for 32 multiply-adds. SMLAL to 32 bits at once takes 8 and twice the multiplier's
 * time. Two products of 8 bits fit 16 bits unless both are (-128) * (-128): where a weight is -128, `narrow`
 * is 0 and each product is widened on its own.
 *
 * The limit with SDOT: one for 4 taps of 4 channels. For 4 taps of a tile 16 of them, 2 loads of weights and
 * 2 of pixels, each of which serves four groups of taps.
 */
#ifndef SPB_STEM_TILE_NEON_H
#define SPB_STEM_TILE_NEON_H

typedef int8_t stem_pixel;
typedef int8_t stem_weight;
typedef int32x4_t stem_sum;
enum { STEM_BIAS = 128, STEM_STEP = 4 };

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#define STEM_SDOT
enum { TILE_CHANNELS = 8, TILE_PIXELS = 8 };
#elif defined(__aarch64__)
enum { TILE_CHANNELS = 16, TILE_PIXELS = 4 };
#else
enum { TILE_CHANNELS = 8, TILE_PIXELS = 2 };
#endif
enum { TILE_VECTORS = TILE_CHANNELS / 4 };

#if defined(STEM_SDOT)
/* For each pixel anew: compilers load it once and copy it, which takes twice the instructions. */
SPB_INLINE void stem_start(const int32_t *start, stem_sum sums[TILE_VECTORS]) {
    __asm__ volatile("ldp %q0, %q1, %2"
                     : "=w"(sums[0]), "=w"(sums[1])
                     : "Q"(*(const int32_t(*)[TILE_CHANNELS])start));
}
#else
SPB_INLINE void stem_start(const int32_t *start, stem_sum sums[TILE_VECTORS]) {
    SPB_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++)
        sums[v] = vld1q_s32(start + 4 * v);
}
#endif

#if defined(__aarch64__)
/* Store and go on in one, which compilers do not find. */
#define STEM_STORE(i)                                                                                        \
    at = to;                                                                                                 \
    __asm__("st1 {%2.b}[" #i "], [%0], %3" : "+r"(to), "=m"(*at) : "w"(b), "r"(step));
#else
#define STEM_STORE(i) vst1_lane_u8(at = to, b, i), to += step;
#endif
/* The bits of all channels, a byte each: the upper ones of 32. */
SPB_INLINE void stem_put(const stem_sum *bits, const uint8_t *invert, uint32_t valid, uint8_t *to,
                         uint32_t plane_bytes) {
    size_t step = plane_bytes;
    uint8_t *at;
#if defined(__aarch64__) && !defined(STEM_SDOT)
    int16x8_t low = vuzp2q_s16(vreinterpretq_s16_s32(bits[0]), vreinterpretq_s16_s32(bits[1]));
    int16x8_t high = vuzp2q_s16(vreinterpretq_s16_s32(bits[2]), vreinterpretq_s16_s32(bits[3]));
    uint8x16_t b = vuzp2q_u8(vreinterpretq_u8_s16(low), vreinterpretq_u8_s16(high));
    b = vandq_u8(veorq_u8(b, vld1q_u8(invert)), vdupq_n_u8((uint8_t)valid));
#else
    int16x8_t high = vcombine_s16(vshrn_n_s32(bits[0], 16), vshrn_n_s32(bits[1], 16));
    uint8x8_t b = vreinterpret_u8_s8(vshrn_n_s16(high, 8));
    b = vand_u8(veor_u8(b, vld1_u8(invert)), vdup_n_u8((uint8_t)valid));
#endif
    STEM_STORE(0)
    STEM_STORE(1)
    STEM_STORE(2)
    STEM_STORE(3)
    STEM_STORE(4)
    STEM_STORE(5)
    STEM_STORE(6)
    STEM_STORE(7)
#if defined(__aarch64__) && !defined(STEM_SDOT)
    STEM_STORE(8)
    STEM_STORE(9)
    STEM_STORE(10)
    STEM_STORE(11)
    STEM_STORE(12)
    STEM_STORE(13)
    STEM_STORE(14)
    STEM_STORE(15)
#endif
    (void)at;
}
#undef STEM_STORE
/* The last 1, 2 or 4 bits of all go on top of those before them. */
SPB_INLINE stem_sum stem_push_1(stem_sum bits, stem_sum next) { return vsriq_n_s32(next, bits, 1); }
SPB_INLINE stem_sum stem_push_2(stem_sum bits, stem_sum next) { return vsriq_n_s32(next, bits, 2); }
SPB_INLINE stem_sum stem_push_4(stem_sum bits, stem_sum next) { return vsriq_n_s32(next, bits, 4); }

#if defined(STEM_SDOT)

enum { STEM_GROUP = 4, STEM_NEEDS_NARROW = 0 };

/* 4 taps of 4 channels, of all pixels. Compilers move loads up, run out of registers and copy sums about, so
 * the order is pinned. */
#define STEM_DOT(i, v, w)                                                                                    \
    __asm__("sdot %0.4s, %8.16b, %9.4b[" #i "]\n"                                                            \
            "sdot %1.4s, %8.16b, %10.4b[" #i "]\n"                                                           \
            "sdot %2.4s, %8.16b, %11.4b[" #i "]\n"                                                           \
            "sdot %3.4s, %8.16b, %12.4b[" #i "]\n"                                                           \
            "sdot %4.4s, %8.16b, %13.4b[" #i "]\n"                                                           \
            "sdot %5.4s, %8.16b, %14.4b[" #i "]\n"                                                           \
            "sdot %6.4s, %8.16b, %15.4b[" #i "]\n"                                                           \
            "sdot %7.4s, %8.16b, %16.4b[" #i "]\n"                                                           \
            : "+w"(sums[0][v]), "+w"(sums[1][v]), "+w"(sums[2][v]), "+w"(sums[3][v]), "+w"(sums[4][v]),      \
              "+w"(sums[5][v]), "+w"(sums[6][v]), "+w"(sums[7][v])                                           \
            : "w"(w), "w"(x[0]), "w"(x[1]), "w"(x[2]), "w"(x[3]), "w"(x[4]), "w"(x[5]), "w"(x[6]),           \
              "w"(x[7]));

/* The first `count` groups of the 16 taps from `k` on. */
SPB_INLINE void stem_groups(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel, size_t k,
                            const stem_weight *w, int count) {
    int8x16_t x[TILE_PIXELS];
    SPB_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++)
        x[p] = vld1q_s8(pixel[p] + k); /* of the last taps: more than there are */
#define GROUP(i)                                                                                             \
    if ((i) < count) {                                                                                       \
        int8x16_t w0 = vld1q_s8(w + 32 * (i)), w1 = vld1q_s8(w + 32 * (i) + 16);                             \
        STEM_DOT(i, 0, w0)                                                                                   \
        STEM_DOT(i, 1, w1)                                                                                   \
    }
    GROUP(0)
    GROUP(1)
    GROUP(2)
    GROUP(3)
#undef GROUP
}
#undef STEM_DOT

SPB_INLINE void stem_taps(stem_sum sums[TILE_PIXELS][TILE_VECTORS], const stem_pixel **pixel,
                          const stem_weight *w, size_t taps, int narrow) {
    size_t k = 0;
    (void)narrow;
    for (; k + 16 <= taps; k += 16)
        stem_groups(sums, pixel, k, w + k * TILE_CHANNELS, 4);
    switch (taps / STEM_GROUP % 4) { /* constants from here on */
    case 1:
        stem_groups(sums, pixel, k, w + k * TILE_CHANNELS, 1);
        break;
    case 2:
        stem_groups(sums, pixel, k, w + k * TILE_CHANNELS, 2);
        break;
    case 3:
        stem_groups(sums, pixel, k, w + k * TILE_CHANNELS, 3);
        break;
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
 * the order is pinned: two pixels at once, so that eight instructions stand between a product and its use,
 * which a core that issues in order would wait for; one where registers are few. */
#if defined(__aarch64__)
typedef struct stem_four {
    stem_pixel tap[4];
} stem_four;

enum { STEM_TOGETHER = 2 };
SPB_INLINE void stem_narrow(stem_sum sums[STEM_TOGETHER][TILE_VECTORS], const int8x16_t *w0,
                            const int8x16_t *w1, const stem_pixel **pixel) {
    stem_sum *s = sums[0], *u = sums[1];
    __asm__("ld1r {v8.8h}, [%8], #2\n"
            "ld1r {v10.8h}, [%9], #2\n"
            "ld1r {v9.8h}, [%8], #2\n"
            "ld1r {v11.8h}, [%9], #2\n"
            "smull v0.8h, %10.8b, v8.8b\n"
            "smull2 v1.8h, %10.16b, v8.16b\n"
            "smull v2.8h, %11.8b, v8.8b\n"
            "smull2 v3.8h, %11.16b, v8.16b\n"
            "smull v4.8h, %10.8b, v10.8b\n"
            "smull2 v5.8h, %10.16b, v10.16b\n"
            "smull v6.8h, %11.8b, v10.8b\n"
            "smull2 v7.8h, %11.16b, v10.16b\n"
            "smlal v0.8h, %12.8b, v9.8b\n"
            "smlal2 v1.8h, %12.16b, v9.16b\n"
            "smlal v2.8h, %13.8b, v9.8b\n"
            "smlal2 v3.8h, %13.16b, v9.16b\n"
            "smlal v4.8h, %12.8b, v11.8b\n"
            "smlal2 v5.8h, %12.16b, v11.16b\n"
            "smlal v6.8h, %13.8b, v11.8b\n"
            "smlal2 v7.8h, %13.16b, v11.16b\n"
            "sadalp %0.4s, v0.8h\n"
            "sadalp %1.4s, v1.8h\n"
            "sadalp %2.4s, v2.8h\n"
            "sadalp %3.4s, v3.8h\n"
            "sadalp %4.4s, v4.8h\n"
            "sadalp %5.4s, v5.8h\n"
            "sadalp %6.4s, v6.8h\n"
            "sadalp %7.4s, v7.8h\n"
            : "+w"(s[0]), "+w"(s[1]), "+w"(s[2]), "+w"(s[3]), "+w"(u[0]), "+w"(u[1]), "+w"(u[2]), "+w"(u[3]),
              "+r"(pixel[0]), "+r"(pixel[1])
            : "w"(w0[0]), "w"(w0[1]), "w"(w1[0]), "w"(w1[1]), "m"(*(const stem_four *)pixel[0]),
              "m"(*(const stem_four *)pixel[1])
            : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11");
}
#else
enum { STEM_TOGETHER = 1 };
SPB_INLINE void stem_narrow(stem_sum sums[STEM_TOGETHER][TILE_VECTORS], const int8x16_t *w0,
                            const int8x16_t *w1, const stem_pixel **pixel) {
    int8x16_t x0 = stem_pair(&pixel[0]), x1 = stem_pair(&pixel[0]);
    stem_sum *s = sums[0];
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
    SPB_UNROLL
    for (int v = 0; v < TILE_VECTORS / 2; v++) {
        w0[v] = vld1q_s8(w + 16 * v);
        w1[v] = vld1q_s8(w + 2 * TILE_CHANNELS + 16 * v);
    }
    if (narrow) {
        SPB_UNROLL
        for (int p = 0; p < TILE_PIXELS; p += STEM_TOGETHER)
            stem_narrow(sums + p, w0, w1, pixel + p);
        return;
    }
    SPB_UNROLL
    for (int p = 0; p < TILE_PIXELS; p++) {
        int8x16_t x0 = stem_pair(&pixel[p]), x1 = stem_pair(&pixel[p]);
        int8x8_t low0 = vget_low_s8(x0), low1 = vget_low_s8(x1);
        SPB_UNROLL
        for (int v = 0; v < TILE_VECTORS / 2; v++) {
            stem_sum *s = &sums[p][2 * v];
            s[0] = stem_widened(s[0], vget_low_s8(w0[v]), low0, vget_low_s8(w1[v]), low1);
            s[1] = stem_widened(s[1], vget_high_s8(w0[v]), low0, vget_high_s8(w1[v]), low1);
        }
    }
}

#endif

#endif
