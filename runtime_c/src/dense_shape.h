/* How the dense kernel lays out pixels and weights: the size rules that the loader and the kernel share
 * (docs/bundle-format.md, "Dense").
 *
 * Bits of a pixel's channels lie side by side, and so do those of a place of the kernel in the weights. The
 * kernel takes 128 bits a step, so a pixel of few channels would fill its steps with nothing. There, pixels
 * are as narrow as their channels, and the whole window of an output pixel is gathered into consecutive
 * bytes, for some rows at a time; the rest of its last step is 0 on both sides.
 */
#ifndef SPB_DENSE_SHAPE_H
#define SPB_DENSE_SHAPE_H

#include "border.h"

enum { SPB_DENSE_STEP = 16, SPB_DENSE_BLOCK_BYTES = 16384, SPB_DENSE_SLACK = 64 };
enum { SPB_DENSE_OFFSET_BYTES = 32 }; /* of a border class: an int32 for each channel of a tile, at most 8 */

typedef struct spb_dense_shape {
    uint32_t pixel_bytes;   /* a packed pixel, and a place of the kernel in the weights */
    uint32_t channel_bytes; /* the weights of an output channel, and a window where it is gathered */
    uint32_t gathered;      /* 1: windows are gathered */
    uint32_t block_rows;    /* output rows whose windows are gathered at a time */
} spb_dense_shape;

static inline spb_dense_shape spb_dense_shape_of(const spb_layer *layer) {
    uint32_t channels = layer->in.channels, places = layer->kernel_h * layer->kernel_w;
    uint32_t whole = (channels + 127) / 128 * SPB_DENSE_STEP, narrow = (channels + 63) / 64 * 8;
    if (channels <= 32)
        narrow = channels <= 8 ? 1 : channels <= 16 ? 2 : 4;
    uint32_t window = (narrow * places + SPB_DENSE_STEP - 1) / SPB_DENSE_STEP * SPB_DENSE_STEP;
    if (window >= whole * places) {
        spb_dense_shape direct = {whole, whole * places, 0, 0};
        return direct;
    }
    uint64_t row = (uint64_t)window * layer->out.width;
    uint32_t rows = row > SPB_DENSE_BLOCK_BYTES ? 0 : SPB_DENSE_BLOCK_BYTES / (uint32_t)row;
    rows = rows < 1 ? 1 : rows > layer->out.height ? layer->out.height : rows;
    spb_dense_shape gathered = {narrow, window, 1, rows};
    return gathered;
}

static inline uint64_t spb_dense_up(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

/* The padded image. */
static inline uint64_t spb_dense_pixels_bytes(const spb_layer *layer, const spb_dense_shape *shape) {
    uint64_t height = layer->in.height + 2 * layer->padding, width = layer->in.width + 2 * layer->padding;
    return spb_dense_up(height * width * shape->pixel_bytes) + SPB_DENSE_SLACK;
}

/* A block of gathered windows. */
static inline uint64_t spb_dense_windows_bytes(const spb_layer *layer, const spb_dense_shape *shape) {
    uint64_t windows = (uint64_t)shape->block_rows * layer->out.width * shape->channel_bytes;
    return shape->gathered ? spb_dense_up(windows) + SPB_DENSE_SLACK : 0;
}

/* With zero padding: a tile's constants for each border class, and its weights' sums for each place. */
static inline uint64_t spb_dense_offsets_bytes(const spb_layer *layer) {
    spb_border border = spb_border_of(layer);
    uint64_t rows = spb_border_count(&border) + (uint64_t)layer->kernel_h * layer->kernel_w;
    return layer->zero_pad ? spb_dense_up(rows * SPB_DENSE_OFFSET_BYTES) : 0;
}

static inline uint64_t spb_dense_scratch_bytes(const spb_layer *layer) {
    spb_dense_shape shape = spb_dense_shape_of(layer);
    return spb_dense_pixels_bytes(layer, &shape) + spb_dense_windows_bytes(layer, &shape) +
           spb_dense_offsets_bytes(layer);
}

#endif
