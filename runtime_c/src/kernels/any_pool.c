/* Maximum of any windows on bit-planes: OR of the kernel's rows, then of its columns, then each stride-th
 * bit; AND is OR between two inversions. Outside the image is 0 on the inverted side too, so that nothing of
 * it wins.
 *
 *     line    padding zeros, then the pixels of the rows that the windows have, united
 *     output  bit x = line bits x * stride .. x * stride + kernel - 1, united
 *
 * Where a line with its padding fits 64 bits, as in nearly all networks, it is one word.
 */
#include <string.h>

#include "../word.h"
#include "even_bits.h"
#include "kernels.h"

enum { LINE_MAX = 1024 + 2 * 3 + 6, LINE_WORDS = LINE_MAX / 64 + 4 }; /* padding; a last window's more */

typedef struct line {
    uint64_t words[LINE_WORDS];
} line;

static uint64_t low_bits(uint32_t count) { return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1; }

/* What is behind the row is the next one, or may be read. */
static uint64_t load_row(const uint8_t *row) {
    uint64_t bits;
    memcpy(&bits, row, sizeof bits);
    return bits;
}

/* Up to 64 bits of a row; its bytes are few numbers, and each a constant. */
static void store_row(uint8_t *row, uint64_t bits, uint32_t row_bytes) {
    switch (row_bytes) {
    case 1:
        *row = (uint8_t)bits;
        break;
    case 2:
        memcpy(row, &bits, 2);
        break;
    case 4:
        memcpy(row, &bits, 4);
        break;
    default:
        memcpy(row, &bits, 8);
    }
}

/* 64 bits of the line from bit `at` on. */
static uint64_t fetch(const line *l, uint32_t at) {
    uint64_t low = l->words[at / 64] >> at % 64;
    return at % 64 ? low | l->words[at / 64 + 1] << (64 - at % 64) : low;
}

static void unite_row(const spb_tensor *t, const uint8_t *row, uint32_t padding, uint64_t invert, line *l) {
    for (uint32_t x = 0; x < t->width; x += 64) {
        uint32_t at = (x + padding) / 64, shift = (x + padding) % 64;
        uint64_t bits = (load_row(row + x / 8) ^ invert) & low_bits(t->width - x);
        l->words[at] |= bits << shift;
        if (shift)
            l->words[at + 1] |= bits >> (64 - shift);
    }
}

/* The windows that begin at 64 bits of the line. */
static uint64_t windows(const line *l, uint32_t at, uint32_t kernel) {
    uint64_t bits = 0;
    for (uint32_t k = 0; k < kernel; k++)
        bits |= fetch(l, at + k);
    return bits;
}

static uint64_t output_bits(const spb_layer *layer, const line *l, uint32_t x, uint32_t count) {
    uint32_t kernel = layer->kernel_w, stride = layer->stride;
    uint64_t bits = 0;
    if (stride == 1)
        return windows(l, x, kernel);
    if (stride == 2)
        return spb_even_bits(windows(l, 2 * x, kernel)) |
               (count > 32 ? spb_even_bits(windows(l, 2 * x + 64, kernel)) << 32 : 0);
    for (uint32_t i = 0; i < count; i++)
        bits |= (uint64_t)((windows(l, (x + i) * stride, kernel) & 1) << i);
    return bits;
}

/* A row of the output whose line fits a word, which has the rows [first, end) of the input: 1 to `kernel`.
 * Three are the usual number, and fewer are as many, the last one again. */
SPB_INLINE uint64_t short_row(const spb_layer *layer, const uint8_t *in, uint32_t first, uint32_t end,
                              uint64_t invert, uint32_t kernel, uint32_t stride) {
    const size_t row_bytes = layer->in.row_bytes, count = end - first;
    const uint8_t *row = in + first * row_bytes, *second = count > 1 ? row + row_bytes : row;
    const uint8_t *third = count > 2 ? second + row_bytes : second;
    uint64_t united = (load_row(row) ^ invert) | (load_row(second) ^ invert) | (load_row(third) ^ invert);
    uint64_t bits;
    for (size_t y = 3; kernel > 3 && y < count; y++)
        united |= load_row(row + y * row_bytes) ^ invert;
    united = (united & low_bits(layer->in.width)) << layer->padding;
    bits = united;
    for (uint32_t k = 1; k < kernel; k++)
        bits |= united >> k;
    if (stride == 2)
        return spb_even_bits(bits);
    if (stride == 1)
        return bits;
    united = bits, bits = 0;
    for (uint32_t x = 0; x < layer->out.width; x++)
        bits |= (united >> x * stride & 1) << x;
    return bits;
}

static void long_row(const spb_layer *layer, const uint8_t *in, uint32_t first, uint32_t end, uint64_t invert,
                     uint8_t *row) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    line l;
    memset(&l, 0, sizeof l);
    for (; first < end; first++)
        unite_row(from, in + first * (size_t)from->row_bytes, layer->padding, invert, &l);
    for (uint32_t x = 0; x < to->width; x += 64) {
        uint32_t count = to->width - x < 64 ? to->width - x : 64;
        uint64_t bits = (output_bits(layer, &l, x, count) ^ invert) & low_bits(count);
        store_row(row + x / 8, bits, to->row_bytes);
    }
}

void spb_any_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    uint32_t kernel = layer->kernel_w, stride = layer->stride, padding = layer->padding;
    int is_short = from->width + 2 * padding <= 64;
    uint64_t pixels = low_bits(to->width);
    memset(out, 0, (size_t)to->channels * to->plane_bytes);
    for (uint32_t c = 0; c < to->channels; c++, in += from->plane_bytes, out += to->plane_bytes) {
        uint64_t invert = 0 - (uint64_t)(layer->weights[c / 8] >> c % 8 & 1);
        uint8_t *row = out;
        for (uint32_t y = 0; y < to->height; y++, row += to->row_bytes) {
            uint32_t top = y * stride, first = top > padding ? top - padding : 0;
            uint32_t end = top + layer->kernel_h - padding;
            end = end < from->height ? end : from->height;
            if (!is_short) {
                long_row(layer, in, first, end, invert, row);
            } else if (kernel == 3 && stride == 2) { /* the usual one: constants */
                store_row(row, (short_row(layer, in, first, end, invert, 3, 2) ^ invert) & pixels,
                          to->row_bytes);
            } else {
                uint64_t bits = short_row(layer, in, first, end, invert, kernel, stride) ^ invert;
                store_row(row, bits & pixels, to->row_bytes);
            }
        }
    }
}
