/* The stem's register tile for Thumb-2: 2 channels x 4 pixels.
 *
 *                                         with SMLAD (Cortex-M4, M7, M33)   without (M3)
 *     a *unit* of taps, a word            2 taps of 16 bits                 1 tap
 *     for each unit   LDRD weights        2 words, one a channel            the same
 *                     LDRD twice: pixels  4 words                           the same
 *                     8 times             SMLAD, 2 multiply-adds            MLA, 1
 *
 * 11 instructions for 8 units and one for the loop's end: 3/4 of one for a multiply-add, where SMLAD alone
 * would be a half; 3/2 with MLA. Words that lie side by side are loaded by one instruction, so the pixels of
 * a tile are gathered with their units beside each other:
 *
 *     pixels   [8 / TILE_PIXELS][units][TILE_PIXELS]        weights   [units][TILE_CHANNELS], end
 *
 * Sums, words and pointers are all registers that there are, so the loop has no counter: behind a tile's
 * weights stands a word of 0x80008000, which no weights are. Compilers spilled sums; this is assembly.
 */
#ifndef SPB_STEM_TILE_THUMB2_H
#define SPB_STEM_TILE_THUMB2_H

enum { TILE_CHANNELS = 2, TILE_PIXELS = 4, STEM_BIAS = 0, STEM_NEEDS_NARROW = 0, STEM_TURNS = 1 };
typedef int16_t stem_pixel;
#if defined(__ARM_FEATURE_SIMD32)
enum { STEM_GROUP = 2 };
typedef int16_t stem_weight;
typedef int16_t stem_tap;
#define T2_MAC(to, weight, pixel, sum) "smlad " to ", " weight ", " pixel ", " sum "\n"
#define T2_JOIN(low, high) "pkhtb " high ", " high ", " low ", asr #16\n"
#else
enum { STEM_GROUP = 1 };
typedef int32_t stem_weight;
typedef int32_t stem_tap;
#define T2_MAC(to, weight, pixel, sum) "mla " to ", " weight ", " pixel ", " sum "\n"
#define T2_JOIN(low, high)                                                                                   \
    "lsrs " low ", " low ", #16\n"                                                                           \
    "bfi " high ", " low ", #0, #16\n"
#endif
enum { STEM_STEP = 2 * STEM_GROUP, STEM_END = TILE_CHANNELS * STEM_GROUP };

SPB_INLINE void stem_end(stem_weight *behind) {
    const uint32_t end[TILE_CHANNELS] = {0x80008000u, 0x80008000u};
    memcpy(behind, end, sizeof end);
}

/* The frame pointer of Thumb, R7, is no register that C gives away. R9 is where code with a base of its own
 * for data (-fpic, RWPI) keeps that: stem_tile.h does not choose this file there. */
/* clang-format off */
#define T2_PAIR                                 \
    "ldrd r2, r3, [r0], #8\n"                   \
    T2_MAC("r6", "r4", "r2", "r6")              \
    T2_MAC("r7", "r5", "r2", "r7")              \
    T2_MAC("r8", "r4", "r3", "r8")              \
    T2_MAC("r9", "r5", "r3", "r9")              \
    "ldrd r2, r3, [r0], #8\n"                   \
    T2_MAC("r10", "r4", "r2", "r10")            \
    T2_MAC("r11", "r5", "r2", "r11")            \
    T2_MAC("r12", "r4", "r3", "r12")            \
    T2_MAC("lr", "r5", "r3", "lr")              \
    "ldrd r4, r5, [r1], #8\n"
/* The first, whose sums come of what they start with, in r6 and r7. */
#define T2_FIRST                                \
    "ldrd r2, r3, [r0], #8\n"                   \
    T2_MAC("r8", "r4", "r3", "r6")              \
    T2_MAC("r9", "r5", "r3", "r7")              \
    "ldrd r10, r11, [r0], #8\n"                 \
    T2_MAC("r12", "r4", "r11", "r6")            \
    T2_MAC("lr", "r5", "r11", "r7")             \
    T2_MAC("r11", "r5", "r10", "r7")            \
    T2_MAC("r10", "r4", "r10", "r6")            \
    T2_MAC("r6", "r4", "r2", "r6")              \
    T2_MAC("r7", "r5", "r2", "r7")              \
    "ldrd r4, r5, [r1], #8\n"
/* clang-format on */
/* Pixels in r0, weights in r1, what the sums start with in r2; r0 ends at the next 4 pixels, r1 behind. */
#define T2_SUMS                                                                                              \
    "ldrd r6, r7, [r2]\n"                                                                                    \
    "ldrd r4, r5, [r1], #8\n" T2_FIRST T2_PAIR "b 2f\n"                                                      \
    "1:\n" T2_PAIR T2_PAIR "2:\n"                                                                            \
    "cmp r4, #0x80008000\n"                                                                                  \
    "bne 1b\n"
/* The sums' signs: pixel p's are bits 28 + p of r2, of the second channel, and 12 + p. */
#define T2_SIGNS                                                                                             \
    T2_JOIN("r6", "r7")                                                                                      \
    T2_JOIN("r8", "r9")                                                                                      \
    T2_JOIN("r10", "r11")                                                                                    \
    T2_JOIN("r12", "lr")                                                                                     \
    "and r2, r7, #0x80008000\n"                                                                              \
    "and r3, r9, #0x80008000\n"                                                                              \
    "and r4, r11, #0x80008000\n"                                                                             \
    "and r5, lr, #0x80008000\n"                                                                              \
    "orr r2, r3, r2, lsr #1\n"                                                                               \
    "orr r2, r4, r2, lsr #1\n"                                                                               \
    "orr r2, r5, r2, lsr #1\n"
#define T2_STORE "stm r2!, {r6, r7, r8, r9, r10, r11, r12, lr}\n"
#define T2_CLOBBERS "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
#define T2_ARGUMENTS                                                                                         \
    register uintptr_t r0 __asm__("r0") = (uintptr_t)pixels;                                                 \
    register uintptr_t r1 __asm__("r1") = (uintptr_t)weights;                                                \
    register uintptr_t r2 __asm__("r2") = (uintptr_t)start

/* The signs of 8 pixels: pixel p's are bits 24 + p, of the second channel, and 8 + p. */
__attribute__((noinline)) static uint32_t t2_signs(const stem_tap *pixels, const stem_weight *weights,
                                                   const int32_t *start) {
    T2_ARGUMENTS;
    register uintptr_t r3 __asm__("r3");
    __asm__ volatile("push {r1, r2, r7}\n" T2_SUMS T2_SIGNS "ldr r1, [sp]\n"
                     "str r2, [sp]\n"
                     "ldr r2, [sp, #4]\n" T2_SUMS T2_SIGNS "pop {r0, r1, r7}\n"
                     "orr r0, r2, r0, lsr #4"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "=r"(r3)
                     :
                     : T2_CLOBBERS);
    return r0;
}

/* Their sums, [8][TILE_CHANNELS]. */
__attribute__((noinline)) static void t2_sums(const stem_tap *pixels, const stem_weight *weights,
                                              const int32_t *start, int32_t *to) {
    T2_ARGUMENTS;
    register uintptr_t r3 __asm__("r3") = (uintptr_t)to;
    __asm__ volatile("push {r1, r2, r3, r7}\n" T2_SUMS "ldr r2, [sp, #8]\n" T2_STORE "str r2, [sp, #8]\n"
                     "ldr r1, [sp]\n"
                     "ldr r2, [sp, #4]\n" T2_SUMS "ldr r2, [sp, #8]\n" T2_STORE "pop {r1, r2, r3, r7}"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                     :
                     : T2_CLOBBERS);
}
#undef T2_ARGUMENTS

SPB_INLINE void stem_eight(const stem_tap *pixels, size_t stride, const stem_weight *weights, size_t taps,
                           const int32_t *start, const uint8_t *invert, uint32_t valid, int narrow,
                           uint8_t *to, uint32_t plane_bytes) {
    uint32_t bits = t2_signs(pixels, weights, start);
    (void)stride, (void)taps, (void)narrow, (void)invert;
    to[0] = (uint8_t)(bits >> 8 & valid);
    to[plane_bytes] = (uint8_t)(bits >> 24 & valid);
}

SPB_INLINE void stem_eight_sums(const stem_tap *pixels, size_t stride, const stem_weight *weights,
                                size_t taps, const int32_t *start, int narrow, int32_t *to) {
    (void)stride, (void)taps, (void)narrow;
    t2_sums(pixels, weights, start, to);
}

#if defined(__ARM_FEATURE_SIMD32)
/* Pairs of taps from `x` to `end`, the last perhaps half of one, of `count` pixels of a tile, `step` elements
 * apart; returns where the next goes. */
SPB_INLINE stem_tap *stem_copy_pairs(const stem_pixel *x, const stem_pixel *end, size_t step, uint32_t count,
                                     stem_tap *to) {
#if defined(__ARM_FEATURE_UNALIGNED)
    if (count == TILE_PIXELS) { /* four words side by side: one store */
        register uintptr_t r0 __asm__("r0") = (uintptr_t)x, r1 __asm__("r1") = (uintptr_t)end;
        register uintptr_t r2 __asm__("r2") = (uintptr_t)to, r3 __asm__("r3") = step * sizeof *x;
        __asm__ volatile("lsl r12, r3, #1\n"
                         "add lr, r12, r3\n"
                         "1: ldr r4, [r0]\n"
                         "ldr r5, [r0, r3]\n"
                         "ldr r6, [r0, r12]\n"
                         "ldr r8, [r0, lr]\n"
                         "adds r0, r0, #4\n"
                         "stm r2!, {r4, r5, r6, r8}\n"
                         "cmp r0, r1\n"
                         "blo 1b"
                         : "+r"(r0), "+r"(r2)
                         : "r"(r1), "r"(r3)
                         : "r4", "r5", "r6", "r8", "r12", "lr", "cc", "memory");
        to += (size_t)(end - x + 1) / 2 * 2 * TILE_PIXELS;
        return to;
    }
#endif
    for (; x < end; x += 2, to += 2 * TILE_PIXELS) {
        for (uint32_t p = 0; p < count; p++)
            memcpy(__builtin_assume_aligned(to + 2 * p, 4), x + p * step, 4);
    }
    return to;
}

/* The taps of `count` pixels of a tile: `kernel_h` runs of `run` elements, a `row` apart. Where a run is odd
 * its last tap and the next one's first are a pair, whose second half is written over. */
SPB_INLINE void stem_gather_tile(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h,
                                 size_t run, size_t row, stem_tap *to) {
    size_t odd = 0;
    for (uint32_t ky = 0; ky < kernel_h; ky++, pixel += row) {
        const stem_pixel *x = pixel, *end = pixel + run;
        if (odd) {
            for (uint32_t p = 0; p < count; p++)
                to[2 * p + 1 - 2 * TILE_PIXELS] = x[p * step];
            x++;
        }
        if (x < end)
            to = stem_copy_pairs(x, end, step, count, to);
        odd = (size_t)(end - x) & 1;
    }
}

#else
/* The taps of `count` pixels of a tile: `kernel_h` runs of `run` elements, a `row` apart. */
SPB_INLINE void stem_gather_tile(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h,
                                 size_t run, size_t row, stem_tap *to) {
    for (uint32_t ky = 0; ky < kernel_h; ky++, pixel += row) {
        for (const stem_pixel *x = pixel; x < pixel + run; x++, to += TILE_PIXELS) {
            for (uint32_t p = 0; p < count; p++)
                to[p] = x[p * step];
        }
    }
}
#endif

/* Of `count` pixels, `step` elements apart. */
SPB_INLINE void stem_gather(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h,
                            size_t run, size_t row, size_t padded_taps, stem_tap *to) {
    for (; count >= TILE_PIXELS; count -= TILE_PIXELS, pixel += TILE_PIXELS * step) {
        stem_gather_tile(pixel, step, TILE_PIXELS, kernel_h, run, row, to);
        to += TILE_PIXELS * padded_taps;
    }
    if (count)
        stem_gather_tile(pixel, step, count, kernel_h, run, row, to);
}

#endif
