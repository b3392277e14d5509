/* Sums of the tree kernel as integers. kernels/tree_sums.c */
#ifndef SPB_TREE_SUMS_H
#define SPB_TREE_SUMS_H

#include "../border.h"

/* P of the pixels of one word, at byte `at` of a plane, of one output channel: `planes` are those of its
 * sum, layer->planes words of `word_bytes`; `step_tail` is its step's (step_tail.h), `border` the layer's.
 * Written to `channel`, [height][width] of int16 where layer->output says so, else of int32. */
void spb_tree_sums(const spb_layer *layer, const spb_border *border, const uint8_t *planes,
                   uint32_t word_bytes, uint32_t at, const uint8_t *step_tail, uint32_t index, uint8_t *out);

#endif
