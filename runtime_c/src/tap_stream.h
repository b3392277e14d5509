/* The compressed taps of a tree layer (docs/bundle-format.md, "Tree") -> the expanded table that the kernel
 * reads. */
#ifndef SPB_TAP_STREAM_H
#define SPB_TAP_STREAM_H

#include "layer.h"

/* Scratch that spb_tap_stream_expand needs: the signed rows of all live slots, two bits a tap. */
uint64_t spb_tap_stream_scratch(const spb_layer *layer);

/* Fills `table`; refuses a stream that is malformed in any way, or a table that is too small. The layer's
 * tree must have been checked. */
spb_status spb_tap_stream_expand(const spb_layer *layer, uint8_t *table, uint8_t *scratch);
#endif
