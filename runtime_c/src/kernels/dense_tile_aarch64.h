/* The register tile of the dense convolution on AArch64: 8 output channels, 4 pixels, 128 taps a step.
 *
 *     for each two channels      8 EOR, 8 CNT, 4 ADDP: a pixel's counts of both in one register
 *     4 of these, together       12 ADDP: a pixel's 8 channels in one register, 2 bytes each, at most 64
 *     counters of 16 bits        4 UADALP
 *
 * 96 vector operations for 4,096 multiply-adds. Counters hold TILE_STEPS steps, more than any usual layer
 * has, so that they are widened once a tile, and they take 4 registers: 16 byte counters of a 4 x 4 tile cost
 * as many operations, but 8 loads for 2,048 multiply-adds, where these cost 6.
 */
#ifndef SPB_DENSE_TILE_AARCH64_H
#define SPB_DENSE_TILE_AARCH64_H

#include "bit_count.h"

enum { TILE_CHANNELS = 8, TILE_PIXELS = 4, STEP_BYTES = 16, TILE_STEPS = 65535 / 128 };

#define TILE_COMPARES_COUNTS 1

typedef uint16x8_t tile_counts[TILE_PIXELS];
typedef uint32x4_t tile_sums[TILE_PIXELS][2];

/* For what is done outside the tile. */
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return vld1q_u8(p); }
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

SPB_INLINE void tile_clear(tile_counts counts) {
    for (int p = 0; p < TILE_PIXELS; p++)
        counts[p] = vdupq_n_u16(0);
}

/* STEP_BYTES of taps of all channels and pixels, in this order: a core that issues in order (Cortex-A53)
 * waits for each result five or six operations, so none is used before, weights are loaded while others
 * count, and the sums of two pairs are folded among the EORs of the next. Left to themselves, compilers move
 * EORs up, run out of registers and spill in the innermost loop.
 *
 *     v0..v3    pixels                     v16..v23, v24..v31   counts on their way
 *     v4..v7    weights of two pairs       v12..v15             ternary: which weights are not 0
 *
 * Pixel p's sums of channels 0, 1, 2, 3 end in v(16 + p), those of 4, 5 in v(20 + p), of 6, 7 in v(24 + p).
 */
#define TILE_LOAD(q, from) "ldr q" #q ", [%[" #from "], %[at]]\n"
#define TILE_EOR(to, x, w) "eor v" #to ".16b, v" #x ".16b, v" #w ".16b\n"
#define TILE_CNT(v) "cnt v" #v ".16b, v" #v ".16b\n"
#define TILE_FOLD(to, v) "addp v" #to ".16b, v" #to ".16b, v" #v ".16b\n"
#define TILE_WIDEN(sum, v) "uadalp %[" #sum "].8h, v" #v ".16b\n"
#define TILE_COUNT(v, u) TILE_CNT(v) TILE_CNT(u)
#define TILE_AND(v, mask) "and v" #v ".16b, v" #v ".16b, v" #mask ".16b\n"
#define TILE_MASK(a, b, c, d, mask) TILE_AND(a, mask) TILE_AND(b, mask) TILE_AND(c, mask) TILE_AND(d, mask)
#define TILE_LOAD_MASKS(m0, from0, m1, from1)                                                                \
    "ldr q" #m0 ", [%[" #from0 "], %[mask]]\nldr q" #m1 ", [%[" #from1 "], %[mask]]\n"

/* A line is a pixel, or as near to it as the order allows. */
/* clang-format off */
#define TILE_DIFFER_01 \
    TILE_LOAD(0, p0) TILE_LOAD(4, w0) TILE_LOAD(5, w1) TILE_LOAD(1, p1) TILE_LOAD(2, p2) TILE_LOAD(3, p3) \
    TILE_EOR(16, 0, 4) TILE_EOR(20, 0, 5) \
    TILE_EOR(17, 1, 4) TILE_EOR(21, 1, 5) \
    TILE_EOR(18, 2, 4) TILE_EOR(22, 2, 5) \
    TILE_EOR(19, 3, 4) TILE_EOR(23, 3, 5)
#define TILE_COUNT_01 \
    TILE_COUNT(16, 20) TILE_LOAD(6, w2) \
    TILE_COUNT(17, 21) TILE_LOAD(7, w3) \
    TILE_COUNT(18, 22) \
    TILE_COUNT(19, 23)
#define TILE_DIFFER_23 \
    TILE_EOR(24, 0, 6) TILE_EOR(28, 0, 7) TILE_FOLD(16, 20) \
    TILE_EOR(25, 1, 6) TILE_EOR(29, 1, 7) TILE_FOLD(17, 21) \
    TILE_EOR(26, 2, 6) TILE_EOR(30, 2, 7) TILE_FOLD(18, 22) \
    TILE_EOR(27, 3, 6) TILE_EOR(31, 3, 7) TILE_FOLD(19, 23)
#define TILE_COUNT_23 \
    TILE_COUNT(24, 28) TILE_LOAD(4, w4) \
    TILE_COUNT(25, 29) TILE_LOAD(5, w5) \
    TILE_COUNT(26, 30) \
    TILE_COUNT(27, 31)
#define TILE_DIFFER_45 \
    TILE_EOR(20, 0, 4) TILE_EOR(21, 1, 4) TILE_EOR(22, 2, 4) TILE_EOR(23, 3, 4) \
    TILE_FOLD(24, 28) TILE_EOR(28, 0, 5) \
    TILE_FOLD(25, 29) TILE_EOR(29, 1, 5) \
    TILE_FOLD(26, 30) TILE_EOR(30, 2, 5) \
    TILE_FOLD(27, 31) TILE_EOR(31, 3, 5)
#define TILE_COUNT_45 \
    TILE_COUNT(20, 28) TILE_LOAD(6, w6) \
    TILE_COUNT(21, 29) TILE_LOAD(7, w7) \
    TILE_COUNT(22, 30) \
    TILE_COUNT(23, 31)
#define TILE_DIFFER_67 \
    TILE_FOLD(16, 24) TILE_EOR(24, 0, 6) TILE_EOR(0, 0, 7) \
    TILE_FOLD(17, 25) TILE_EOR(25, 1, 6) TILE_EOR(1, 1, 7) \
    TILE_FOLD(18, 26) TILE_EOR(26, 2, 6) TILE_EOR(2, 2, 7) \
    TILE_FOLD(19, 27) TILE_EOR(27, 3, 6) TILE_EOR(3, 3, 7)
#define TILE_COUNT_67 TILE_COUNT(24, 0) TILE_COUNT(25, 1) TILE_COUNT(26, 2) TILE_COUNT(27, 3)
#define TILE_LAST \
    TILE_FOLD(24, 0) TILE_FOLD(25, 1) TILE_FOLD(20, 28) TILE_FOLD(21, 29) \
    TILE_FOLD(26, 2) TILE_FOLD(27, 3) TILE_FOLD(22, 30) TILE_FOLD(23, 31) \
    TILE_FOLD(20, 24) TILE_FOLD(21, 25) TILE_FOLD(22, 26) TILE_FOLD(23, 27) \
    TILE_FOLD(16, 20) TILE_FOLD(17, 21) TILE_FOLD(18, 22) TILE_FOLD(19, 23) \
    TILE_WIDEN(s0, 16) TILE_WIDEN(s1, 17) TILE_WIDEN(s2, 18) TILE_WIDEN(s3, 19) \
    "add %[at], %[at], #16\ncmp %[at], %[end]\n"

#define TILE_BINARY \
    TILE_DIFFER_01 TILE_COUNT_01 TILE_DIFFER_23 TILE_COUNT_23 TILE_DIFFER_45 TILE_COUNT_45 \
    TILE_DIFFER_67 TILE_COUNT_67 TILE_LAST "b.lo 1b\n"
#define TILE_TERNARY \
    TILE_LOAD_MASKS(12, w0, 13, w1) TILE_DIFFER_01 TILE_LOAD_MASKS(14, w2, 15, w3) \
    TILE_MASK(16, 17, 18, 19, 12) TILE_MASK(20, 21, 22, 23, 13) TILE_COUNT_01 \
    TILE_DIFFER_23 TILE_LOAD_MASKS(12, w4, 13, w5) \
    TILE_MASK(24, 25, 26, 27, 14) TILE_MASK(28, 29, 30, 31, 15) TILE_COUNT_23 \
    TILE_DIFFER_45 TILE_LOAD_MASKS(14, w6, 15, w7) \
    TILE_MASK(20, 21, 22, 23, 12) TILE_MASK(28, 29, 30, 31, 13) TILE_COUNT_45 \
    TILE_DIFFER_67 TILE_MASK(24, 25, 26, 27, 14) TILE_MASK(0, 1, 2, 3, 15) TILE_COUNT_67 TILE_LAST \
    "add %[mask], %[mask], #16\nb.lo 1b\n"
/* clang-format on */

/* The assembly says nothing of the memory that it reads, since with a "memory" clobber all pointers would be
 * loaded anew each time. Instead, everything is in place before the first step: tile_ready. */
SPB_INLINE void tile_ready(void) { __asm__ volatile("" ::: "memory"); }

/* Steps from `at` to `end`, at least one; the loop is part of the assembly, or compilers move the counters
 * from register to register in it. */
SPB_INLINE void tile_steps(tile_counts counts, const uint8_t *const *pixel, const uint8_t *const *weight,
                           size_t nonzero, size_t at, size_t end, int ternary) {
#define TILE_OUT                                                                                             \
    [s0] "+w"(counts[0]), [s1] "+w"(counts[1]), [s2] "+w"(counts[2]), [s3] "+w"(counts[3]), [at] "+r"(at)
#define TILE_IN                                                                                              \
    [p0] "r"(pixel[0]), [p1] "r"(pixel[1]), [p2] "r"(pixel[2]), [p3] "r"(pixel[3]), [w0] "r"(weight[0]),     \
        [w1] "r"(weight[1]), [w2] "r"(weight[2]), [w3] "r"(weight[3]), [w4] "r"(weight[4]),                  \
        [w5] "r"(weight[5]), [w6] "r"(weight[6]), [w7] "r"(weight[7]), [end] "r"(end)
#define TILE_USED                                                                                            \
    "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "v22",   \
        "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"
    size_t mask = at + nonzero;
    if (ternary) {
        __asm__ volatile("1:\n" TILE_TERNARY
                         : TILE_OUT, [mask] "+r"(mask)
                         : TILE_IN
                         : TILE_USED, "v12", "v13", "v14", "v15");
    } else {
        __asm__ volatile("1:\n" TILE_BINARY:TILE_OUT:TILE_IN : TILE_USED);
    }
}

SPB_INLINE void tile_zero(tile_sums sums) {
    for (int p = 0; p < TILE_PIXELS; p++)
        sums[p][0] = sums[p][1] = vdupq_n_u32(0);
}

SPB_INLINE void tile_flush(tile_sums sums, tile_counts counts) {
    for (int p = 0; p < TILE_PIXELS; p++) {
        sums[p][0] = vaddw_u16(sums[p][0], vget_low_u16(counts[p]));
        sums[p][1] = vaddw_high_u16(sums[p][1], counts[p]);
    }
}

/* tile_above of counters that hold all steps: at most 65,408, so that the limits fit 16 bits too. */
SPB_INLINE uint64_t tile_counts_above(tile_counts counts, const int32_t *limit) {
    int32x4_t one = vdupq_n_s32(1);
    uint16x8_t least = vcombine_u16(vqmovun_s32(vaddq_s32(vld1q_s32(limit), one)),
                                    vqmovun_s32(vaddq_s32(vld1q_s32(limit + 4), one)));
    uint16x8_t bits = vcgeq_u16(counts[3], least);
    for (int p = TILE_PIXELS - 2; p >= 0; p--)
        bits = vsliq_n_u16(vcgeq_u16(counts[p], least), bits, 1);
    uint8x8_t bytes = vand_u8(vmovn_u16(bits), vdup_n_u8((1 << TILE_PIXELS) - 1));
    return vget_lane_u64(vreinterpret_u64_u8(bytes), 0);
}

SPB_INLINE void tile_read(tile_sums sums, uint32_t *to) {
    for (int p = 0; p < TILE_PIXELS; p++) {
        uint32_t channels[TILE_CHANNELS];
        vst1q_u32(channels, sums[p][0]);
        vst1q_u32(channels + 4, sums[p][1]);
        for (int c = 0; c < TILE_CHANNELS; c++)
            to[c * TILE_PIXELS + p] = channels[c];
    }
}

/* Byte c: bit p is set where channel c's sum at pixel p is above its limit. */
SPB_INLINE uint64_t tile_above(tile_sums sums, const int32_t *limit) {
    uint16x4_t half[2];
    for (int h = 0; h < 2; h++) {
        int32x4_t bound = vld1q_s32(limit + 4 * h);
        uint32x4_t bits = vdupq_n_u32(0);
        for (int p = TILE_PIXELS - 1; p >= 0; p--)
            bits = vsliq_n_u32(vcgtq_s32(vreinterpretq_s32_u32(sums[p][h]), bound), bits, 1);
        half[h] = vmovn_u32(bits);
    }
    uint8x8_t bytes = vand_u8(vmovn_u16(vcombine_u16(half[0], half[1])), vdup_n_u8((1 << TILE_PIXELS) - 1));
    return vget_lane_u64(vreinterpret_u64_u8(bytes), 0);
}

#endif
