/* The stem, and a max-pool behind it, row by row: neither the image nor the stem's output is ever whole.
 *
 *     strip   the padded rows that a band of the output is made of, uint8 [kernel_h + ...][W + 2p][C]
 *     a row comes       copied behind the last, the padding's values on both sides
 *     the strip is full the stem's kernel makes the band of it, as of an image without padding   (run_band)
 *                       rows that the next band needs too move up
 *     without a pool    the band's rows are copied to their places in the output
 *     with one          the pool's kernel makes one row of it: maxima of columns alone; each window that has
 *                       this row takes the larger of that and of what it has                     (merge_line)
 *
 * The kernels are those that whole images have, called with a layer of fewer rows, so the integers are the
 * same. They lay out the weights once a band: bands are as high as they may be without more memory.
 */
#include "stem_rows.h"

#include <string.h>

#include "kernels.h"

static spb_rows_state *state_of(const spb_rows *r, uint8_t *arena) {
    return (spb_rows_state *)(void *)(arena + r->state_arena);
}

static uint32_t padded_width(const spb_layer *stem) {
    return spb_padded_side(stem->in.width, stem->out.width, stem->kernel_w, stem);
}

static const spb_layer *last_of(const spb_rows *r) { return r->pool ? r->pool : r->stem; }

/* A row as bytes, and the bytes from a channel to the next: of bits or of reals, of so many rows. */
static size_t line_bytes(const spb_layer *layer) {
    return layer->real ? layer->out.width * sizeof(int16_t) : layer->out.row_bytes;
}

static size_t channel_bytes(const spb_layer *layer) {
    return layer->real ? layer->out.height * line_bytes(layer) : layer->out.plane_bytes;
}

/* The stem's band to its place in the output. */
static void copy_band(const spb_layer *stem, const spb_layer *band, const uint8_t *from, uint32_t y,
                      uint8_t *out) {
    size_t line = line_bytes(stem);
    out += y * line;
    for (uint32_t c = 0; c < stem->out.channels; c++) {
        memcpy(out, from, band->out.height * line);
        out += channel_bytes(stem);
        from += channel_bytes(band);
    }
}

static void merge_reals(const int16_t *from, uint32_t count, int least, int16_t *to) {
    for (uint32_t x = 0; x < count; x++) {
        if (least ? from[x] < to[x] : from[x] > to[x])
            to[x] = from[x];
    }
}

/* A row of the pool's input, its columns pooled, into row `y` of the output; `first`: its first. */
static void merge_line(const spb_layer *pool, const spb_layer *line, const uint8_t *from, uint32_t y,
                       int first, uint8_t *out) {
    size_t bytes = line_bytes(pool);
    out += y * bytes;
    for (uint32_t c = 0; c < pool->out.channels; c++) {
        int least = pool->weights[c / 8] >> c % 8 & 1;
        if (first) {
            memcpy(out, from, bytes);
        } else if (pool->real) {
            merge_reals((const int16_t *)(const void *)from, pool->out.width, least, (int16_t *)(void *)out);
        } else {
            for (size_t i = 0; i < bytes; i++)
                out[i] = (uint8_t)(least ? out[i] & from[i] : out[i] | from[i]);
        }
        out += channel_bytes(pool);
        from += channel_bytes(line);
    }
}

/* Row `y` of the stem's output into all windows that have it. */
static void pool_line(const spb_rows *r, const spb_layer *band, uint32_t y, uint8_t *arena) {
    const spb_layer *pool = r->pool;
    const uint8_t *row = arena + r->band_arena;
    uint8_t *pooled = arena + r->pooled_arena;
    uint32_t at = y + pool->padding;
    uint32_t begin = at < pool->kernel_h ? 0 : (at - pool->kernel_h) / pool->stride + 1;
    spb_layer line = *pool; /* an image of one row: above and below it nothing wins */
    line.in.height = line.out.height = 1;
    line.in.plane_bytes = band->out.plane_bytes;
    line.out.plane_bytes = spb_plane_bytes(1, line.out.row_bytes);
    if (SPB_ROWS_REAL_POOL && pool->real)
        spb_real_pool(&line, (const int16_t *)(const void *)row, (int16_t *)(void *)pooled);
    if (SPB_ROWS_BITS_POOL && !pool->real)
        spb_any_pool(&line, row, pooled);
    for (uint32_t window = begin; window <= at / pool->stride && window < pool->out.height; window++) {
        uint32_t top = window * pool->stride;
        int first = y == (top > pool->padding ? top - pool->padding : 0);
        merge_line(pool, &line, pooled, window, first, arena + pool->out_arena);
    }
}

static void run_band(const spb_rows *r, uint32_t y, uint32_t rows, uint32_t strip_rows, uint8_t *arena) {
    const spb_layer *stem = r->stem;
    spb_layer band = *stem;
    band.padding = 0; /* the strip has it */
    band.in.height = strip_rows;
    band.in.width = padded_width(stem);
    band.out.height = rows;
    band.out.plane_bytes = spb_plane_bytes(rows, band.out.row_bytes);
    spb_stem_conv(&band, arena + r->strip_arena, arena + r->band_arena, arena + r->scratch_arena);
    if ((SPB_ROWS_REAL_POOL || SPB_ROWS_BITS_POOL) && r->pool) {
        pool_line(r, &band, y, arena);
    } else {
        copy_band(stem, &band, arena + r->band_arena, y, arena + stem->out_arena);
    }
}

/* A row of the strip: the image's, or NULL: one that is outside. */
static void fill_row(const spb_layer *stem, const uint8_t *row, uint8_t *to) {
    uint32_t channels = stem->in.channels, inside = stem->in.width * channels;
    uint32_t bytes = padded_width(stem) * channels;
    const uint8_t *pad_value =
        stem->weights + (size_t)stem->weight_rows * channels * stem->kernel_h * stem->kernel_w;
    for (uint32_t i = 0; i < bytes; i += channels)
        memcpy(to + i, pad_value, channels);
    if (row)
        memcpy(to + stem->padding * channels, row, inside);
}

/* The next padded row; with the last that a band needs, the band. */
static void put_row(const spb_rows *r, spb_rows_state *s, const uint8_t *row, uint8_t *arena) {
    const spb_layer *stem = r->stem;
    uint32_t top = s->made * stem->stride, left = stem->out.height - s->made, at = s->padded++;
    uint32_t rows = left < r->band_rows ? left : r->band_rows;
    uint32_t bytes = padded_width(stem) * stem->in.channels;
    uint8_t *strip = arena + r->strip_arena;
    if (!rows || at < top) /* below the last window, or between two */
        return;
    uint32_t needed = (rows - 1) * stem->stride + stem->kernel_h;
    fill_row(stem, row, strip + (at - top) * bytes);
    if (at - top + 1 < needed)
        return;
    run_band(r, s->made, rows, needed, arena);
    s->made += rows;
    uint32_t moved = rows * stem->stride * bytes;
    for (uint32_t from = rows * stem->stride; from < needed; from++, strip += bytes)
        memcpy(strip, strip + moved, bytes);
}

void spb_rows_begin(const spb_rows *r, uint8_t *arena) {
    const spb_layer *last = last_of(r);
    spb_rows_state *s = state_of(r, arena);
    s->begun = 1;
    s->given = s->padded = s->made = 0;
    if (!last->real) /* bits that are no pixel */
        memset(arena + last->out_arena, 0, (size_t)last->out.channels * last->out.plane_bytes);
    for (uint32_t i = 0; i < r->stem->padding; i++)
        put_row(r, s, NULL, arena);
}

int spb_rows_push(const spb_rows *r, uint8_t *arena, const uint8_t *rows, uint32_t count) {
    const spb_tensor *in = &r->stem->in;
    spb_rows_state *s = state_of(r, arena);
    if (s->begun != 1 || count > in->height - s->given)
        return -1;
    for (uint32_t i = 0; i < count; i++, rows += in->width * in->channels)
        put_row(r, s, rows, arena);
    s->given += count;
    return 0;
}

int spb_rows_end(const spb_rows *r, uint8_t *arena) {
    spb_rows_state *s = state_of(r, arena);
    if (s->begun != 1 || s->given != r->stem->in.height)
        return -1;
    while (s->made < r->stem->out.height)
        put_row(r, s, NULL, arena);
    s->begun = 0;
    return 0;
}
