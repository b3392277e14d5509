/* Shifted, padded copies of the input planes, so that every tap of a convolution is one load.
 *
 * They are made for one strip of output rows, from `top` on, so that they stay in the first cache. Copy
 * (c, kx, f) holds, in row r and column x, input pixel ((top + r) * stride + f - padding,
 * x * stride + kx - padding) of channel c; outside the image it holds pad_bit. Tap (c, ky, kx) is then copy
 * (c, kx, ky % stride) from row ky / stride on. Bits beyond the output's width are never used.
 *
 * With rows of up to 64 bits, stride 1 moves whole words of several rows at once, stride 2 parts each row
 * once for all its copies; everything else goes row by row and copy by copy.
 */
#include <string.h>

#include "../tap_table.h"
#include "../word.h"
#include "even_bits.h"
#include "kernels.h"

static uint64_t load64(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static void store64(uint8_t *p, uint64_t x) { memcpy(p, &x, sizeof x); }

/* `lane_bits`-wide pattern repeated over 64 bits; lane_bits is 8, 16, 32 or 64. */
static uint64_t repeat(uint64_t lane, uint32_t lane_bits) {
    for (uint32_t bits = lane_bits; bits < 64; bits *= 2)
        lane |= lane << bits;
    return lane;
}

static uint64_t low_bits(uint32_t count) { return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1; }

/* How copies are made of a plane when both have rows of at most 64 bits and of equal width in bytes, and the
 * stride is 1: whole words, several rows each, are moved by some columns. Bits of the plane that are no pixel
 * are 0; `outside` makes them pad_bit first. The same for all copies of all channels.
 *
 * The last word holds the last rows and pad_bit behind them. It lies where the words before it end, or so far
 * back that it does not leave the copy. */
typedef struct mover {
    uint64_t pad, outside;
    uint32_t from;      /* where the plane's rows for this strip begin */
    uint32_t top, body; /* bytes of the copy: above the image; of the image */
    uint32_t copy_bytes;
    uint32_t whole, last; /* bytes of the plane in whole words; where the last word begins */
    uint64_t rows;        /* of the last word: what belongs to rows */
    int fits;             /* the last word does not leave the copy */
} mover;

/* By how many columns a copy's words are moved. Bits that left their row, or came from a neighbour's, are not
 * kept but filled. */
typedef struct turn {
    uint64_t keep, fill;
    uint32_t left, right; /* columns, one of them 0 */
} turn;

static mover mover_of(const spb_layer *layer, uint32_t top, uint32_t copy_bytes) {
    uint32_t row_bytes = layer->in.row_bytes, copy_rows = copy_bytes / row_bytes;
    mover m = {.pad = layer->pad_bit ? ~(uint64_t)0 : 0, .copy_bytes = copy_bytes};
    m.outside = m.pad & ~repeat(low_bits(layer->in.width), row_bytes * 8);
    uint32_t above = layer->padding > top ? layer->padding - top : 0;
    uint32_t first = top > layer->padding ? top - layer->padding : 0;
    uint32_t rows = first < layer->in.height ? layer->in.height - first : 0;
    if (above > copy_rows)
        above = copy_rows;
    if (rows > copy_rows - above)
        rows = copy_rows - above;
    m.from = first * row_bytes;
    m.top = above * row_bytes;
    m.body = rows * row_bytes;
    m.whole = m.last = m.body & ~7u;
    if (m.whole < m.body && m.top + m.last + 8 > copy_bytes)
        m.last = copy_bytes > m.top + 8 ? copy_bytes - 8 - m.top : 0;
    m.rows = low_bits((m.body - m.last) * 8);
    m.fits = m.top + m.last + 8 <= copy_bytes;
    return m;
}

static turn turn_of(const mover *m, uint32_t lane, int shift) {
    turn t;
    t.left = shift < 0 ? (uint32_t)-shift : 0; /* below 7, the widest kernel, so below a lane */
    t.right = shift < 0 ? 0 : (uint32_t)shift;
    t.keep = repeat(low_bits(lane - t.right) & ~low_bits(t.left), lane);
    t.fill = m->pad & ~t.keep;
    return t;
}

/* A word of the plane, moved by `shift` columns where that is a constant, else by what the turn says. */
enum { AS_GIVEN = 99 };
SPB_INLINE uint64_t moved(const turn *t, uint64_t x, int shift) {
    if (shift == 0)
        return x;
    x = shift == -1 ? x << 1 : shift == 1 ? x >> 1 : x << t->left >> t->right;
    return (x & t->keep) | t->fill;
}

/* What lies in front of and behind the rows of `count` copies of every channel, and up to 7 bytes of the rows
 * and of the next copy: so all edges come before all rows. */
SPB_INLINE void fill_edges(const mover *m, int count, uint8_t *copy, uint32_t channels, uint32_t step) {
    const uint32_t top = m->top, bottom = (m->top + m->body) & ~7u, end = m->copy_bytes;
    const uint64_t pad = m->pad;
    if (top == 0 && bottom == end)
        return;
    if (top <= 8 && end - bottom <= 8) { /* without loops: small images have more channels than words */
        const size_t behind = bottom < end ? bottom : 0;
        for (uint32_t c = channels; c > 0; c--, copy += step) {
            SPB_UNROLL
            for (int i = 0; i < count; i++) {
                store64(copy + (size_t)i * end + behind, pad);
                store64(copy + (size_t)i * end, pad);
            }
        }
        return;
    }
    for (uint32_t c = 0; c < channels; c++, copy += step) {
        for (int i = 0; i < count; i++) {
            for (uint32_t at = 0; at < top; at += 8)
                store64(copy + (size_t)i * end + at, pad);
            for (uint32_t at = bottom; at < end; at += 8)
                store64(copy + (size_t)i * end + at, pad);
        }
    }
}

/* The rows of `count` copies of every channel, which lie behind each other; those of neighbouring channels
 * are `step` bytes apart. Three copies are those of the usual kernel, moved by -1, 0 and 1 columns; `padded`:
 * some bit is filled. */
SPB_INLINE void move_planes(const mover *given, const turn *turns, int count, int padded,
                            const uint8_t *restrict plane, uint32_t plane_bytes, uint8_t *restrict copy,
                            uint32_t channels, uint32_t step) {
    mover m = *given; /* no store can change it, nor these */
    turn t[3];
    SPB_UNROLL
    for (int i = 0; i < count; i++) {
        t[i] = turns[i];
        if (!padded)
            t[i].fill = 0;
    }
    if (!padded)
        m.pad = m.outside = 0;
    uint64_t behind = m.pad & ~m.rows;
    uint8_t *to = copy + m.top;
    for (uint32_t c = 0; c < channels; c++, plane += plane_bytes, to += step) {
        for (uint32_t at = 0; at < m.whole; at += 8) {
            uint64_t x = load64(plane + at) | m.outside;
            SPB_UNROLL
            for (int i = 0; i < count; i++)
                store64(to + (size_t)i * m.copy_bytes + at, moved(&t[i], x, count == 3 ? i - 1 : AS_GIVEN));
        }
        if (m.whole < m.body) {
            uint64_t x = load64(plane + m.last) | m.outside;
            SPB_UNROLL
            for (int i = 0; i < count; i++) {
                uint64_t y = (moved(&t[i], x, count == 3 ? i - 1 : AS_GIVEN) & m.rows) | behind;
                uint8_t *end = to + (size_t)i * m.copy_bytes + m.last;
                if (m.fits)
                    store64(end, y);
                else
                    memcpy(end, &y, m.body - m.last);
            }
        }
    }
}

/* The same for copies of a single word, the rows above included. */
SPB_INLINE void move_single(const mover *m, const turn *turns, int count, const uint8_t *restrict plane,
                            uint32_t plane_bytes, uint8_t *restrict copy, uint32_t channels, uint32_t step) {
    turn t[3];
    SPB_UNROLL
    for (int i = 0; i < count; i++)
        t[i] = turns[i];
    const uint64_t outside = m->outside, rows = m->top < 8 ? low_bits(m->body * 8) : 0;
    const uint32_t above = m->top < 8 ? m->top * 8 : 0;
    const uint64_t edges = m->pad & ~(rows << above);
    for (uint32_t c = 0; c < channels; c++, plane += plane_bytes, copy += step) {
        uint64_t x = load64(plane) | outside;
        SPB_UNROLL
        for (int i = 0; i < count; i++) {
            uint64_t y = moved(&t[i], x, count == 3 ? i - 1 : AS_GIVEN);
            store64(copy + 8 * i, ((y & rows) << above) | edges);
        }
    }
}

/* Copies first .. first + count - 1 of all channels: their edges, their rows, or both. */
enum { EDGES = 1, ROWS = 2 };
SPB_INLINE void move_copies(const spb_layer *layer, uint32_t top, uint32_t first, int count, int parts,
                            const uint8_t *in, uint8_t *prepared) {
    uint32_t copy_bytes = spb_copy_bytes(layer), step = layer->kernel_w * copy_bytes;
    uint32_t channels = layer->in.channels, plane_bytes = layer->in.plane_bytes;
    uint8_t *copy = prepared + (size_t)first * copy_bytes;
    const mover m = mover_of(layer, top, copy_bytes);
    turn t[3];
    if (parts & EDGES && copy_bytes != 8)
        fill_edges(&m, count, copy, channels, step);
    if (!(parts & ROWS))
        return;
    for (int i = 0; i < count; i++)
        t[i] = turn_of(&m, layer->in.row_bytes * 8, (int)first + i - (int)layer->padding);
    in += m.from;
    if (copy_bytes == 8) {
        move_single(&m, t, count, in, plane_bytes, copy, channels, step);
    } else if (layer->pad_bit) {
        move_planes(&m, t, count, 1, in, plane_bytes, copy, channels, step);
    } else {
        move_planes(&m, t, count, 0, in, plane_bytes, copy, channels, step);
    }
}

/* Rows of at most 64 bits, as wide in bytes as the output's, and stride 1. */
static void move_all(const spb_layer *layer, uint32_t top, const uint8_t *in, uint8_t *prepared) {
    if (layer->kernel_w == 3 && layer->padding == 1) {
        move_copies(layer, top, 0, 3, EDGES | ROWS, in, prepared);
        return;
    }
    for (uint32_t i = 0; i < layer->kernel_w; i++)
        move_copies(layer, top, i, 1, EDGES, in, prepared);
    for (uint32_t i = 0; i < layer->kernel_w; i++)
        move_copies(layer, top, i, 1, ROWS, in, prepared);
}

/* 64 pixels of a row from column x on; pad outside. */
static uint64_t fetch(const spb_layer *layer, const uint8_t *row, int32_t x) {
    uint64_t pad = layer->pad_bit ? ~(uint64_t)0 : 0;
    int32_t word = x >= 0 ? x / 64 : -((63 - x) / 64);
    uint32_t offset = (uint32_t)(x - word * 64);
    uint64_t part[2] = {pad, pad};
    for (int i = 0; i < 2; i++) {
        int32_t first = (word + i) * 64;
        if (first < 0 || first >= (int32_t)layer->in.width)
            continue;
        uint32_t left = layer->in.width - (uint32_t)first;
        uint64_t valid = low_bits(left), x64 = 0;
        memcpy(&x64, row + first / 8, layer->in.row_bytes < 8 ? layer->in.row_bytes : 8);
        part[i] = (x64 & valid) | (pad & ~valid);
    }
    return offset ? part[0] >> offset | part[1] << (64 - offset) : part[0];
}

static void store_row(uint8_t *to, uint64_t bits, uint32_t row_bytes) {
    switch (row_bytes) { /* constant sizes: single stores */
    case 1:
        to[0] = (uint8_t)bits;
        break;
    case 2:
        memcpy(to, &bits, 2);
        break;
    case 4:
        memcpy(to, &bits, 4);
        break;
    default:
        memcpy(to, &bits, 8);
    }
}

/* Stride 2, rows of up to 64 pixels: each row is parted once into its even and its odd columns; a copy takes
 * one of them, moved by (kx - padding) / 2 columns, rounded down. */
static void part_plane(const spb_layer *layer, const uint8_t *plane, uint32_t top, uint8_t *copies,
                       uint32_t copy_bytes) {
    uint64_t pad = layer->pad_bit ? ~(uint64_t)0 : 0, valid = low_bits(layer->in.width);
    uint32_t out_row = layer->out.row_bytes;
    memset(copies, layer->pad_bit ? 0xFF : 0, (size_t)layer->kernel_w * 2 * copy_bytes);
    for (uint32_t y = 2 * top > layer->padding ? 2 * top - layer->padding : 0; y < layer->in.height; y++) {
        uint32_t r = (y + layer->padding) / 2 - top, phase = (y + layer->padding) % 2;
        if ((r + 1) * out_row > copy_bytes)
            break; /* rows that no window of the strip reaches */
        uint64_t row = (load64(plane + (size_t)y * layer->in.row_bytes) & valid) | (pad & ~valid);
        uint64_t beyond = pad & ~low_bits(32);
        uint64_t part[2] = {spb_even_bits(row) | beyond, spb_even_bits(row >> 1) | beyond};
        for (uint32_t kx = 0; kx < layer->kernel_w; kx++) {
            int32_t shift = (int32_t)kx - (int32_t)layer->padding;
            uint64_t bits = part[shift & 1];
            if (shift < 0) {
                uint32_t by = (uint32_t)(1 - shift) / 2;
                bits = bits << by | (pad & low_bits(by));
            } else {
                uint32_t by = (uint32_t)shift / 2;
                bits = by ? bits >> by | pad << (64 - by) : bits;
            }
            store_row(copies + (size_t)(kx * 2 + phase) * copy_bytes + r * out_row, bits, out_row);
        }
    }
}

/* Everything else, row by row. */
static void gather_row(const spb_layer *layer, const uint8_t *row, uint8_t *to, int32_t shift) {
    uint32_t row_bytes = layer->out.row_bytes;
    for (uint32_t at = 0; at < row_bytes; at += 8) {
        int32_t x = (int32_t)(at * 8 * layer->stride) + shift;
        uint64_t bits = fetch(layer, row, x);
        if (layer->stride == 2)
            bits = spb_even_bits(bits) | spb_even_bits(fetch(layer, row, x + 64)) << 32;
        store_row(to + at, bits, row_bytes);
    }
}

static void gather_plane(const spb_layer *layer, const uint8_t *plane, uint32_t top, uint8_t *copy,
                         uint32_t copy_bytes, int32_t shift, uint32_t phase) {
    uint32_t rows = copy_bytes / layer->out.row_bytes;
    for (uint32_t r = 0; r < rows; r++) {
        int32_t y = (int32_t)((top + r) * layer->stride + phase) - (int32_t)layer->padding;
        uint8_t *to = copy + r * layer->out.row_bytes;
        if (y < 0 || y >= (int32_t)layer->in.height) {
            memset(to, layer->pad_bit ? 0xFF : 0, layer->out.row_bytes);
        } else {
            gather_row(layer, plane + (uint32_t)y * layer->in.row_bytes, to, shift);
        }
    }
}

/* All of the layer's input channels; one window, or a part of the layer that is one. */
static void prepare_window(const spb_layer *layer, const uint8_t *in, uint32_t top, uint8_t *prepared) {
    uint32_t copy_bytes = spb_copy_bytes(layer), stride = layer->stride, row_bytes = layer->in.row_bytes;
    uint32_t copies = layer->kernel_w * stride;
    uint8_t *at = prepared;
    if (stride == 1 && row_bytes == layer->out.row_bytes && row_bytes <= 8) {
        move_all(layer, top, in, prepared);
    } else {
        for (uint32_t c = 0; c < layer->in.channels; c++, in += layer->in.plane_bytes) {
            if (stride == 2 && row_bytes <= 8) {
                part_plane(layer, in, top, at, copy_bytes);
                at += copies * copy_bytes;
                continue;
            }
            for (uint32_t i = 0; i < copies; i++, at += copy_bytes) {
                int32_t shift = (int32_t)(i / stride) - (int32_t)layer->padding;
                gather_plane(layer, in, top, at, copy_bytes, shift, i % stride);
            }
        }
    }
}

static void prepare_windows(const spb_layer *layer, const uint8_t *in, uint32_t top, uint8_t *prepared,
                            uint32_t each, uint64_t zeros_at, uint32_t zeros_bytes) {
    spb_layer part = *layer;
    for (uint32_t c = 0; c < layer->in.channels; c += each) {
        uint32_t left = layer->in.channels - c;
        part.in.channels = left < each ? left : each;
        prepare_window(&part, in + (size_t)c * layer->in.plane_bytes, top, prepared);
        memset(prepared + zeros_at, 0, zeros_bytes);
        prepared += zeros_at + zeros_bytes;
    }
}

void spb_prepare_planes(const spb_layer *layer, const uint8_t *in, uint32_t top, uint8_t *prepared) {
    uint32_t each = spb_window_channels(layer), zeros_bytes = spb_zeros_bytes(layer);
    uint64_t zeros_at = spb_round_up(each * spb_channel_copies_bytes(layer), 64);
    if (each == layer->in.channels) { /* no copy of the layer */
        prepare_window(layer, in, top, prepared);
        memset(prepared + zeros_at, 0, zeros_bytes);
    } else {
        prepare_windows(layer, in, top, prepared, each, zeros_at, zeros_bytes);
    }
}
