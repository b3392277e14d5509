/* Planes to pixels: bit matrices, transposed in place by swapping ever smaller blocks. */
#ifndef SPB_TRANSPOSE_H
#define SPB_TRANSPOSE_H

#include "../word.h"

/* Swaps, in every square of 2 * side rows and columns, the quarter above the diagonal with the one below:
 * the high halves of the upper rows with the low halves of the lower rows. */
SPB_INLINE void spb_swap_quarters(uint64_t *rows, unsigned count, unsigned side, uint64_t low_halves) {
    for (unsigned square = 0; square < count; square += 2 * side) {
        for (unsigned r = square; r < square + side; r++) {
            uint64_t differ = (rows[r] >> side ^ rows[r + side]) & low_halves;
            rows[r] ^= differ << side;
            rows[r + side] ^= differ;
        }
    }
}

/* `count` rows, 8, 16, 32 or 64 of them, as 64 / count square matrices side by side. Afterwards bit
 * b * count + c of rows[r] is what bit b * count + r of rows[c] was. */
SPB_INLINE void spb_transpose(uint64_t *rows, unsigned count) {
    if (count > 32)
        spb_swap_quarters(rows, count, 32, 0x00000000FFFFFFFFu);
    if (count > 16)
        spb_swap_quarters(rows, count, 16, 0x0000FFFF0000FFFFu);
    if (count > 8)
        spb_swap_quarters(rows, count, 8, 0x00FF00FF00FF00FFu);
    spb_swap_quarters(rows, count, 4, 0x0F0F0F0F0F0F0F0Fu);
    spb_swap_quarters(rows, count, 2, 0x3333333333333333u);
    spb_swap_quarters(rows, count, 1, 0x5555555555555555u);
}

#endif
