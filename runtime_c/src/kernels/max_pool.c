/* 2x2 maximum on bit-planes: OR of the four bits, AND in channels whose threshold turns the order round.
 *
 *     v = row 2y op row 2y + 1        64 pixels at once
 *     v = v op (v >> 1)               bit 2x now holds the answer
 *     the even bits of v, together    32 pixels of output
 *
 * Rows of 16 to 64 bits whose output rows are half as wide, the usual case, take 16 bytes of input at a time,
 * which are several rows of small images; anything else goes row by row.
 */
#include <string.h>

#include "even_bits.h"
#include "kernels.h"

static uint64_t load64(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static uint64_t combine(uint64_t a, uint64_t b, uint64_t is_and) { return ((a | b) & ~is_and) | (a & b); }

static uint64_t low_bits(uint32_t count) { return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1; }

static uint64_t load_row(const uint8_t *row, uint32_t bytes) {
    uint64_t x = 0;
    memcpy(&x, row, bytes < 8 ? bytes : 8);
    return x;
}

/* One row of output. `is_and` is all ones or 0. */
static void pool_row(const spb_tensor *in, const spb_tensor *out, const uint8_t *rows, uint8_t *to,
                     uint64_t is_and) {
    for (uint32_t x = 0; x < out->width; x += 64) {
        uint64_t bits = 0;
        for (uint32_t half = 0; half < 2; half++) {
            uint32_t at = x / 4 + half * 8; /* 2 x pixels of input are x / 4 bytes */
            if (at >= in->row_bytes)
                break;
            uint64_t v = combine(load_row(rows + at, in->row_bytes),
                                 load_row(rows + in->row_bytes + at, in->row_bytes), is_and);
            bits |= spb_even_bits(combine(v, v >> 1, is_and)) << 32 * half;
        }
        bits &= low_bits(out->width - x);
        memcpy(to + x / 8, &bits, out->row_bytes < 8 ? out->row_bytes : 8);
    }
}

/* 16 bytes of whole rows -> the rows' pairs combined, 8 bytes, in order. */
static uint64_t combine_rows(uint64_t low, uint64_t high, uint32_t row_bits, uint64_t is_and) {
    if (row_bits == 64)
        return combine(low, high, is_and);
    low = combine(low, low >> row_bits, is_and);
    high = combine(high, high >> row_bits, is_and);
    if (row_bits == 16) { /* lanes 0 and 2 of each word hold the answers */
        low = (low & 0xFFFFu) | (low >> 16 & 0xFFFF0000u);
        high = (high & 0xFFFFu) | (high >> 16 & 0xFFFF0000u);
    }
    return (low & 0xFFFFFFFFu) | high << 32;
}

static void pool_plane(const spb_tensor *in, const spb_tensor *out, const uint8_t *plane, uint8_t *to,
                       uint64_t is_and) {
    uint32_t y = 0;
    if (in->row_bytes >= 2 && in->row_bytes <= 8 && out->row_bytes * 2 == in->row_bytes) {
        uint32_t rows = 8 / in->row_bytes, lane = out->row_bytes * 8;
        uint64_t valid = low_bits(out->width);
        for (uint32_t bits = lane; bits < 32; bits *= 2)
            valid |= valid << bits;
        for (; y + rows <= out->height; y += rows) {
            const uint8_t *from = plane + 2 * y * in->row_bytes;
            uint64_t v = combine_rows(load64(from), load64(from + 8), in->row_bytes * 8, is_and);
            uint32_t bits = (uint32_t)(spb_even_bits(combine(v, v >> 1, is_and)) & valid);
            memcpy(to + y * out->row_bytes, &bits, sizeof bits);
        }
    }
    for (; y < out->height; y++)
        pool_row(in, out, plane + 2 * y * in->row_bytes, to + y * out->row_bytes, is_and);
    uint32_t used = out->height * out->row_bytes;
    memset(to + used, 0, out->plane_bytes - used);
}

void spb_max_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out) {
    for (uint32_t c = 0; c < layer->out.channels; c++) {
        uint64_t is_and = layer->weights[c / 8] >> c % 8 & 1 ? ~(uint64_t)0 : 0;
        pool_plane(&layer->in, &layer->out, in + (size_t)c * layer->in.plane_bytes,
                   out + (size_t)c * layer->out.plane_bytes, is_and);
    }
}
