/* Every second bit of a word: strides and pools of two. */
#ifndef SPB_EVEN_BITS_H
#define SPB_EVEN_BITS_H

#include <stdint.h>

/* Bits 0, 2, 4, ... moved together into the low half. */
static inline uint64_t spb_even_bits(uint64_t x) {
    x &= 0x5555555555555555u;
    x = (x | x >> 1) & 0x3333333333333333u;
    x = (x | x >> 2) & 0x0F0F0F0F0F0F0F0Fu;
    x = (x | x >> 4) & 0x00FF00FF00FF00FFu;
    x = (x | x >> 8) & 0x0000FFFF0000FFFFu;
    return (x | x >> 16) & 0x00000000FFFFFFFFu;
}

#endif
