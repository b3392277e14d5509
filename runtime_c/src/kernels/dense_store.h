/* Where the sums of a dense tile end: as bits behind the channels' limits, or as they are. */
#ifndef SPB_DENSE_STORE_H
#define SPB_DENSE_STORE_H

#include "dense_group.h"
#include "real_vector.h"

/* One byte of each channel's plane: `bits` has a byte a channel. */
SPB_INLINE void put_bytes(const dense_group *channels, uint8_t *byte, size_t plane_bytes, uint64_t bits) {
    if (channels->count == TILE_CHANNELS) {
        for (int c = 0; c < TILE_CHANNELS; c++, byte += plane_bytes)
            *byte = (uint8_t)(bits >> 8 * c);
    } else {
        for (uint32_t c = 0; c < channels->count; c++, byte += plane_bytes)
            *byte = (uint8_t)(bits >> 8 * c);
    }
}

/* `count` pixels from (y, x) on, wherever they are. */
static inline void scatter_bits(const spb_layer *layer, const dense_group *channels, uint8_t *plane,
                                uint32_t y, uint32_t x, uint32_t count, uint64_t bits) {
    for (uint32_t c = 0; c < channels->count; c++, plane += layer->out.plane_bytes, bits >>= 8) {
        uint8_t *row = plane + y * (size_t)layer->out.row_bytes;
        uint32_t column = x;
        for (uint32_t p = 0; p < count; p++, column++) {
            if (column == layer->out.width) {
                column = 0;
                row += layer->out.row_bytes;
            }
            row[column / 8] = (uint8_t)(row[column / 8] | (bits >> p & 1u) << column % 8);
        }
    }
}

/* Border class of pixel (y, x), as a place in a group's constants. */
static inline const int32_t *constants_at(const dense_group *channels, const spb_border *border, uint32_t y,
                                          uint32_t x) {
    uint32_t row = spb_axis_class(&border->rows, y), column = spb_axis_class(&border->columns, x);
    return channels->classes + (size_t)(row * border->columns.count + column) * TILE_CHANNELS;
}

/* Whether `count` pixels of one row are all inside. */
static inline int all_inside(const spb_border *border, uint32_t y, uint32_t x, uint32_t count) {
    const spb_axis *rows = &border->rows, *columns = &border->columns;
    return y >= rows->leading && y <= rows->leading + rows->shift && x >= columns->leading &&
           x + count - 1 <= columns->leading + columns->shift;
}

/* A tile's bits where pixels have constants of their own: the same of `sums` with `above` tile_above, and of
 * counters that hold all. */
#define DENSE_BORDER_BITS(name, type, above)                                                                 \
    static inline uint64_t name(const spb_layer *layer, const spb_border *border,                            \
                                const dense_group *channels, type tile, uint32_t y, uint32_t x) {            \
        const int32_t *before = NULL;                                                                        \
        uint64_t bits = 0, all = 0;                                                                          \
        for (uint32_t p = 0; p < TILE_PIXELS; p++) {                                                         \
            const int32_t *limit = constants_at(channels, border, y, x);                                     \
            if (limit != before)                                                                             \
                all = above(tile, limit);                                                                    \
            before = limit;                                                                                  \
            bits |= all & (uint64_t)0x0101010101010101u << p;                                                \
            if (++x == layer->out.width) {                                                                   \
                x = 0;                                                                                       \
                y++;                                                                                         \
            }                                                                                                \
        }                                                                                                    \
        return bits;                                                                                         \
    }
DENSE_BORDER_BITS(border_bits, tile_sums, tile_above)
DENSE_BORDER_BITS(border_counts, tile_counts, tile_counts_above)
#undef DENSE_BORDER_BITS

/* The same as reals: pixels follow each other over the ends of rows, so they are one run in each channel. */
static inline void store_reals(const spb_layer *layer, const spb_border *border, const dense_group *channels,
                               const uint32_t *d, uint32_t y, uint32_t x, uint32_t count, uint8_t *out) {
    size_t pixels = (size_t)layer->out.height * layer->out.width;
    size_t at = channels->first * pixels + y * (size_t)layer->out.width + x;
    int32_t sums[TILE_CHANNELS][TILE_PIXELS];
    for (uint32_t p = 0; p < count; p++) {
        const int32_t *offset = channels->classes ? constants_at(channels, border, y, x) : channels->constant;
        for (uint32_t c = 0; c < channels->count; c++)
            sums[c][p] = offset[c] - 2 * (int32_t)d[c * TILE_PIXELS + p];
        if (++x == layer->out.width) {
            x = 0;
            y++;
        }
    }
    for (uint32_t c = 0; c < channels->count; c++, at += pixels) {
        const int16_t *addend = layer->addend ? layer->addend + at : NULL;
        int16_t *to = (int16_t *)(void *)out + at;
        uint32_t channel = channels->first + c;
        const real_scale s =
            real_scale_of(layer->multiplier[channel], layer->bias[channel], layer->shift[channel]);
        if (count == REAL_FOUR) {
            real_store_four(&s, sums[c], addend, to);
            continue;
        }
        for (uint32_t p = 0; p < count; p++) {
            int64_t scaled = (int64_t)layer->multiplier[channel] * sums[c][p] + layer->bias[channel];
            int32_t result = spb_saturate(scaled >> layer->shift[channel]);
            to[p] = addend ? spb_saturate(result + addend[p]) : (int16_t)result;
        }
    }
}

/* P of `count` pixels from (y, x) on, [channel][row][column]. `d`: [TILE_CHANNELS][TILE_PIXELS]. */
static inline void store_sums(const spb_layer *layer, const spb_border *border, const dense_group *channels,
                              const uint32_t *d, uint32_t y, uint32_t x, uint32_t count, uint8_t *out) {
    size_t pixels = (size_t)layer->out.height * layer->out.width;
    size_t at = channels->first * pixels + y * (size_t)layer->out.width + x;
    if (layer->real) {
        store_reals(layer, border, channels, d, y, x, count, out);
        return;
    }
    for (uint32_t p = 0; p < count; p++) {
        const int32_t *offset = channels->classes ? constants_at(channels, border, y, x) : channels->constant;
        for (uint32_t c = 0; c < channels->count; c++) {
            int32_t sum = offset[c] - 2 * (int32_t)d[c * TILE_PIXELS + p];
            if (layer->output == SPB_OUTPUT_INT16) {
                ((int16_t *)(void *)out)[at + p + c * pixels] = (int16_t)sum;
            } else {
                ((int32_t *)(void *)out)[at + p + c * pixels] = sum;
            }
        }
        if (++x == layer->out.width) {
            x = 0;
            y++;
        }
    }
}

#endif
