/* An exported network, checked on its core: prints JSON through semihosting and ends with exit code 0, or 1.
 *
 *     -DCHECKED=digits -DCHECKED_UPPER=DIGITS -DCHECKED_HEADER='"digits.h"' [-DCHECKED_LAYERS=5]
 *
 * "check" is what NAME_check says. "outputs" are the bits of what NAME_run delivers for each of `images`, in
 * hexadecimal. "stack" is how many bytes below main's frame a run has written to. Two marker instructions
 * around each run, or around each of so many layers of it, let bench/insn_plugin.c count it. */
#include <string.h>

#include "semihosting.h"

#include CHECKED_HEADER

#define JOIN(a, b) a##_##b
#define NAME(a, b) JOIN(a, b)
#define OF(name) NAME(CHECKED, name)
#define SIZE(name) NAME(CHECKED_UPPER, name)

extern const uint8_t images[];
extern const uint32_t image_count;
extern uint32_t stack_bottom;

static SIZE(ALIGNED) unsigned char arena[SIZE(ARENA_BYTES)];
static OF(output) output[SIZE(OUTPUTS)];

#if defined(__arm__)
#define MARK_BEGIN __asm__ volatile("mov r12, r12" ::: "memory")
#define MARK_END __asm__ volatile("mov r11, r11" ::: "memory")
#else
#define MARK_BEGIN __asm__ volatile("slti x0, x0, 1" ::: "memory")
#define MARK_END __asm__ volatile("slti x0, x0, 2" ::: "memory")
#endif

enum { PAINT = 0x5A, PAINTED_MAX = 32768, MARGIN = 64 };

/* The free stack below this frame, painted; where it ends. `used` then looks how far it was written over. */
static uint8_t *paint(uint8_t **end) {
    uint8_t here;
    uintptr_t top = (uintptr_t)&here - MARGIN, bottom = (uintptr_t)&stack_bottom;
    if (top - bottom > PAINTED_MAX)
        bottom = top - PAINTED_MAX;
    for (uintptr_t at = bottom; at < top; at++)
        *(volatile uint8_t *)at = PAINT;
    *end = (uint8_t *)top;
    return (uint8_t *)bottom;
}

static uint32_t used(const uint8_t *bottom, const uint8_t *end) {
    while (bottom < end && *(const volatile uint8_t *)bottom == PAINT)
        bottom++;
    return (uint32_t)(end - bottom) + MARGIN;
}

static void print_output(void) {
    const uint8_t *bytes = (const uint8_t *)output;
    print("\"");
    for (uint32_t i = 0; i < sizeof output; i += 4) {
        uint32_t word = 0;
        memcpy(&word, bytes + i, sizeof output - i < 4 ? sizeof output - i : 4);
        print_hex(word);
    }
    print("\"");
}

/* What is between the markers is all in one page: where a block of code went on in the next page, the counter
 * missed a marker (seen with qemu 7.2). */
#define IN_ONE_PAGE __attribute__((noinline, aligned(128)))

#if defined(CHECKED_LAYERS)

void OF(run_layer)(uint8_t *arena, const uint8_t *image, OF(output) * output, uint32_t index);

IN_ONE_PAGE static void marked_layer(const uint8_t *image, uint32_t index) {
    MARK_BEGIN;
    OF(run_layer)(arena, image, output, index);
    MARK_END;
}

static int marked_run(const uint8_t *image) {
    for (uint32_t i = 0; i < CHECKED_LAYERS; i++)
        marked_layer(image, i);
    return 0;
}

#else

IN_ONE_PAGE static int marked_run(const uint8_t *image) {
    MARK_BEGIN;
    int status = OF(run)(arena, image, output);
    MARK_END;
    return status;
}

#endif

int main(void) {
    uint8_t *end, *bottom = paint(&end);
    int check = OF(check)(arena, output), failed = check != 0;
    print("{\"check\": \"");
    print_hex((uint32_t)check);
    print("\", \"outputs\": [");
    failed |= OF(init)(arena) != 0;
    for (uint32_t i = 0; i < image_count; i++) {
        if (i + 1 == image_count)
            bottom = paint(&end);
        failed |= marked_run(images + i * SIZE(IMAGE_BYTES)) != 0;
        if (i)
            print(", ");
        print_output();
    }
    print("], \"stack\": \"");
    print_hex(used(bottom, end));
    print("\"}\n");
    return failed;
}
