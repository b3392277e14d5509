/* Node records, the expanded tap table and the prepared planes: the three layouts that the loader and the
 * tree kernel share (docs/bundle-format.md). */
#ifndef SPB_TAP_TABLE_H
#define SPB_TAP_TABLE_H

#include "layer.h"

/* Fields of a node record, byte offsets. */
enum {
    SPB_NODE_CHANNEL = 0,
    SPB_NODE_DISTANCE = 2,
    SPB_NODE_SOURCE = 4,
    SPB_NODE_SLOT = 5,
    SPB_NODE_COMPARE = 6,
    SPB_NODE_NEGATED = 7,
    SPB_NODE_VALUE = 8,
    SPB_NODE_BYTES = 16,
    SPB_NODE_ZERO = 255
};

/* Before each node's offsets: four u16 counts in the order of the lists, then the comparison as bytes of 0x00
 * or 0xFF, as the kernel's carry chain wants them (tree_conv.c). */
enum { SPB_ADD1 = 0, SPB_SUB1 = 1, SPB_ADD2 = 2, SPB_SUB2 = 3 };
enum {
    SPB_TABLE_KEEP = 8,   /* 1: a later node starts from this one's sum */
    SPB_TABLE_FIRST = 9,  /* what the chain starts with */
    SPB_TABLE_FLIP = 10,  /* what its result is flipped with */
    SPB_TABLE_MASKS = 12, /* for each plane: not the constant's bit */
    SPB_TABLE_HEADER_BYTES = 32
};

/* How many planes the sums of a layer may have: the tree kernel exists once for each, and for small images,
 * which share a word among lanes, once for each of the second list and each number of lanes. */
#define SPB_EACH_PLANE_COUNT(DO) DO(8) DO(10) DO(12) DO(14) DO(17)
#define SPB_EACH_LANE_PLANE_COUNT(DO) DO(12) DO(17)

enum { SPB_LANE_BYTES_MIN = 4, SPB_LANE_BYTES_MAX = 32 };

/* Bytes of a word that one tap of the image takes: a power of two that holds the rows. */
static inline uint32_t spb_lane_bytes(const spb_tensor *out) {
    uint32_t bytes = SPB_LANE_BYTES_MIN;
    while (bytes < out->height * out->row_bytes && bytes < SPB_LANE_BYTES_MAX)
        bytes *= 2;
    return bytes;
}

/* Taps that a word of `word_bytes` takes at once. */
static inline uint32_t spb_lanes(const spb_tensor *out, uint32_t word_bytes) {
    uint32_t lane = spb_lane_bytes(out);
    return lane < word_bytes ? word_bytes / lane : 1;
}

static inline uint64_t spb_round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

/* Bytes of one prepared copy: out_height + ceil(kernel_h / stride) rows. */
static inline uint32_t spb_copy_bytes(const spb_layer *layer) {
    uint32_t rows = layer->out.height + (layer->kernel_h + layer->stride - 1) / layer->stride;
    return (uint32_t)spb_round_up((uint64_t)rows * layer->out.row_bytes, 8);
}

/* Where the prepared copies end, and 64 zero bytes begin: the tap of a lane that has none. */
static inline uint64_t spb_copies_bytes(const spb_layer *layer) {
    uint64_t copies = (uint64_t)layer->in.channels * layer->kernel_w * layer->stride;
    return spb_round_up(copies * spb_copy_bytes(layer), 64);
}

static inline uint64_t spb_prepared_bytes(const spb_layer *layer) { return spb_copies_bytes(layer) + 64; }

#endif
