/* A layer as the kernels see it: filled once by bundle.c from a checked record, trusted by all kernels. */
#ifndef SPB_LAYER_H
#define SPB_LAYER_H

#include "aligned.h"
#include "limits.h"
#include "spanbit.h"

enum { SPB_FLAG_PADDING = 3, SPB_FLAG_BINARY = 4 };
enum { SPB_FLAG_OUTPUT = 24, SPB_OUTPUT_SHIFT = 3, SPB_FLAG_REAL = 32 };

/* Numbers of the bundle. */
enum { SPB_PADDING_MINUS_ONE = 0, SPB_PADDING_ONE = 1, SPB_PADDING_ZERO = 2 };
enum { SPB_COMPARE_GE = 0, SPB_COMPARE_LE = 1, SPB_COMPARE_NEVER = 2, SPB_COMPARE_ALWAYS = 3 };
enum { SPB_NO_LAYER = 0xFFFF }; /* no second input; as the source: the image */

/* A bits tensor: `channels` planes of plane_bytes; bits that are no pixel are 0 (docs/bundle-format.md). */
typedef struct spb_tensor {
    uint32_t channels, height, width, row_bytes, plane_bytes;
} spb_tensor;

typedef struct spb_layer {
    spb_op op;
    uint32_t index;
    uint32_t kernel_h, kernel_w, stride, padding;
    uint32_t pad_bit;   /* 1: a = +1 outside the image; else a = -1, or 0 with zero_pad */
    uint32_t zero_pad;  /* 1: a tap outside the image adds nothing */
    uint32_t binary;    /* 1: no weight is 0 */
    spb_output output;  /* what it ends in; a head: FLOAT32 */
    uint32_t real;      /* 1: the output is reals, and `output` INT16 */
    uint32_t fraction;  /* of reals: bits behind the point; no kernel looks at it */
    spb_tensor in, out; /* the stem's input is the u8 image: row_bytes and plane_bytes mean nothing there */
    uint32_t
        weight_rows; /* stem, dense, PReLU: rows from `weights` to what is behind them; of the whole layer */
    uint32_t slot_count, tap_count;
    uint32_t planes;         /* of every sum of a tree, which is known modulo 2^planes */
    uint32_t strip_rows;     /* output rows whose input planes are prepared at a time */
    uint32_t source, second; /* the layers whose outputs are the inputs, or SPB_NO_LAYER */
    uint32_t in_arena, second_arena, out_arena, scratch_arena, scratch_bytes, tables_arena, tables_bytes;
    const int16_t *addend;  /* the second input, set before the layer runs (spb_layer_place); or NULL */
    const uint8_t *weights; /* aligned to 16 inside the bundle */
    uint32_t weight_bytes;
    const int32_t *threshold; /* [out.channels], stem, dense and sign */
    const uint8_t *compare;   /* [out.channels], stem, dense and sign */
    const uint8_t *nodes;     /* tree: 16-byte records; of firmware: packed_nodes.h */
    const uint8_t *scales;    /* FLOAT32 output: f32 scale[out.channels], bias[out.channels] */
    /* Where a convolution's sums become reals, [out.channels] each: sat((multiplier sum + bias) >> shift). */
    const int32_t *bias;
    const int16_t *multiplier; /* of a real convolution: NULL, 1 */
    const uint8_t *shift;
} spb_layer;

/* Rows (columns) of the image with what is around it: the padding, and what a last window has that leaves it.
 */
static inline uint32_t spb_padded_side(uint32_t in, uint32_t out, uint32_t kernel, const spb_layer *layer) {
    uint32_t reached = (out - 1) * layer->stride + kernel, padded = in + 2 * layer->padding;
    return reached > padded ? reached : padded;
}

/* Sets what depends on where the arena is. */
static inline void spb_layer_place(spb_layer *layer, const uint8_t *arena) {
    if (layer->second != SPB_NO_LAYER)
        layer->addend = (const int16_t *)(const void *)(arena + layer->second_arena);
}

/* Bytes of a row / a plane of the given size (the one rule, see the format page). */
static inline uint32_t spb_row_bytes(uint32_t width) {
    if (width <= 8)
        return 1;
    if (width <= 16)
        return 2;
    if (width <= 32)
        return 4;
    return (width + 63) / 64 * 8;
}

static inline uint32_t spb_plane_bytes(uint32_t height, uint32_t row_bytes) {
    return (height * row_bytes + SPB_PLANE_ALIGN - 1) / SPB_PLANE_ALIGN * SPB_PLANE_ALIGN;
}

/* A layer that delivers sums or reals: bytes of each, and how many. */
static inline uint32_t spb_sum_bytes(spb_output output) { return output == SPB_OUTPUT_INT16 ? 2 : 4; }

static inline uint64_t spb_sum_count(const spb_layer *layer) {
    return (uint64_t)layer->out.channels * layer->out.height * layer->out.width;
}

/* Bytes of so many channels of the output. */
static inline uint64_t spb_output_bytes(const spb_layer *layer, uint64_t channels) {
    uint64_t pixels = (uint64_t)layer->out.height * layer->out.width;
    return channels * (layer->output ? pixels * spb_sum_bytes(layer->output) : layer->out.plane_bytes);
}

static inline int spb_is_head(spb_op op) { return op == SPB_OP_HEAD || op == SPB_OP_REAL_HEAD; }
static inline int spb_is_binary_conv(spb_op op) { return op == SPB_OP_TREE || op == SPB_OP_DENSE; }

/* Whether a layer's input is reals; if it is neither, it is bits (the stem's: the image). */
static inline int spb_takes_reals(const spb_layer *layer) {
    switch (layer->op) {
    case SPB_OP_POOL:
    case SPB_OP_CONCAT:
        return layer->real != 0;
    case SPB_OP_SIGN:
    case SPB_OP_PRELU:
    case SPB_OP_AVG_POOL:
    case SPB_OP_REAL_CONV:
    case SPB_OP_REAL_HEAD:
    case SPB_OP_ADD:
        return 1;
    default:
        return 0;
    }
}

/* Bytes of so many channels of the input. */
static inline uint64_t spb_input_bytes(const spb_layer *layer, uint64_t channels) {
    const spb_tensor *in = &layer->in;
    return channels *
           (spb_takes_reals(layer) ? (uint64_t)in->height * in->width * sizeof(int16_t) : in->plane_bytes);
}

/* Bytes of the head's input as one row of bits, and of each bit-plane of its weights. */
static inline uint64_t spb_head_bytes(const spb_tensor *t) {
    return ((uint64_t)t->channels * t->height * t->width + 255) / 256 * 32;
}

/* Bytes of all weights of the real head, rows of K: what lies behind them is aligned to 4. */
static inline uint64_t spb_real_head_bytes(const spb_layer *layer) {
    uint64_t inputs = (uint64_t)layer->in.channels * layer->in.height * layer->in.width;
    return (layer->out.channels * inputs + 1) / 2 * 4;
}

#endif
