/* The channels that share a tile of the dense convolution, and their constants: n of P = n - 2 d, or the
 * offset that zero padding makes of it for each border class (dense_conv.c), and the limits of d that follow
 * from them and the thresholds. */
#ifndef SPB_DENSE_GROUP_H
#define SPB_DENSE_GROUP_H

#include "../dense_shape.h"
#include "dense_tile.h"
#include "limit.h"

/* A constant of each channel is a limit of d where the layer ends in bits, else the offset. */
typedef struct dense_group {
    const uint8_t *weight[TILE_CHANNELS];
    int32_t constant[TILE_CHANNELS]; /* of a pixel whose window lies inside the image */
    const int32_t *classes;          /* with zero padding: [border class][TILE_CHANNELS] */
    uint64_t invert;                 /* byte c: all pixels' bits, as tile_above gives them */
    uint32_t first, count;
} dense_group;

/* Bits of a place's channels: 1, 2, 4 or a multiple of 8 bytes. */
static inline uint32_t dense_count(const uint8_t *p, uint32_t bytes) {
    uint64_t x = 0;
    uint32_t total = 0, at = 0;
    if (bytes < 8) {
        for (uint32_t i = 0; i < bytes; i++)
            x |= (uint64_t)p[i] << 8 * i;
        return spb_count64(x);
    }
    enum { COUNTS = SPB_DENSE_STEP / STEP_BYTES }; /* of a step, in counters that hold SPB_COUNT_LIMIT */
    while (at + SPB_DENSE_STEP <= bytes) {
        spb_bits counts = spb_bits_zero();
        for (int room = SPB_COUNT_LIMIT; room >= COUNTS && at + SPB_DENSE_STEP <= bytes; room -= COUNTS) {
            for (uint32_t i = 0; i < SPB_DENSE_STEP; i += STEP_BYTES, at += STEP_BYTES)
                counts = spb_bits_add(counts, spb_bits_count(tile_weight(p + at)));
        }
        total += tile_first_pixel(counts);
    }
    if (at < bytes) {
        memcpy(&x, p + at, sizeof x);
        total += spb_count64(x);
    }
    return total;
}

static inline uint32_t dense_nonzero_taps(const uint8_t *mask, size_t bytes) {
    uint32_t total = 0;
    for (size_t at = 0; at < bytes; at += STEP_BYTES)
        total += tile_first_pixel(spb_bits_count(tile_weight(mask + at)));
    return total;
}

/* The limit of d, and whether its bit is inverted; or the offset itself. */
static inline int32_t dense_constant(const spb_layer *layer, uint32_t c, int32_t offset, uint32_t *invert) {
    if (layer->output != SPB_OUTPUT_BITS)
        return offset;
    spb_limit limit = spb_difference_limit(layer->threshold[c], layer->compare[c], offset);
    *invert = limit.invert;
    return limit.limit;
}

/* Sum of the weights at each place of the kernel, for a tile's channel. `sums`: [place][TILE_CHANNELS]. */
static inline void dense_place_sums(const spb_layer *layer, const spb_dense_shape *shape,
                                    const uint8_t *weight, size_t nonzero, int32_t *sums) {
    uint32_t places = layer->kernel_h * layer->kernel_w, taps = layer->in.channels;
    for (uint32_t place = 0; place < places; place++, sums += TILE_CHANNELS, weight += shape->pixel_bytes) {
        if (!layer->binary)
            taps = dense_count(weight + nonzero, shape->pixel_bytes);
        *sums = 2 * (int32_t)dense_count(weight, shape->pixel_bytes) - (int32_t)taps;
    }
}

/* What has to be added to an offset to get twice the limit of d, so that 8 of them are quickly calculated. */
static inline int32_t dense_bias(int32_t threshold, uint32_t compare) {
    if (compare >= SPB_COMPARE_NEVER)
        return SPB_LIMIT_MAX;
    return spb_limit_of(-(int64_t)threshold - (compare == SPB_COMPARE_LE), 0).limit;
}

/* The constants of all border classes; `taps`: n of each channel. Writes `classes` and behind them the sums
 * of the places (spb_dense_offsets_bytes), and constant[] of the pixels inside. */
static inline void dense_classes(const spb_layer *layer, const spb_dense_shape *shape,
                                 const spb_border *border, size_t nonzero, const uint32_t *taps,
                                 dense_group *group, int32_t *classes) {
    uint32_t kernel_h = layer->kernel_h, kernel_w = layer->kernel_w;
    int32_t *sums = classes + spb_border_count(border) * TILE_CHANNELS;
    int32_t whole[TILE_CHANNELS];
    int bits = layer->output == SPB_OUTPUT_BITS;
    for (uint32_t i = 0; i < TILE_CHANNELS; i++) {
        uint32_t c = group->first + (i < group->count ? i : group->count - 1);
        dense_place_sums(layer, shape, group->weight[i], nonzero, sums + i);
        whole[i] = (int32_t)taps[i] + (bits ? dense_bias(layer->threshold[c], layer->compare[c]) : 0);
        for (uint32_t place = 0; place < kernel_h * kernel_w; place++)
            whole[i] += sums[place * TILE_CHANNELS + i];
    }
    group->classes = classes;
    for (uint32_t row = 0; row < border->rows.count; row++) {
        spb_inside y =
            spb_axis_inside(&border->rows, row, layer->in.height, kernel_h, layer->stride, layer->padding);
        for (uint32_t column = 0; column < border->columns.count; column++, classes += TILE_CHANNELS) {
            spb_inside x = spb_axis_inside(&border->columns, column, layer->in.width, kernel_w, layer->stride,
                                           layer->padding);
            int32_t constant[TILE_CHANNELS];
            memcpy(constant, whole, sizeof constant);
            for (uint32_t ky = y.first; ky < y.end; ky++) {
                for (uint32_t kx = x.first; kx < x.end; kx++) {
                    for (uint32_t i = 0; i < TILE_CHANNELS; i++)
                        constant[i] -= sums[(ky * kernel_w + kx) * TILE_CHANNELS + i];
                }
            }
            for (uint32_t i = 0; i < TILE_CHANNELS && bits; i++)
                constant[i] >>= 1; /* downwards, as compilers do */
            memcpy(classes, constant, sizeof constant);
            if (row == border->rows.leading && column == border->columns.leading)
                memcpy(group->constant, constant, sizeof constant);
        }
    }
}

/* Channels beyond the last repeat it: they are calculated and not written. */
static inline dense_group dense_group_of(const spb_layer *layer, const spb_dense_shape *shape,
                                         const spb_border *border, uint32_t first, int32_t *classes) {
    dense_group r;
    uint32_t taps[TILE_CHANNELS];
    size_t nonzero = (size_t)layer->weight_rows * shape->channel_bytes;
    r.first = first;
    r.count = layer->out.channels - first < TILE_CHANNELS ? layer->out.channels - first : TILE_CHANNELS;
    r.classes = NULL;
    r.invert = 0;
    for (uint32_t i = 0; i < TILE_CHANNELS; i++) {
        uint32_t c = first + (i < r.count ? i : r.count - 1), invert = 0;
        r.weight[i] = layer->weights + c * (size_t)shape->channel_bytes;
        taps[i] = layer->in.channels * layer->kernel_h * layer->kernel_w;
        if (!layer->binary)
            taps[i] = dense_nonzero_taps(r.weight[i] + nonzero, shape->channel_bytes);
        r.constant[i] = dense_constant(layer, c, (int32_t)taps[i], &invert);
        r.invert |= (uint64_t)(invert ? (1u << TILE_PIXELS) - 1 : 0u) << 8 * i;
    }
    if (layer->zero_pad)
        dense_classes(layer, shape, border, nonzero, taps, &r, classes);
    return r;
}

#endif
