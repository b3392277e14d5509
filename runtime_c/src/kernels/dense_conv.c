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
#include "dense_store.h"
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
    uint32_t once;        /* 1: counters hold all runs, and need not be widened to be compared */
} geometry;

static geometry geometry_of(const spb_layer *layer, const spb_dense_shape *shape) {
    geometry g;
    size_t row = (layer->in.width + 2 * (size_t)layer->padding) * shape->pixel_bytes;
    size_t taps = (size_t)layer->kernel_w * shape->pixel_bytes;
    g.channel_bytes = shape->channel_bytes;
    g.nonzero = layer->weight_rows * g.channel_bytes;
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
    g.once = TILE_COMPARES_COUNTS && g.fold_runs >= g.runs;
    if (g.fold_runs < 1)
        g.fold_runs = 1;
    return g;
}

/* Counts of a tile whose counters hold all runs. `at` runs over a channel's weights; the pixels' pointers
 * move so that it fits them too. */
SPB_INLINE void tile_once(const geometry *g, const uint8_t **pixel, const uint8_t *const *weight,
                          tile_counts counts, int ternary) {
    size_t at = 0;
    tile_clear(counts);
    for (uint32_t run = 1;; run++, at += g->run_bytes) {
        tile_steps(counts, pixel, weight, g->nonzero, at, at + g->run_bytes, ternary);
        if (run == g->runs)
            return;
        for (int p = 0; p < TILE_PIXELS; p++)
            pixel[p] += g->next_run;
    }
}

/* Sums of any tile. As many runs as counters hold go between two folds of the counters; a longer run is
 * folded on its way. */
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
                tile_steps(counts, pixel, weight, g->nonzero, at, end, ternary);
                at = end;
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

/* Whether the pixels of a tile, in one row, have the constants of those inside. */
SPB_INLINE int is_plain(const spb_layer *layer, const spb_border *border, uint32_t y, uint32_t x) {
    return layer->output == SPB_OUTPUT_BITS && all_inside(border, y, x, TILE_PIXELS);
}

/* One tile at (y, x) where pixels have constants of their own, or sums are delivered; `row` is the first
 * window of row y. Apart from the others' loops, so that they are none the worse for it. */
static uint64_t other_tile(const spb_layer *layer, const geometry *g, const spb_border *border,
                           const dense_group *channels, const uint8_t *row, uint32_t y, uint32_t x,
                           uint8_t *out, int ternary) {
    const uint8_t *pixel[TILE_PIXELS];
    tile_counts counts;
    tile_sums sums;
    find_pixels(layer, g, row, x, pixel);
    if (g->once && layer->output == SPB_OUTPUT_BITS) {
        tile_once(g, pixel, channels->weight, counts, ternary);
        return border_counts(layer, border, channels, counts, y, x) ^ channels->invert;
    }
    tile_run(g, pixel, channels->weight, sums, ternary);
    if (layer->output == SPB_OUTPUT_BITS)
        return border_bits(layer, border, channels, sums, y, x) ^ channels->invert;
    uint32_t d[TILE_CHANNELS * TILE_PIXELS];
    tile_read(sums, d);
    store_sums(layer, border, channels, d, y, x, TILE_PIXELS, out);
    return 0;
}

/* One tile's bits (byte c: channel c's pixels), all pixels having the group's constants. */
SPB_INLINE uint64_t plain_tile(const geometry *g, const dense_group *channels, const uint8_t **pixel,
                               int ternary) {
    tile_counts counts;
    tile_sums sums;
    if (g->once) {
        tile_once(g, pixel, channels->weight, counts, ternary);
        return tile_counts_above(counts, channels->constant) ^ channels->invert;
    }
    tile_run(g, pixel, channels->weight, sums, ternary);
    return tile_above(sums, channels->constant) ^ channels->invert;
}

/* Rows [top, bottom) of the output, for one group of channels; `windows` is the first one of row `top`. Tiles
 * fit into rows: all pixels of a byte are put together before it is written. */
SPB_INLINE void whole_tiles(const spb_layer *layer, const geometry *g, const spb_border *border,
                            const uint8_t *windows, const dense_group *channels, uint32_t top,
                            uint32_t bottom, uint8_t *out, int ternary) {
    uint8_t *row = out + channels->first * (size_t)layer->out.plane_bytes + top * layer->out.row_bytes;
    uint32_t width = layer->out.width;
    int plain = !channels->classes && layer->output == SPB_OUTPUT_BITS;
    for (uint32_t y = top; y < bottom; y++, windows += g->down, row += layer->out.row_bytes) {
        const uint8_t *window = windows;
        uint64_t bits = 0;
        for (uint32_t x = 0; x < width; window += TILE_PIXELS * g->right) {
            if (plain || is_plain(layer, border, y, x)) {
                const uint8_t *pixel[TILE_PIXELS] = {window};
                for (int p = 1; p < TILE_PIXELS; p++)
                    pixel[p] = pixel[p - 1] + g->right;
                bits |= plain_tile(g, channels, pixel, ternary) << x % 8;
            } else {
                bits |= other_tile(layer, g, border, channels, windows, y, x, out, ternary) << x % 8;
            }
            x += TILE_PIXELS;
            if (layer->output == SPB_OUTPUT_BITS && (x % 8 == 0 || x == width)) {
                put_bytes(channels, row + (x - 1) / 8, layer->out.plane_bytes, bits);
                bits = 0;
            }
        }
    }
}

/* The same where tiles do not fit: they run on over the ends of rows, so that small images leave at most
 * TILE_PIXELS - 1 single pixels a block of rows. */
SPB_INLINE void running_tiles(const spb_layer *layer, const geometry *g, const spb_border *border,
                              const uint8_t *windows, const dense_group *channels, uint32_t top,
                              uint32_t bottom, uint8_t *out, int ternary) {
    uint8_t *plane = out + channels->first * (size_t)layer->out.plane_bytes;
    uint32_t left = (bottom - top) * layer->out.width, x = 0, y = top, width = layer->out.width;
    int plain = !channels->classes && layer->output == SPB_OUTPUT_BITS;
    for (; left >= TILE_PIXELS; left -= TILE_PIXELS) {
        const uint8_t *row = windows + (y - top) * g->down;
        uint64_t bits;
        if (plain || (x + TILE_PIXELS <= width && is_plain(layer, border, y, x))) {
            const uint8_t *pixel[TILE_PIXELS];
            find_pixels(layer, g, row, x, pixel);
            bits = plain_tile(g, channels, pixel, ternary);
        } else {
            bits = other_tile(layer, g, border, channels, row, y, x, out, ternary);
        }
        if (layer->output == SPB_OUTPUT_BITS)
            scatter_bits(layer, channels, plane, y, x, TILE_PIXELS, bits);
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

SPB_INLINE void conv_rows(const spb_layer *layer, const geometry *g, const spb_border *border,
                          const uint8_t *windows, const dense_group *channels, uint32_t top, uint32_t bottom,
                          uint8_t *out, int ternary) {
    if (layer->out.width % TILE_PIXELS == 0) {
        whole_tiles(layer, g, border, windows, channels, top, bottom, out, ternary);
    } else {
        running_tiles(layer, g, border, windows, channels, top, bottom, out, ternary);
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
        tile_ready();
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
