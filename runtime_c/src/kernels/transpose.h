/* Planes to pixels: a 64 x 64 bit matrix, transposed in place by swapping ever smaller blocks. */
#ifndef SPB_TRANSPOSE_H
#define SPB_TRANSPOSE_H

#include <stdint.h>

/* Swaps, in every square of 2 * side rows and columns, the quarter above the diagonal with the one below:
 * the high halves of the upper rows with the low halves of the lower rows. */
static inline void spb_swap_quarters(uint64_t rows[64], unsigned side, uint64_t low_halves) {
    for (unsigned square = 0; square < 64; square += 2 * side) {
        for (unsigned r = square; r < square + side; r++) {
            uint64_t differ = (rows[r] >> side ^ rows[r + side]) & low_halves;
            rows[r] ^= differ << side;
            rows[r + side] ^= differ;
        }
    }
}

/* Afterwards bit c of rows[r] is what bit r of rows[c] was. */
static inline void spb_transpose64(uint64_t rows[64]) {
    spb_swap_quarters(rows, 32, 0x00000000FFFFFFFFu);
    spb_swap_quarters(rows, 16, 0x0000FFFF0000FFFFu);
    spb_swap_quarters(rows, 8, 0x00FF00FF00FF00FFu);
    spb_swap_quarters(rows, 4, 0x0F0F0F0F0F0F0F0Fu);
    spb_swap_quarters(rows, 2, 0x3333333333333333u);
    spb_swap_quarters(rows, 1, 0x5555555555555555u);
}

#endif
