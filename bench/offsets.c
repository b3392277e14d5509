/* What fetching taps costs by three encodings of their offsets (offsets.py): 32 bits, 16 bits, gaps of 8
 * bits.
 *
 *     qemu-aarch64 -plugin ./libinsn.so,out=insn.json offsets LISTS ENCODING
 *
 * LISTS: u32 count of lists, then for each u32 count of taps (even) and its u32 offsets, rising. Both loops
 * do the tree kernel's innermost work, two loads of 256 pixels and one full adder of them a pair of taps;
 * they differ in how an offset becomes an address. Counted between the markers of count_layer.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime_c/src/kernels/tree_word.h"

#define BEGIN() __asm__ volatile("mov x12, x12" ::: "memory")
#define END() __asm__ volatile("mov x13, x13" ::: "memory")

enum { PLANES_BYTES = 1 << 16, LONG_GAP = 255 };

static uint8_t planes[PLANES_BYTES + 64];

SPB_INLINE void add_two(tree_word sum[2], const uint8_t *a, const uint8_t *b) {
    tree_word up = tree_full(&sum[0], tree_load(a), tree_load(b), 0);
    sum[1] = tree_xor(sum[1], up); /* enough to keep it alive */
}

__attribute__((noinline, used)) static void count_32(tree_word sum[2], const uint32_t *offset,
                                                     uint32_t count) {
    for (uint32_t i = 0; i < count; i += 2)
        add_two(sum, planes + offset[i], planes + offset[i + 1]);
}

__attribute__((noinline, used)) static void count_16(tree_word sum[2], const uint16_t *offset,
                                                     uint32_t count) {
    for (uint32_t i = 0; i < count; i += 2) {
        const uint8_t *at[2];
        tree_addresses(planes, offset + i, at);
        add_two(sum, at[0], at[1]);
    }
}

/* A gap of LONG_GAP goes on in the next byte. */
SPB_INLINE const uint8_t *step(const uint8_t **gap, const uint8_t *at) {
    uint8_t g;
    do {
        g = *(*gap)++;
        at += g;
    } while (g == LONG_GAP);
    return at;
}

__attribute__((noinline, used)) static const uint8_t *count_gaps(tree_word sum[2], const uint8_t *gap,
                                                                 uint32_t count) {
    const uint8_t *at = planes;
    for (uint32_t i = 0; i < count; i += 2) {
        const uint8_t *a = step(&gap, at), *b = step(&gap, a);
        add_two(sum, a, b);
        at = b;
    }
    return gap;
}

static uint32_t next(FILE *f) {
    uint32_t x;
    if (fread(&x, sizeof x, 1, f) != 1)
        exit(3);
    return x;
}

int main(int argc, char **argv) {
    FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!f)
        return 2;
    for (uint32_t i = 0; i < sizeof planes; i++)
        planes[i] = (uint8_t)(i * 2654435761u >> 13);
    tree_word sum[2] = {tree_splat_byte(0), tree_splat_byte(0)};
    uint64_t bytes = 0;
    static uint32_t offset[PLANES_BYTES];
    static uint16_t half[PLANES_BYTES];
    static uint8_t gap[PLANES_BYTES * 8];
    for (uint32_t lists = next(f); lists > 0; lists--) {
        uint32_t count = next(f), before = 0, used = 0;
        for (uint32_t i = 0; i < count; i++) {
            offset[i] = next(f);
            half[i] = (uint16_t)offset[i];
            for (before = offset[i] - before; before >= LONG_GAP; before -= LONG_GAP)
                gap[used++] = LONG_GAP;
            gap[used++] = (uint8_t)before;
            before = offset[i];
        }
        BEGIN();
        if (argv[2][0] == '3')
            count_32(sum, offset, count);
        else if (argv[2][0] == '1')
            count_16(sum, half, count);
        else
            (void)count_gaps(sum, gap, count);
        END();
        bytes += argv[2][0] == '3' ? 4 * count : argv[2][0] == '1' ? 2 * count : used;
    }
    fclose(f);
    uint8_t out[32];
    tree_store(out, sum[0]);
    printf("{\"bytes\": %llu, \"check\": %u}\n", (unsigned long long)bytes, out[0] | out[17] << 8);
    return 0;
}
