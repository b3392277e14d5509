/* Dense binary convolution: XNOR and popcount over packed channels. It runs where a tree does not pay, and it
 * is what the tree kernel is measured against, so it has to be good.
 *
 * With bits A, W for -1, +1, a tap contributes +1 where they agree and -1 where they differ:
 *
 *     P = n - 2 popcount((A ^ W) & N)      N: weights that are not zero, n = popcount(N)
 *
 * (a binary layer needs no N). Channels beyond the last are 0 on both sides and never differ.
 *
 * Layout. Planes are packed into pixels [H + 2p][W + 2p][words], padding included, 128 bits at least. The
 * weights of a channel are [ky][kx][words]: for one ky the kw * words words of both sides are consecutive, so
 * the kernel is kernel_h runs, whatever the width of the kernel.
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

#include "dense_tile.h"
#include "kernels.h"
#include "limit.h"
#include "transpose.h"

enum { BLOCK_BYTES = 16384 };

typedef struct geometry {
    uint32_t words;       /* u64 of one pixel */
    size_t pixel_bytes;   /* of one packed pixel */
    size_t row_bytes;     /* of a packed row, padding included */
    size_t run_bytes;     /* taps of one ky */
    size_t channel_bytes; /* taps of one output channel */
    size_t nonzero;       /* from a weight to its not-zero bits */
    uint32_t fold_rows;   /* rows of the kernel that counters hold, at least 1 */
} geometry;

static geometry geometry_of(const spb_layer *layer) {
    geometry g;
    g.words = (layer->in.channels + 127) / 128 * 2;
    g.pixel_bytes = (size_t)g.words * 8;
    g.row_bytes = (layer->in.width + 2 * (size_t)layer->padding) * g.pixel_bytes;
    g.run_bytes = layer->kernel_w * g.pixel_bytes;
    g.channel_bytes = layer->kernel_h * g.run_bytes;
    g.nonzero = layer->out.channels * g.channel_bytes;
    g.fold_rows = (uint32_t)((size_t)TILE_STEPS * STEP_BYTES / g.run_bytes);
    if (g.fold_rows < 1)
        g.fold_rows = 1;
    return g;
}

/* ---- planes -> pixels ---- */

static void store64(uint8_t *p, uint64_t x) { memcpy(p, &x, sizeof x); }

/* Word `word` of every padding pixel. */
static void pack_border(const spb_layer *layer, const geometry *g, uint32_t word, uint8_t *pixels) {
    uint32_t before = word * 64, height = layer->in.height + 2 * layer->padding,
             width = layer->in.width + 2 * layer->padding;
    uint64_t value = 0;
    if (layer->pad_bit && before < layer->in.channels) {
        uint32_t left = layer->in.channels - before;
        value = left >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    }
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = pixels + y * g->row_bytes + word * (size_t)8;
        int middle = y >= layer->padding && y < layer->padding + layer->in.height;
        for (uint32_t x = 0; x < width; x++) {
            if (middle && x == layer->padding)
                x += layer->in.width; /* padding > 0 here: that is still a column */
            store64(row + x * g->pixel_bytes, value);
        }
    }
}

/* 64 channels of 64 consecutive bits of a plane: one or more rows, or part of one. */
static void pack_chunk(const spb_layer *layer, const geometry *g, uint64_t rows[64], uint32_t first_bit,
                       uint8_t *pixels) {
    uint32_t row_bits = layer->in.row_bytes * 8;
    spb_transpose64(rows);
    for (uint32_t bit = 0; bit < 64;) {
        uint32_t y = (first_bit + bit) / row_bits, x = (first_bit + bit) % row_bits;
        uint32_t lane = row_bits < 64 ? row_bits : 64;
        if (y >= layer->in.height)
            return;
        uint32_t count = x >= layer->in.width ? 0 : layer->in.width - x < lane ? layer->in.width - x : lane;
        uint8_t *to = pixels + (y + layer->padding) * g->row_bytes + (x + layer->padding) * g->pixel_bytes;
        for (uint32_t i = 0; i < count; i++, to += g->pixel_bytes)
            store64(to, rows[bit + i]);
        bit += lane;
    }
}

static void pack_pixels(const spb_layer *layer, const geometry *g, const uint8_t *in, uint8_t *pixels) {
    const spb_tensor *t = &layer->in;
    for (uint32_t word = 0; word < g->words; word++) {
        uint32_t first = word * 64, count = 0;
        if (first < t->channels)
            count = t->channels - first < 64 ? t->channels - first : 64;
        if (layer->padding > 0)
            pack_border(layer, g, word, pixels);
        for (uint32_t at = 0; at < t->height * t->row_bytes; at += 8) {
            uint64_t rows[64];
            for (uint32_t c = 0; c < count; c++)
                memcpy(&rows[c], in + (size_t)(first + c) * t->plane_bytes + at, 8);
            if (count < 64)
                memset(rows + count, 0, (64 - count) * sizeof rows[0]);
            pack_chunk(layer, g, rows, at * 8, pixels + word * (size_t)8);
        }
    }
}

/* ---- the tile ---- */

/* TILE_CHANNELS x TILE_PIXELS sums.
 *
 * `at` runs over a channel's weights; the pixels' pointers move so that it fits them too. As many rows of the
 * kernel as counters hold go between two folds of the counters; a longer row is folded on its way. */
SPB_INLINE void tile_run(const spb_layer *layer, const geometry *g, const uint8_t **pixel,
                         const uint8_t *const *weight, tile_sums sums, int ternary) {
    tile_counts counts;
    size_t at = 0, next_row = g->row_bytes - g->run_bytes, limit = (size_t)TILE_STEPS * STEP_BYTES;
    tile_zero(sums);
    for (uint32_t ky = 0, rows; ky < layer->kernel_h; ky += rows) {
        rows = layer->kernel_h - ky < g->fold_rows ? layer->kernel_h - ky : g->fold_rows;
        for (size_t row_end = at + g->run_bytes; at < row_end;) {
            size_t end = row_end - at < limit ? row_end : at + limit;
            tile_clear(counts);
            for (uint32_t row = 1;; row++, end += g->run_bytes) {
                for (; at < end; at += STEP_BYTES)
                    tile_step(counts, pixel, weight, g->nonzero, at, ternary);
                if (row == rows)
                    break;
                for (int p = 0; p < TILE_PIXELS; p++)
                    pixel[p] += next_row;
            }
            tile_flush(sums, counts);
        }
        for (int p = 0; p < TILE_PIXELS; p++)
            pixel[p] += next_row;
    }
}

/* One channel's sum at one pixel: where there are too few pixels for a tile. */
SPB_INLINE uint32_t single_sum(const spb_layer *layer, const geometry *g, const uint8_t *pixel,
                               const uint8_t *weight, int ternary) {
    uint32_t sum = 0;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++, pixel += g->row_bytes) {
        const uint8_t *tap = pixel;
        for (const uint8_t *row_end = weight + g->run_bytes; weight < row_end;) {
            spb_bits counts = spb_bits_zero();
            for (int room = SPB_COUNT_LIMIT; room > 0 && weight < row_end; room--) {
                spb_bits differ = spb_bits_xor(tile_weight(tap), tile_weight(weight));
                if (ternary)
                    differ = spb_bits_and(differ, tile_weight(weight + g->nonzero));
                counts = spb_bits_add(counts, spb_bits_count(differ));
                tap += STEP_BYTES;
                weight += STEP_BYTES;
            }
            sum += tile_first_pixel(counts);
        }
    }
    return sum;
}

typedef struct group {
    const uint8_t *weight[TILE_CHANNELS];
    int32_t limit[TILE_CHANNELS];
    uint64_t invert; /* byte c: all pixels' bits, as tile_above gives them */
    uint32_t first, count;
} group;

static uint32_t nonzero_taps(const geometry *g, const uint8_t *mask) {
    uint32_t total = 0;
    for (size_t at = 0; at < g->channel_bytes; at += STEP_BYTES)
        total += tile_first_pixel(spb_bits_count(tile_weight(mask + at)));
    return total;
}

/* Channels beyond the last repeat it: they are calculated and not written. */
static group group_of(const spb_layer *layer, const geometry *g, uint32_t first) {
    group r;
    r.first = first;
    r.count = layer->out.channels - first < TILE_CHANNELS ? layer->out.channels - first : TILE_CHANNELS;
    r.invert = 0;
    uint32_t taps = layer->in.channels * layer->kernel_h * layer->kernel_w;
    for (uint32_t i = 0; i < TILE_CHANNELS; i++) {
        uint32_t c = first + (i < r.count ? i : r.count - 1);
        r.weight[i] = layer->weights + c * g->channel_bytes;
        if (!layer->binary)
            taps = nonzero_taps(g, r.weight[i] + g->nonzero);
        spb_limit limit = spb_difference_limit(layer->threshold[c], layer->compare[c], taps);
        r.limit[i] = limit.limit;
        r.invert |= (uint64_t)(limit.invert ? (1u << TILE_PIXELS) - 1 : 0u) << 8 * i;
    }
    return r;
}

/* `bits` has a byte a channel, for TILE_PIXELS pixels of one byte of the output, from bit `shift` of it on.
 */
SPB_INLINE void put_bits(const group *channels, uint8_t *byte, size_t plane_bytes, uint32_t shift,
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
static void scatter_bits(const spb_layer *layer, const group *channels, uint8_t *plane, uint32_t y,
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

/* Pixels (y, x), (y, x + 1), ..., going on in the next row; the last is repeated beyond `count`. */
static void find_pixels(const spb_layer *layer, const geometry *g, const uint8_t *pixels, uint32_t y,
                        uint32_t x, uint32_t count, const uint8_t *pixel[TILE_PIXELS]) {
    for (uint32_t p = 0; p < TILE_PIXELS; p++) {
        pixel[p] = pixels + layer->stride * (y * g->row_bytes + x * g->pixel_bytes);
        if (p + 1 < count && ++x == layer->out.width) {
            x = 0;
            y++;
        }
    }
}

/* Rows [top, bottom) of the output, for one group of channels. Where tiles do not fit rows they run on over
 * their ends, so that small images leave at most TILE_PIXELS - 1 single pixels a block of rows. */
SPB_INLINE void conv_rows(const spb_layer *layer, const geometry *g, const uint8_t *pixels,
                          const group *channels, uint32_t top, uint32_t bottom, uint8_t *out, int ternary) {
    uint8_t *plane = out + channels->first * (size_t)layer->out.plane_bytes;
    size_t right = layer->stride * g->pixel_bytes;
    uint32_t left = (bottom - top) * layer->out.width, x = 0, y = top, width = layer->out.width;
    while (left > 0) {
        const uint8_t *pixel[TILE_PIXELS];
        if (left >= TILE_PIXELS) {
            int fits = x % TILE_PIXELS == 0 && x + TILE_PIXELS <= width;
            if (fits) {
                pixel[0] = pixels + layer->stride * (y * g->row_bytes) + x * right;
                for (int p = 1; p < TILE_PIXELS; p++)
                    pixel[p] = pixel[p - 1] + right;
            } else {
                find_pixels(layer, g, pixels, y, x, TILE_PIXELS, pixel);
            }
            tile_sums sums;
            tile_run(layer, g, pixel, channels->weight, sums, ternary);
            uint64_t bits = tile_above(sums, channels->limit) ^ channels->invert;
            if (fits) {
                put_bits(channels, plane + y * layer->out.row_bytes + x / 8, layer->out.plane_bytes, x % 8,
                         bits);
            } else {
                scatter_bits(layer, channels, plane, y, x, TILE_PIXELS, bits);
            }
            left -= TILE_PIXELS;
            for (x += TILE_PIXELS; x >= width; x -= width)
                y++;
        } else {
            uint64_t bits = channels->invert;
            find_pixels(layer, g, pixels, y, x, 1, pixel);
            for (uint32_t c = 0; c < channels->count; c++) {
                uint32_t sum = single_sum(layer, g, pixel[0], channels->weight[c], ternary);
                bits ^= (uint64_t)((int32_t)sum > channels->limit[c]) << 8 * c;
            }
            scatter_bits(layer, channels, plane, y, x, 1, bits);
            left--;
            if (++x == width) {
                x = 0;
                y++;
            }
        }
    }
}

void spb_dense_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch) {
    geometry g = geometry_of(layer);
    pack_pixels(layer, &g, in, scratch);
    memset(out, 0, (size_t)layer->out.channels * layer->out.plane_bytes);
    uint32_t rows = (uint32_t)(BLOCK_BYTES / (g.row_bytes * layer->stride));
    if (rows < 4) /* so that weights are not loaded anew for every row */
        rows = 4;
    for (uint32_t top = 0; top < layer->out.height; top += rows) {
        uint32_t bottom = layer->out.height - top < rows ? layer->out.height : top + rows;
        for (uint32_t c = 0; c < layer->out.channels; c += TILE_CHANNELS) {
            group channels = group_of(layer, &g, c);
            if (layer->binary) {
                conv_rows(layer, &g, scratch, &channels, top, bottom, out, 0);
            } else {
                conv_rows(layer, &g, scratch, &channels, top, bottom, out, 1);
            }
        }
    }
}
