/* Dense binary convolution: XNOR and popcount over packed channels. It runs where a tree does not pay, and it
 * is what the tree kernel is measured against, so it has to be good.
 *
 * With bits A, W for -1, +1, a tap contributes +1 where they agree and -1 where they differ:
 *
 *     P = n - 2 d,   d = popcount((A ^ W) & N)      N: weights that are not zero, n = popcount(N)
 *
 * (a binary layer needs no N). Channels beyond the last are 0 on both sides and never differ.
 *
 * Zero padding. Outside the image A is 0, which counts as -1: there P has -w too much for each tap. With the
 * sums w_all of all weights and w_in of those inside the image, n + w_all being twice the number of +1:
 *
 *     P = (n + w_all - w_in) - 2 d
 *
 * So only a constant changes, by the pixel's border class (border.h); d is calculated as ever.
 *
 * Layout (dense_shape.h). Planes are packed into pixels [H + 2p][W + 2p], padding included. The weights of a
 * channel are [ky][kx][channels]: for one ky the pixels of both sides are consecutive, so the kernel is
 * kernel_h runs, whatever its width; where windows are gathered it is one run.
 *
 *     for a block of rows that stays in the first-level cache
 *       for 8 channels
 *         for 4 pixels                        32 counters
 *           for ky, for 128 taps of the run   12 loads, 96 vector operations (AArch64, dense_tile_aarch64.h)
 *
 * The limit of XNOR-popcount: EOR, CNT and an addition for each 128 multiply-adds, 48 vector operations for
 * 2,048, and a load for each register of pixels and weights that a tile shares: 6 with 8 x 4, 8 with 4 x 4. A
 * carry-save tree in front of CNT would take EOR, EOR, BSL per input to save less than one CNT and one ADD.
 * The best known tile of others (8 x 4 too, counters of 16 bits) has the same 48 and 6.
 */
#include <string.h>

#include "dense_group.h"
#include "dense_pixels.h"
#include "dense_tile.h"
#include "kernels.h"

enum { BLOCK_BYTES = 16384 };

typedef struct geometry {
    uint32_t runs;        /* consecutive taps: kernel_h times, or once where windows are gathered */
    size_t run_bytes;     /* of a run, whole steps */
    size_t next_run;      /* from the end of a run to the next, among the pixels */
    size_t channel_bytes; /* taps of one output channel */
    size_t nonzero;       /* from a weight to its not-zero bits */
    size_t right, down;   /* from a window to its neighbours */
    uint32_t fold_runs;   /* runs that counters hold, at least 1 */
} geometry;

static geometry geometry_of(const spb_layer *layer, const spb_dense_shape *shape) {
    geometry g;
    size_t row = (layer->in.width + 2 * (size_t)layer->padding) * shape->pixel_bytes;
    size_t taps = (size_t)layer->kernel_w * shape->pixel_bytes;
    g.channel_bytes = shape->channel_bytes;
    g.nonzero = layer->out.channels * g.channel_bytes;
    if (shape->gathered) {
        g.runs = 1;
        g.run_bytes = (layer->kernel_h * taps + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
        g.next_run = 0;
        g.right = g.channel_bytes;
        g.down = layer->out.width * g.right;
    } else {
        g.runs = layer->kernel_h;
        g.run_bytes = taps;
        g.next_run = row - taps;
        g.right = (size_t)layer->stride * shape->pixel_bytes;
        g.down = layer->stride * row;
    }
    g.fold_runs = (uint32_t)((size_t)TILE_STEPS * STEP_BYTES / g.run_bytes);
    if (g.fold_runs < 1)
        g.fold_runs = 1;
    return g;
}

/* TILE_CHANNELS x TILE_PIXELS sums.
 *
 * `at` runs over a channel's weights; the pixels' pointers move so that it fits them too. As many runs as
 * counters hold go between two folds of the counters; a longer run is folded on its way. */
SPB_INLINE void tile_run(const geometry *g, const uint8_t **pixel, const uint8_t *const *weight,
                         tile_sums sums, int ternary) {
    tile_counts counts;
    size_t at = 0, limit = (size_t)TILE_STEPS * STEP_BYTES;
    tile_zero(sums);
    for (uint32_t done = 0, runs; done < g->runs; done += runs) {
        runs = g->runs - done < g->fold_runs ? g->runs - done : g->fold_runs;
        for (size_t run_end = at + g->run_bytes; at < run_end;) {
            size_t end = run_end - at < limit ? run_end : at + limit;
            tile_clear(counts);
            for (uint32_t run = 1;; run++, end += g->run_bytes) {
                for (; at < end; at += STEP_BYTES)
                    tile_step(counts, pixel, weight, g->nonzero, at, ternary);
                if (run == runs)
                    break;
                for (int p = 0; p < TILE_PIXELS; p++)
                    pixel[p] += g->next_run;
            }
            tile_flush(sums, counts);
        }
        for (int p = 0; p < TILE_PIXELS; p++)
            pixel[p] += g->next_run;
    }
}

/* One channel's d at one pixel: where there are too few pixels for a tile. */
SPB_INLINE uint32_t single_sum(const geometry *g, const uint8_t *pixel, const uint8_t *weight, int ternary) {
    uint32_t sum = 0;
    for (uint32_t run = 0; run < g->runs; run++, pixel += g->next_run) {
        for (const uint8_t *run_end = weight + g->run_bytes; weight < run_end;) {
            spb_bits counts = spb_bits_zero();
            for (int room = SPB_COUNT_LIMIT; room > 0 && weight < run_end; room--) {
                spb_bits differ = spb_bits_xor(tile_weight(pixel), tile_weight(weight));
                if (ternary)
                    differ = spb_bits_and(differ, tile_weight(weight + g->nonzero));
                counts = spb_bits_add(counts, spb_bits_count(differ));
                pixel += STEP_BYTES;
                weight += STEP_BYTES;
            }
            sum += tile_first_pixel(counts);
        }
    }
    return sum;
}

/* `bits` has a byte a channel, for TILE_PIXELS pixels of one byte of the output, from bit `shift` of it on.
 */
SPB_INLINE void put_bits(const dense_group *channels, uint8_t *byte, size_t plane_bytes, uint32_t shift,
                         uint64_t bits) {
    bits <<= shift; /* no byte has bits to lose */
    if (channels->count == TILE_CHANNELS) {
        for (int c = 0; c < TILE_CHANNELS; c++, byte += plane_bytes)
            *byte = (uint8_t)(*byte | bits >> 8 * c);
    } else {
        for (uint32_t c = 0; c < channels->count; c++, byte += plane_bytes)
            *byte = (uint8_t)(*byte | bits >> 8 * c);
    }
}

/* `count` pixels from (y, x) on, wherever they are. */
static void scatter_bits(const spb_layer *layer, const dense_group *channels, uint8_t *plane, uint32_t y,
                         uint32_t x, uint32_t count, uint64_t bits) {
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
static const int32_t *constants_at(const dense_group *channels, const spb_border *border, uint32_t y,
                                   uint32_t x) {
    uint32_t row = spb_axis_class(&border->rows, y), column = spb_axis_class(&border->columns, x);
    return channels->classes + (size_t)(row * border->columns.count + column) * TILE_CHANNELS;
}

/* Whether `count` pixels of one row are all inside. */
static int all_inside(const spb_border *border, uint32_t y, uint32_t x, uint32_t count) {
    const spb_axis *rows = &border->rows, *columns = &border->columns;
    return y >= rows->leading && y <= rows->leading + rows->shift && x >= columns->leading &&
           x + count - 1 <= columns->leading + columns->shift;
}

/* A tile's bits where pixels have constants of their own. */
static uint64_t border_bits(const spb_layer *layer, const spb_border *border, const dense_group *channels,
                            tile_sums sums, uint32_t y, uint32_t x) {
    const int32_t *before = NULL;
    uint64_t bits = 0, above = 0;
    for (uint32_t p = 0; p < TILE_PIXELS; p++) {
        const int32_t *limit = constants_at(channels, border, y, x);
        if (limit != before)
            above = tile_above(sums, limit);
        before = limit;
        bits |= above & (uint64_t)0x0101010101010101u << p;
        if (++x == layer->out.width) {
            x = 0;
            y++;
        }
    }
    return bits;
}

/* P of `count` pixels from (y, x) on, [channel][row][column]. `d`: [TILE_CHANNELS][TILE_PIXELS]. */
static void store_sums(const spb_layer *layer, const spb_border *border, const dense_group *channels,
                       const uint32_t *d, uint32_t y, uint32_t x, uint32_t count, uint8_t *out) {
    size_t pixels = (size_t)layer->out.height * layer->out.width;
    size_t at = channels->first * pixels + y * (size_t)layer->out.width + x;
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

/* Pixels (y, x), (y, x + 1), ..., going on in the next row. */
static void find_pixels(const spb_layer *layer, const geometry *g, const uint8_t *row, uint32_t x,
                        const uint8_t *pixel[TILE_PIXELS]) {
    for (uint32_t p = 0; p < TILE_PIXELS; p++) {
        pixel[p] = row + x * g->right;
        if (++x == layer->out.width) {
            x = 0;
            row += g->down;
        }
    }
}

/* One pixel of all channels of a group. */
SPB_INLINE void single_pixel(const spb_layer *layer, const geometry *g, const spb_border *border,
                             const dense_group *channels, const uint8_t *window, uint32_t y, uint32_t x,
                             uint8_t *out, int ternary) {
    uint32_t d[TILE_CHANNELS * TILE_PIXELS];
    for (uint32_t c = 0; c < channels->count; c++)
        d[c * TILE_PIXELS] = single_sum(g, window, channels->weight[c], ternary);
    if (layer->output != SPB_OUTPUT_BITS) {
        store_sums(layer, border, channels, d, y, x, 1, out);
        return;
    }
    const int32_t *limit = channels->classes ? constants_at(channels, border, y, x) : channels->constant;
    uint64_t bits = channels->invert;
    for (uint32_t c = 0; c < channels->count; c++)
        bits ^= (uint64_t)((int32_t)d[c * TILE_PIXELS] > limit[c]) << 8 * c;
    scatter_bits(layer, channels, out + channels->first * (size_t)layer->out.plane_bytes, y, x, 1, bits);
}

/* Rows [top, bottom) of the output, for one group of channels; `windows` is the first one of row `top`. Where
 * tiles do not fit rows they run on over their ends, so that small images leave at most TILE_PIXELS - 1
 * single pixels a block of rows. */
SPB_INLINE void conv_rows(const spb_layer *layer, const geometry *g, const spb_border *border,
                          const uint8_t *windows, const dense_group *channels, uint32_t top, uint32_t bottom,
                          uint8_t *out, int ternary) {
    uint8_t *plane = out + channels->first * (size_t)layer->out.plane_bytes;
    uint32_t left = (bottom - top) * layer->out.width, x = 0, y = top, width = layer->out.width;
    for (; left >= TILE_PIXELS; left -= TILE_PIXELS) {
        const uint8_t *pixel[TILE_PIXELS], *row = windows + (y - top) * g->down;
        int fits = x % TILE_PIXELS == 0 && x + TILE_PIXELS <= width;
        if (fits) {
            pixel[0] = row + x * g->right;
            for (int p = 1; p < TILE_PIXELS; p++)
                pixel[p] = pixel[p - 1] + g->right;
        } else {
            find_pixels(layer, g, row, x, pixel);
        }
        tile_sums sums;
        tile_run(g, pixel, channels->weight, sums, ternary);
        if (layer->output != SPB_OUTPUT_BITS) {
            uint32_t d[TILE_CHANNELS * TILE_PIXELS];
            tile_read(sums, d);
            store_sums(layer, border, channels, d, y, x, TILE_PIXELS, out);
        } else {
            int inside = !channels->classes || (fits && all_inside(border, y, x, TILE_PIXELS));
            uint64_t bits = inside ? tile_above(sums, channels->constant)
                                   : border_bits(layer, border, channels, sums, y, x);
            bits ^= channels->invert;
            if (fits) {
                put_bits(channels, plane + y * layer->out.row_bytes + x / 8, layer->out.plane_bytes, x % 8,
                         bits);
            } else {
                scatter_bits(layer, channels, plane, y, x, TILE_PIXELS, bits);
            }
        }
        for (x += TILE_PIXELS; x >= width; x -= width)
            y++;
    }
    for (; left > 0; left--) {
        single_pixel(layer, g, border, channels, windows + (y - top) * g->down + x * g->right, y, x, out,
                     ternary);
        if (++x == width) {
            x = 0;
            y++;
        }
    }
}

void spb_dense_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch) {
    const spb_dense_shape shape = spb_dense_shape_of(layer);
    const geometry g = geometry_of(layer, &shape);
    const spb_border border = spb_border_of(layer);
    uint8_t *gathered = scratch + spb_dense_pixels_bytes(layer, &shape);
    int32_t *classes = (int32_t *)(void *)(gathered + spb_dense_windows_bytes(layer, &shape));
    uint32_t rows = shape.block_rows;
    spb_dense_pack(layer, &shape, in, scratch);
    if (layer->output == SPB_OUTPUT_BITS)
        memset(out, 0, (size_t)layer->out.channels * layer->out.plane_bytes);
    if (!shape.gathered) {
        rows = (uint32_t)(BLOCK_BYTES / g.down);
        if (rows < 4) /* so that weights are not loaded anew for every row */
            rows = 4;
    }
    for (uint32_t top = 0; top < layer->out.height; top += rows) {
        uint32_t bottom = layer->out.height - top < rows ? layer->out.height : top + rows;
        const uint8_t *windows = shape.gathered ? gathered : scratch + top * g.down;
        if (shape.gathered)
            spb_dense_gather(layer, &shape, scratch, top, bottom, gathered);
        for (uint32_t c = 0; c < layer->out.channels; c += TILE_CHANNELS) {
            const dense_group channels = dense_group_of(layer, &shape, &border, c, classes);
            if (layer->binary) {
                conv_rows(layer, &g, &border, windows, &channels, top, bottom, out, 0);
            } else {
                conv_rows(layer, &g, &border, windows, &channels, top, bottom, out, 1);
            }
        }
    }
}
