/* The parts of spb_layers_check (bundle.h). Each looks at one layer whose record is untrusted; together they
 * leave nothing for a kernel to doubt. */
#ifndef SPB_LAYER_CHECK_H
#define SPB_LAYER_CHECK_H

#include "bundle.h"

/* Whether `bytes` from `begin` on lie below `limit`. */
static inline int spb_fits(uint64_t begin, uint64_t bytes, uint64_t limit) {
    return begin <= limit && bytes <= limit - begin;
}

/* Kernel, stride, padding, and the output's shape, which must follow from the input's. check_shape.c */
spb_status spb_check_shape(const spb_layer *layer);

/* Weights, thresholds, scales and node records: in the file, and what a number of them must be. After
 * spb_check_shape. check_blobs.c */
spb_status spb_check_blobs(const spb_layer *layer, const uint8_t *record, uint64_t file_bytes);

/* A tree's node records: every channel once, every source written before. After spb_check_blobs. check_tree.c
 */
spb_status spb_check_tree(const spb_layer *layer);

/* Arena: its regions inside and apart, and its inputs still there when it runs. The layers before it must be
 * good. check_places.c */
spb_status spb_check_places(const uint8_t *bundle, const spb_header *header, const spb_layer *layer);

#endif
