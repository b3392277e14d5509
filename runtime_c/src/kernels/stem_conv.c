/* The first layer: int8 weights on the 8-bit image, then the threshold.
 *
 *     the image, padded, pixel after pixel: [H + 2p][W + 2p][C] or more, less STEM_BIAS, in scratch
 *     for a block of output channels whose weights fit WEIGHTS, in the tile's order (VGG-small: all 128)
 *       for each 8 pixels of a row
 *         their taps one after the other: kernel_h runs of kernel_w * C elements a pixel      (gather)
 *         for TILE_CHANNELS channels of the block
 *           8 x TILE_CHANNELS sums in registers, compared, 8 bits a channel               (stem_tile.h)
 *
 * Gathering copies a pixel's taps once for all channels: for 128 channels one byte copied stands for 128
 * multiply-adds. In return the innermost loop knows no rows, no stride and no width of a kernel.
 *
 * A bias on the pixels moves every sum by the same: P = sum w (u - bias) + bias sum w. A sum starts at this,
 * less the limit and 1, so that its sign is the comparison.
 */
#include <string.h>

#include "kernels.h"
#include "limit.h"
#include "stem_tile.h"

#include "stem_reals.h" /* unrolls as the tile does */

/* 64 channels of 3 x 7 x 7 taps need not gather twice, but where memory is short. */
#ifndef SPB_STEM_WEIGHTS
#define SPB_STEM_WEIGHTS (TILE_CHANNELS > 2 ? 64 * 148 : 4096)
#endif

enum {
    CHUNK_BYTES = 16, /* gather copies so many at a time */
    /* Elements: at least TILE_CHANNELS * (STEM_MAX_TAPS + STEM_STEP). As words they are half as many. */
    WEIGHTS = sizeof(stem_weight) > 2 ? SPB_STEM_WEIGHTS / 2 : SPB_STEM_WEIGHTS,
    BLOCK_CHANNELS = SPB_STEM_CHANNELS
};

typedef struct geometry {
    uint32_t taps, padded_taps; /* of a channel; rounded up to STEM_STEP */
    uint32_t run;               /* elements of one row of the kernel */
    uint32_t tile;              /* of a tile's weights */
    uint32_t row;               /* of a padded row of the image */
} geometry;

typedef struct block {
    uint32_t first, count;
    /* [count / TILE_CHANNELS] times [padded_taps / GROUP][TILE_CHANNELS][GROUP] and STEM_END */
    SPB_ALIGNED(4) stem_weight weights[WEIGHTS];
    int32_t start[BLOCK_CHANNELS];  /* a sum's, that ends below 0 where it is not above its limit */
    uint8_t invert[BLOCK_CHANNELS]; /* 255 where such a sign is not yet the bit */
    stem_factor multiplier[BLOCK_CHANNELS], bias[BLOCK_CHANNELS], shift[BLOCK_CHANNELS]; /* of reals */
} block;

static geometry geometry_of(const spb_layer *layer) {
    geometry g;
    g.run = layer->kernel_w * layer->in.channels;
    g.taps = layer->kernel_h * g.run;
    g.padded_taps = (g.taps + STEM_STEP - 1) / STEM_STEP * STEM_STEP;
    g.tile = g.padded_taps * TILE_CHANNELS + STEM_END;
    g.row = spb_padded_side(layer->in.width, layer->out.width, layer->kernel_w, layer) * layer->in.channels;
    return g;
}

static void fill_pixels(stem_pixel *to, uint32_t pixels, const uint8_t *value, uint32_t channels) {
    for (uint32_t x = 0; x < pixels; x++) {
        for (uint32_t c = 0; c < channels; c++)
            *to++ = (stem_pixel)(value[c] - STEM_BIAS);
    }
}

static void copy_pixels(stem_pixel *restrict to, const uint8_t *restrict image, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        to[i] = (stem_pixel)(image[i] - STEM_BIAS);
}

static void pad_image(const spb_layer *layer, const geometry *g, const uint8_t *image,
                      const uint8_t *pad_value, stem_pixel *padded) {
    uint32_t channels = layer->in.channels, padding = layer->padding, inside = layer->in.width * channels;
    uint32_t edge = padding * channels, behind = g->row / channels - layer->in.width - padding;
    uint32_t height = spb_padded_side(layer->in.height, layer->out.height, layer->kernel_h, layer);
    for (uint32_t y = 0; y < height; y++, padded += g->row) {
        if (y < padding || y >= padding + layer->in.height) {
            fill_pixels(padded, g->row / channels, pad_value, channels);
            continue;
        }
        fill_pixels(padded, padding, pad_value, channels);
        copy_pixels(padded + edge, image, inside);
        fill_pixels(padded + edge + inside, behind, pad_value, channels);
        image += inside;
    }
}

/* A channel's weights come as [C][ky][kx], its taps as gather lays them out: [ky][kx][C]. */
static void set_places(const spb_layer *layer, uint16_t *place) {
    uint32_t positions = layer->kernel_h * layer->kernel_w;
    for (uint32_t c = 0; c < layer->in.channels; c++) {
        for (uint32_t i = 0; i < positions; i++) {
            uint32_t tap = i * layer->in.channels + c;
            *place++ = (uint16_t)(tap / STEM_GROUP * STEM_GROUP * TILE_CHANNELS + tap % STEM_GROUP);
        }
    }
}

/* A channel's weights to their places, with `sign`, a literal; returns their sum, without it. */
SPB_INLINE int32_t set_weights(const int8_t *weight, uint32_t taps, const uint16_t *place, int sign,
                               stem_weight *to) {
    int32_t sum = 0;
    for (uint32_t k = 0; k < taps; k++) {
        to[place[k]] = (stem_weight)(sign * weight[k]);
        sum += weight[k];
    }
    return sum;
}

static void set_block(const spb_layer *layer, const geometry *g, const uint16_t *place, uint32_t first,
                      uint32_t count, block *b) {
    const int8_t *weight = (const int8_t *)layer->weights + (size_t)first * g->taps;
    b->first = first;
    b->count = count;
    memset(b->weights, 0, sizeof b->weights);
    for (uint32_t i = 0; i < count; i++, weight += g->taps) {
        uint32_t channel = first + i;
        spb_limit l = {0, 1};
        if (!layer->real)
            l = spb_sum_limit(layer->threshold[channel], layer->compare[channel]);
        stem_weight *tile = b->weights + (size_t)(i / TILE_CHANNELS) * g->tile;
        stem_weight *to = tile + i % TILE_CHANNELS * STEM_GROUP;
        const int turned = STEM_TURNS && !l.invert; /* to -1 - sum, whose sign is the other */
        int32_t sum =
            turned ? set_weights(weight, g->taps, place, -1, to) : set_weights(weight, g->taps, place, 1, to);
        stem_end(tile + g->padded_taps * TILE_CHANNELS);
        if (layer->real) {
            b->start[i] = STEM_BIAS * sum;
            b->multiplier[i] = layer->multiplier[channel];
            b->bias[i] = layer->bias[channel];
            b->shift[i] = stem_shift(layer->shift[channel]);
            continue;
        }
        b->start[i] = STEM_BIAS * sum - l.limit - 1;
        if (turned)
            b->start[i] = -1 - b->start[i];
        b->invert[i] = l.invert ? 0 : 255;
    }
    for (uint32_t i = count; i < BLOCK_CHANNELS && i % TILE_CHANNELS; i++) /* calculated, not written */
        b->start[i] = 0, b->invert[i] = 0, b->multiplier[i] = b->bias[i] = b->shift[i] = 0;
}

#if !defined(STEM_GATHERS)
/* Rows of a kernel of so many `bytes`; 1 or 2 chunks, the usual numbers, are constants. */
SPB_INLINE void gather_as(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h, size_t run,
                          size_t row, size_t padded_taps, stem_tap *to, size_t bytes) {
    size_t rounded = padded_taps - kernel_h * run;
    for (uint32_t p = 0; p < count; p++, pixel += step, to += rounded) {
        const stem_pixel *from = pixel;
        for (uint32_t ky = 0; ky < kernel_h; ky++, from += row, to += run) {
            memcpy(to, from, CHUNK_BYTES);
            for (size_t at = CHUNK_BYTES; at < bytes; at += CHUNK_BYTES)
                memcpy((uint8_t *)to + at, (const uint8_t *)from + at, CHUNK_BYTES);
        }
    }
}

/* The taps of `count` pixels, `step` elements apart: `kernel_h` runs of `run` elements, a `row` apart. Copies
 * reach up to CHUNK_BYTES - 1 past the end, on both sides: what they leave there is written over by the next
 * one. */
SPB_INLINE void stem_gather(const stem_pixel *pixel, size_t step, uint32_t count, uint32_t kernel_h,
                            size_t run, size_t row, size_t padded_taps, stem_tap *to) {
    size_t bytes = run * sizeof *to;
    if (bytes <= CHUNK_BYTES) {
        gather_as(pixel, step, count, kernel_h, run, row, padded_taps, to, CHUNK_BYTES);
    } else if (bytes <= 2 * CHUNK_BYTES) {
        gather_as(pixel, step, count, kernel_h, run, row, padded_taps, to, 2 * CHUNK_BYTES);
    } else {
        gather_as(pixel, step, count, kernel_h, run, row, padded_taps, to, bytes);
    }
}
#endif

/* 8 pixels from column x of row y on, of all channels of the block. */
SPB_INLINE void eight_pixels(const spb_layer *layer, const geometry *g, const block *b,
                             const stem_tap *pixels, uint32_t x, uint32_t left, uint8_t *to, int narrow) {
    uint32_t valid = left < 8 ? (1u << left) - 1 : 0xFFu, plane_bytes = layer->out.plane_bytes;
    to += (size_t)b->first * plane_bytes + x / 8;
    for (uint32_t i = 0; i < b->count; i += TILE_CHANNELS, to += (size_t)TILE_CHANNELS * plane_bytes) {
        const stem_weight *weights = b->weights + (size_t)(i / TILE_CHANNELS) * g->tile;
        uint32_t count = b->count - i;
        if (count >= TILE_CHANNELS) {
            stem_eight(pixels, g->padded_taps, weights, g->padded_taps, b->start + i, b->invert + i, valid,
                       narrow, to, plane_bytes);
        } else { /* some channels do not exist */
            uint8_t each[TILE_CHANNELS];
            stem_eight(pixels, g->padded_taps, weights, g->padded_taps, b->start + i, b->invert + i, valid,
                       narrow, each, 1);
            for (uint32_t c = 0; c < count; c++)
                to[(size_t)c * plane_bytes] = each[c];
        }
    }
}

/* The same as reals. */
SPB_INLINE void eight_reals(const spb_layer *layer, const geometry *g, const block *b, const stem_tap *pixels,
                            uint32_t count, int16_t *to, int narrow) {
    size_t plane = (size_t)layer->out.height * layer->out.width;
    to += b->first * plane;
    for (uint32_t i = 0; i < b->count; i += TILE_CHANNELS) {
        const stem_weight *weights = b->weights + (size_t)(i / TILE_CHANNELS) * g->tile;
        uint32_t channels = b->count - i < TILE_CHANNELS ? b->count - i : TILE_CHANNELS;
        int32_t sums[8 * TILE_CHANNELS];
        stem_eight_sums(pixels, g->padded_taps, weights, g->padded_taps, b->start + i, narrow, sums);
        for (uint32_t c = 0; c < channels; c += REAL_CHANNELS) {
            stem_pixels reals[REAL_CHANNELS];
            stem_reals_of(sums + c, TILE_CHANNELS, b->multiplier + i + c, b->bias + i + c, b->shift + i + c,
                          reals);
            if (count == 8 && c + REAL_CHANNELS <= channels) {
                SPB_UNROLL
                for (int j = 0; j < REAL_CHANNELS; j++, to += plane)
                    stem_store_eight(to, reals[j]);
            } else {
                for (uint32_t j = 0; j < REAL_CHANNELS && c + j < channels; j++, to += plane)
                    stem_store(to, reals[j], count);
            }
        }
    }
}

SPB_INLINE void run_block(const spb_layer *layer, const geometry *g, const block *b, const stem_pixel *padded,
                          uint8_t *out, int narrow, int real) {
    SPB_ALIGNED(16) stem_tap pixels[8 * (STEM_MAX_TAPS + STEM_STEP) + CHUNK_BYTES];
    size_t step = (size_t)layer->stride * layer->in.channels;
    memset(pixels, 0, sizeof pixels); /* the taps that only round up: any value, but a value */
    for (uint32_t y = 0; y < layer->out.height; y++, padded += layer->stride * g->row) {
        uint8_t *to = out + (size_t)y * layer->out.row_bytes;
        int16_t *reals = (int16_t *)(void *)out + (size_t)y * layer->out.width;
        for (uint32_t x = 0; x < layer->out.width; x += 8) {
            uint32_t left = layer->out.width - x, count = left < 8 ? left : 8;
            stem_gather(padded + x * step, step, count, layer->kernel_h, g->run, g->row, g->padded_taps,
                        pixels);
            if (real) {
                eight_reals(layer, g, b, pixels, count, reals + x, narrow);
            } else {
                eight_pixels(layer, g, b, pixels, x, left, to, narrow);
            }
        }
    }
}

void spb_stem_conv(const spb_layer *layer, const uint8_t *image, uint8_t *out, uint8_t *scratch) {
    geometry g = geometry_of(layer);
    uint32_t channels = layer->out.channels;
    stem_pixel *padded = (stem_pixel *)(void *)scratch;
    const uint8_t *pad_value = layer->weights + (size_t)layer->weight_rows * g.taps;
    int narrow = STEM_NEEDS_NARROW && memchr(layer->weights, 0x80, (size_t)channels * g.taps) == NULL;
    uint32_t fit = WEIGHTS / g.tile * TILE_CHANNELS;
    uint16_t place[STEM_MAX_TAPS];
    block b;
    if (fit > BLOCK_CHANNELS)
        fit = BLOCK_CHANNELS;
    pad_image(layer, &g, image, pad_value, padded);
    set_places(layer, place);
    if (!layer->real)
        memset(out, 0, (size_t)channels * layer->out.plane_bytes);
    for (uint32_t first = 0; first < channels; first += fit) {
        set_block(layer, &g, place, first, channels - first < fit ? channels - first : fit, &b);
        if (layer->real && narrow) { /* four loops, in which neither is asked again */
            run_block(layer, &g, &b, padded, out, 1, 1);
        } else if (layer->real) {
            run_block(layer, &g, &b, padded, out, 0, 1);
        } else if (narrow) {
            run_block(layer, &g, &b, padded, out, 1, 0);
        } else {
            run_block(layer, &g, &b, padded, out, 0, 0);
        }
    }
}
