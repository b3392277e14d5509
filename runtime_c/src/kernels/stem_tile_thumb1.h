/* The stem's register tile for cores of ARMv6-M and ARMv8-M's baseline (Cortex-M0, M0+, M23): 4 channels x 1
 * pixel.
 *
 *     for each tap   LDRB a pixel, LDM 4 weights, 4 times MULS and ADD
 *
 * 10 instructions for 4 multiply-adds and three for the end of a loop of 4 taps: 2.7 for each, where MULS and
 * ADD alone would be 2. MULS writes over an operand, so weights are loaded anew for each pixel, as words; the
 * sums are in registers 8 to 11, which ADD reaches and little else. Compilers keep them in memory; this is
 * assembly.
 *
 *     pixels   uint8 [8][taps]        weights   int32 [taps][TILE_CHANNELS]
 */
#ifndef SPB_STEM_TILE_THUMB1_H
#define SPB_STEM_TILE_THUMB1_H

enum { TILE_CHANNELS = 4, STEM_BIAS = 0, STEM_NEEDS_NARROW = 0 };
enum { STEM_GROUP = 1, STEM_STEP = 4, STEM_END = 0, STEM_TURNS = 1 };
typedef uint8_t stem_pixel;
typedef stem_pixel stem_tap;
typedef int32_t stem_weight;

SPB_INLINE void stem_end(stem_weight *behind) { (void)behind; }

#define T1_TAP(n)                                                                                            \
    "ldrb r2, [r0, #" #n "]\n"                                                                               \
    "ldm r1!, {r3, r4, r5, r6}\n"                                                                            \
    "muls r3, r2, r3\n"                                                                                      \
    "add r8, r3\n"                                                                                           \
    "muls r4, r2, r4\n"                                                                                      \
    "add r9, r4\n"                                                                                           \
    "muls r5, r2, r5\n"                                                                                      \
    "add r10, r5\n"                                                                                          \
    "muls r6, r2, r6\n"                                                                                      \
    "add r11, r6\n"
/* For each of 8 pixels, from r0 on, the sums of 4 channels in r8 to r11, and `THEN` with them. The weights
 * begin at [sp] and end at r3; what the sums start with is at [sp, #4]. R7 counts: no register that C gives
 * away, since it may be the frame pointer. */
#define T1_PIXELS(THEN)                                                                                      \
    "mov r12, r3\n"                                                                                          \
    "movs r7, #0\n"                                                                                          \
    "mov lr, r7\n"                                                                                           \
    "movs r7, #8\n"                                                                                          \
    "1: ldr r1, [sp]\n"                                                                                      \
    "ldr r2, [sp, #4]\n"                                                                                     \
    "ldm r2!, {r3, r4, r5, r6}\n"                                                                            \
    "mov r8, r3\n"                                                                                           \
    "mov r9, r4\n"                                                                                           \
    "mov r10, r5\n"                                                                                          \
    "mov r11, r6\n"                                                                                          \
    "2:\n" T1_TAP(0) T1_TAP(1) T1_TAP(2) T1_TAP(3) "adds r0, r0, #4\n"                                       \
                                                   "cmp r1, r12\n"                                           \
                                                   "bne 2b\n" THEN "subs r7, r7, #1\n"                       \
                                                   "bne 1b\n"
#define T1_SIGN(r)                                                                                           \
    "lsls r3, r3, #8\n"                                                                                      \
    "mov r4, " r "\n"                                                                                        \
    "lsrs r4, r4, #31\n"                                                                                     \
    "orrs r3, r3, r4\n"
#define T1_CLOBBERS "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
#define T1_ARGUMENTS                                                                                         \
    register uintptr_t r0 __asm__("r0") = (uintptr_t)pixels;                                                 \
    register uintptr_t r1 __asm__("r1") = (uintptr_t)weights;                                                \
    register uintptr_t r2 __asm__("r2") = (uintptr_t)start;                                                  \
    register uintptr_t r3 __asm__("r3") = (uintptr_t)(weights + TILE_CHANNELS * taps)

/* The signs of the sums: byte c is channel c's, pixel p's bit p. */
__attribute__((noinline)) static uint32_t t1_signs(const stem_pixel *pixels, const stem_weight *weights,
                                                   size_t taps, const int32_t *start) {
    T1_ARGUMENTS;
    __asm__ volatile(
        ".syntax unified\npush {r1, r2, r7}\n" T1_PIXELS("mov r3, r11\n"
                                                         "lsrs r3, r3, #31\n" T1_SIGN("r10") T1_SIGN("r9")
                                                             T1_SIGN("r8") "lsls r3, r3, #7\n"
                                                                           "mov r4, lr\n"
                                                                           "lsrs r4, r4, #1\n"
                                                                           "orrs r3, r3, r4\n"
                                                                           "mov lr, r3\n") "mov r0, lr\n"
                                                                                           "pop {r1, r2, r7}"
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
        :
        : T1_CLOBBERS);
    return r0;
}

/* The sums, [8][TILE_CHANNELS]. */
__attribute__((noinline)) static void t1_sums(const stem_pixel *pixels, const stem_weight *weights,
                                              size_t taps, const int32_t *start, int32_t *to) {
    T1_ARGUMENTS;
    register uintptr_t r4 __asm__("r4") = (uintptr_t)to;
    __asm__ volatile(
        ".syntax unified\npush {r1, r2, r4, r7}\n" T1_PIXELS("mov r3, r8\n"
                                                             "mov r4, r9\n"
                                                             "mov r5, r10\n"
                                                             "mov r6, r11\n"
                                                             "ldr r2, [sp, #8]\n"
                                                             "stm r2!, {r3, r4, r5, r6}\n"
                                                             "str r2, [sp, #8]\n") "pop {r1, r2, r4, r7}"
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
        :
        : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#undef T1_ARGUMENTS

SPB_INLINE void stem_eight(const stem_pixel *pixels, size_t stride, const stem_weight *weights, size_t taps,
                           const int32_t *start, const uint8_t *invert, uint32_t valid, int narrow,
                           uint8_t *to, uint32_t plane_bytes) {
    uint32_t bits = t1_signs(pixels, weights, taps, start);
    (void)stride, (void)narrow, (void)invert;
    for (int c = 0; c < TILE_CHANNELS; c++, to += plane_bytes, bits >>= 8)
        *to = (uint8_t)(bits & valid);
}

SPB_INLINE void stem_eight_sums(const stem_pixel *pixels, size_t stride, const stem_weight *weights,
                                size_t taps, const int32_t *start, int narrow, int32_t *to) {
    (void)stride, (void)narrow;
    t1_sums(pixels, weights, taps, start, to);
}

/* The taps of `count` pixels, `step` elements apart: `kernel_h` runs of `run` elements, a `row` apart. */
SPB_INLINE void stem_gather(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h,
                            size_t run, size_t row, size_t padded_taps, stem_pixel *to) {
    for (uint32_t p = 0; p < count; p++, pixel += step, to += padded_taps) {
        const stem_pixel *from = pixel;
        stem_pixel *tap = to;
        for (uint32_t ky = 0; ky < kernel_h; ky++, from += row) {
            const stem_pixel *x = from, *end = from + run;
            for (; end - x >= 4; x += 4, tap += 4)
                tap[0] = x[0], tap[1] = x[1], tap[2] = x[2], tap[3] = x[3];
            for (; x < end; x++)
                *tap++ = *x;
        }
    }
}

#endif
