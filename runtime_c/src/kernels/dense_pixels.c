/* The dense kernel's input: planes become pixels, and where channels are few, pixels become windows.
 *
 *     planes          channel 0: pixel 0 1 2 3 ...      64 pixels of up to 64 channels are a bit matrix,
 *                     channel 1: pixel 0 1 2 3 ...      transposed (transpose.h)
 *     pixels          pixel 0: channel 0 1 2 ...
 *     windows         output pixel 0: ky 0: pixels 0 1 2, ky 1: pixels 0 1 2, ...
 */
#include "dense_pixels.h"

#include <string.h>

#include "transpose.h"

typedef struct image {
    uint32_t pixel_bytes;
    size_t row_bytes; /* of a padded row */
} image;

static image image_of(const spb_layer *layer, const spb_dense_shape *shape) {
    image i = {shape->pixel_bytes, (layer->in.width + 2 * (size_t)layer->padding) * shape->pixel_bytes};
    return i;
}

/* `bytes` is a constant: one store. */
SPB_INLINE void store(uint8_t *to, uint64_t x, unsigned bytes) { memcpy(to, &x, bytes); }

/* Word `word` of every padding pixel. */
SPB_INLINE void pack_border(const spb_layer *layer, const image *i, uint32_t word, uint8_t *pixels,
                            unsigned bytes) {
    uint32_t before = word * 64, height = layer->in.height + 2 * layer->padding,
             width = layer->in.width + 2 * layer->padding;
    uint64_t value = 0;
    if (layer->pad_bit && before < layer->in.channels) {
        uint32_t left = layer->in.channels - before;
        value = left >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    }
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = pixels + y * i->row_bytes + word * (size_t)8;
        int middle = y >= layer->padding && y < layer->padding + layer->in.height;
        for (uint32_t x = 0; x < width; x++) {
            if (middle && x == layer->padding)
                x += layer->in.width; /* padding > 0 here: that is still a column */
            store(row + x * (size_t)i->pixel_bytes, value, bytes);
        }
    }
}

/* Up to 64 channels of 64 consecutive bits of a plane: one or more rows, or part of one. `side` channels make
 * a pixel's word of side / 8 bytes. */
SPB_INLINE void pack_chunk(const spb_layer *layer, const image *i, uint64_t rows[64], uint32_t first_bit,
                           uint8_t *pixels, unsigned side) {
    uint32_t row_bits = layer->in.row_bytes * 8;
    size_t step = side < 64 ? side / 8 : i->pixel_bytes;
    spb_transpose(rows, side);
    for (uint32_t bit = 0; bit < 64;) {
        uint32_t y = (first_bit + bit) / row_bits, x = (first_bit + bit) % row_bits;
        uint32_t lane = row_bits < 64 ? row_bits : 64;
        if (y >= layer->in.height)
            return;
        uint32_t count = x >= layer->in.width ? 0 : layer->in.width - x < lane ? layer->in.width - x : lane;
        uint8_t *to = pixels + (y + layer->padding) * i->row_bytes + (x + layer->padding) * step;
        for (uint32_t p = bit; p < bit + count; p++, to += step)
            store(to, rows[p % side] >> (p / side * side), side / 8);
        bit += lane;
    }
}

SPB_INLINE void pack_pixels(const spb_layer *layer, const spb_dense_shape *shape, const uint8_t *in,
                            uint8_t *pixels, unsigned side) {
    const spb_tensor *t = &layer->in;
    const image i = image_of(layer, shape);
    uint32_t words = side < 64 ? 1 : shape->pixel_bytes / 8;
    for (uint32_t word = 0; word < words; word++) {
        uint32_t first = word * 64, count = 0;
        if (first < t->channels)
            count = t->channels - first < side ? t->channels - first : side;
        if (layer->padding > 0)
            pack_border(layer, &i, word, pixels, side / 8);
        for (uint32_t at = 0; at < t->height * t->row_bytes; at += 8) {
            uint64_t rows[64];
            for (uint32_t c = 0; c < count; c++)
                memcpy(&rows[c], in + (size_t)(first + c) * t->plane_bytes + at, 8);
            if (count < side)
                memset(rows + count, 0, (side - count) * sizeof rows[0]);
            pack_chunk(layer, &i, rows, at * 8, pixels + word * (size_t)8, side);
        }
    }
}

void spb_dense_pack(const spb_layer *layer, const spb_dense_shape *shape, const uint8_t *in,
                    uint8_t *pixels) {
    switch (shape->pixel_bytes) {
    case 1:
        pack_pixels(layer, shape, in, pixels, 8);
        break;
    case 2:
        pack_pixels(layer, shape, in, pixels, 16);
        break;
    case 4:
        pack_pixels(layer, shape, in, pixels, 32);
        break;
    default:
        pack_pixels(layer, shape, in, pixels, 64);
    }
}

/* Runs are copied in whole steps: each overwrites what the one before it copied too much, and zeros what the
 * last did. The usual `steps` and `runs` (kernel_h) are constants. */
SPB_INLINE void gather_row(const spb_layer *layer, const image *i, const uint8_t *from, size_t run,
                           uint32_t steps, uint32_t runs, size_t window_bytes, uint8_t *to) {
    size_t right = (size_t)layer->stride * i->pixel_bytes, row_bytes = i->row_bytes;
    for (uint32_t left = layer->out.width; left > 0; left--, from += right, to += window_bytes) {
        const uint8_t *row = from;
        uint8_t *end = to;
        for (uint32_t ky = 0; ky < runs; ky++, row += row_bytes, end += run) {
            for (uint32_t s = 0; s < steps; s++)
                memcpy(end + s * SPB_DENSE_STEP, row + s * SPB_DENSE_STEP, SPB_DENSE_STEP);
        }
        memset(end, 0, SPB_DENSE_STEP);
    }
}

void spb_dense_gather(const spb_layer *layer, const spb_dense_shape *shape, const uint8_t *pixels,
                      uint32_t top, uint32_t bottom, uint8_t *windows) {
    const image i = image_of(layer, shape);
    size_t run = (size_t)layer->kernel_w * i.pixel_bytes, window_bytes = shape->channel_bytes;
    uint32_t steps = (uint32_t)((run + SPB_DENSE_STEP - 1) / SPB_DENSE_STEP);
    for (uint32_t y = top; y < bottom; y++, windows += layer->out.width * window_bytes) {
        const uint8_t *from = pixels + (size_t)y * layer->stride * i.row_bytes;
        if (steps == 1 && layer->kernel_h == 3) {
            gather_row(layer, &i, from, run, 1, 3, window_bytes, windows);
        } else if (steps == 2 && layer->kernel_h == 3) {
            gather_row(layer, &i, from, run, 2, 3, window_bytes, windows);
        } else {
            gather_row(layer, &i, from, run, steps, layer->kernel_h, window_bytes, windows);
        }
    }
}
