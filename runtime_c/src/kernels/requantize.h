/* Sums of a binary convolution to reals. kernels/requantize.c */
#ifndef SPB_REQUANTIZE_H
#define SPB_REQUANTIZE_H

#include "../layer.h"

/* `count` sums of one output channel, which follow each other: sat((multiplier sum + bias) >> shift) to `to`,
 * with `addend` sat(that + addend). `addend` may be NULL, or `to`. */
void spb_requantize(const spb_layer *layer, uint32_t channel, const int16_t *sums, size_t count,
                    const int16_t *addend, int16_t *to);

#endif
