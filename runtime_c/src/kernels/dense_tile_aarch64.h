/* The register tile of the dense convolution on AArch64: 8 output channels, 4 pixels, 128 taps a step.
 *
 *     for each two channels        8 EOR, 8 CNT, 4 ADDP: bytes of both channels' counts in one register a
 * pixel 4 of these, together         12 ADDP: a pixel's 8 channels in one register, 2 bytes each, at most 64
 *     counters of 16 bits          4 UADALP
 *
 * 96 vector operations for 4,096 multiply-adds. Counters hold TILE_STEPS steps, more than any usual layer
 * has, so that they are widened once a tile, and they take 4 registers: 16 byte counters of a 4 x 4 tile cost
 * as many operations, but 8 loads for 2,048 multiply-adds, where these cost 6.
 */
#ifndef SPB_DENSE_TILE_AARCH64_H
#define SPB_DENSE_TILE_AARCH64_H

#include "bit_count.h"

enum { TILE_CHANNELS = 8, TILE_PIXELS = 4, STEP_BYTES = 16, TILE_STEPS = 65535 / 128 };

typedef uint16x8_t tile_counts[TILE_PIXELS];
typedef uint32x4_t tile_sums[TILE_PIXELS][2];

/* For what is done outside the tile. */
SPB_INLINE spb_bits tile_weight(const uint8_t *p) { return vld1q_u8(p); }
SPB_INLINE uint32_t tile_first_pixel(spb_bits counts) { return spb_bits_total(counts); }

/* Counts of two channels at four pixels, the first channel's in the low halves. Eight chains, in this order:
 * compilers move EORs up, run out of registers and spill in the innermost loop. */
SPB_INLINE void tile_two(uint8x16_t *counts, const uint8x16_t *x, const uint8_t *first, const uint8_t *second,
                         size_t nonzero, int ternary) {
    uint8x16_t a = vld1q_u8(first), b = vld1q_u8(second), t0, t1, t2, t3;
    uint8x16_t *r = counts;
#define TILE_EOR                                                                                             \
    "eor %0.16b, %8.16b, %12.16b\neor %1.16b, %9.16b, %12.16b\n"                                             \
    "eor %2.16b, %10.16b, %12.16b\neor %3.16b, %11.16b, %12.16b\n"                                           \
    "eor %4.16b, %8.16b, %13.16b\neor %5.16b, %9.16b, %13.16b\n"                                             \
    "eor %6.16b, %10.16b, %13.16b\neor %7.16b, %11.16b, %13.16b\n"
#define TILE_AND                                                                                             \
    "and %0.16b, %0.16b, %14.16b\nand %1.16b, %1.16b, %14.16b\n"                                             \
    "and %2.16b, %2.16b, %14.16b\nand %3.16b, %3.16b, %14.16b\n"                                             \
    "and %4.16b, %4.16b, %15.16b\nand %5.16b, %5.16b, %15.16b\n"                                             \
    "and %6.16b, %6.16b, %15.16b\nand %7.16b, %7.16b, %15.16b\n"
#define TILE_CNT                                                                                             \
    "cnt %0.16b, %0.16b\ncnt %1.16b, %1.16b\ncnt %2.16b, %2.16b\ncnt %3.16b, %3.16b\n"                       \
    "cnt %4.16b, %4.16b\ncnt %5.16b, %5.16b\ncnt %6.16b, %6.16b\ncnt %7.16b, %7.16b\n"
#define TILE_ADDP                                                                                            \
    "addp %0.16b, %0.16b, %4.16b\naddp %1.16b, %1.16b, %5.16b\n"                                             \
    "addp %2.16b, %2.16b, %6.16b\naddp %3.16b, %3.16b, %7.16b\n"
#define TILE_OUT                                                                                             \
    "=&w"(r[0]), "=&w"(r[1]), "=&w"(r[2]), "=&w"(r[3]), "=&w"(t0), "=&w"(t1), "=&w"(t2), "=&w"(t3)
#define TILE_IN "w"(x[0]), "w"(x[1]), "w"(x[2]), "w"(x[3]), "w"(a), "w"(b)
    if (ternary) {
        __asm__(TILE_EOR TILE_AND TILE_CNT TILE_ADDP:TILE_OUT
                : TILE_IN, "w"(vld1q_u8(first + nonzero)), "w"(vld1q_u8(second + nonzero)));
    } else {
        __asm__(TILE_EOR TILE_CNT TILE_ADDP:TILE_OUT : TILE_IN);
    }
}

SPB_INLINE void tile_clear(tile_counts counts) {
    for (int p = 0; p < TILE_PIXELS; p++)
        counts[p] = vdupq_n_u16(0);
}

/* STEP_BYTES of taps of all channels and pixels. */
SPB_INLINE void tile_step(tile_counts counts, const uint8_t *const *pixel, const uint8_t *const *weight,
                          size_t nonzero, size_t at, int ternary) {
    uint8x16_t x[TILE_PIXELS], c01[TILE_PIXELS], c23[TILE_PIXELS], c45[TILE_PIXELS], c67[TILE_PIXELS];
    for (int p = 0; p < TILE_PIXELS; p++)
        x[p] = vld1q_u8(pixel[p] + at);
    tile_two(c01, x, weight[0] + at, weight[1] + at, nonzero, ternary);
    tile_two(c23, x, weight[2] + at, weight[3] + at, nonzero, ternary);
    for (int p = 0; p < TILE_PIXELS; p++)
        c01[p] = vpaddq_u8(c01[p], c23[p]);
    tile_two(c45, x, weight[4] + at, weight[5] + at, nonzero, ternary);
    tile_two(c67, x, weight[6] + at, weight[7] + at, nonzero, ternary);
    for (int p = 0; p < TILE_PIXELS; p++)
        counts[p] = vpadalq_u8(counts[p], vpaddq_u8(c01[p], vpaddq_u8(c45[p], c67[p])));
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
