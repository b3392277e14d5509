/* 2x2 maximum on bit-planes: OR of the four bits, AND in channels whose threshold turns the order round.
 *
 *     v = row 2y | row 2y + 1      AND is OR between two inversions: m inverts what goes in and what comes
 * out v = v | v >> 1               bit 2x now holds the answer the even bits of v, together
 *
 * All rows of a plane lie one after the other, and so do those of the result: where an output row is half as
 * wide as an input row, whole vectors are halved without looking at rows. They are taken apart once, into
 * even and odd rows.
 *
 * The limit, for 32 bytes of input on NEON: 2 loads that take rows apart, 3 for the rows, 2 for the columns,
 * 6 for the even bits of bytes, 2 for narrowing, 2 for inverting and the columns' mask, 1 store. A pool of
 * VGG-small reads 16 kB at most, so that this is some 10,000 instructions beside millions of a convolution.
 *
 * Rows without a pair and columns without one are dropped; bits behind the last pixel are 0 on both sides.
 */
#include <string.h>

#include "even_bits.h"
#include "kernels.h"
#include "pool_vector.h"

static uint64_t low_bits(uint32_t count) { return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1; }

static uint64_t load_row(const uint8_t *row, uint32_t bytes) {
    uint64_t x = 0;
    memcpy(&x, row, bytes < 8 ? bytes : 8);
    return x;
}

/* One row of output, of any width. */
static void pool_row(const spb_tensor *in, const spb_tensor *out, const uint8_t *rows, uint8_t *to,
                     uint64_t invert) {
    for (uint32_t x = 0; x < out->width; x += 64) {
        uint64_t bits = 0;
        for (uint32_t half = 0; half < 2; half++) {
            uint32_t at = x / 4 + half * 8; /* 2 x pixels of input are x / 4 bytes */
            if (at >= in->row_bytes)
                break;
            uint64_t v = (load_row(rows + at, in->row_bytes) ^ invert) |
                         (load_row(rows + in->row_bytes + at, in->row_bytes) ^ invert);
            bits |= spb_even_bits(v | v >> 1) << 32 * half;
        }
        bits = (bits ^ invert) & low_bits(out->width - x);
        memcpy(to + x / 8, &bits, out->row_bytes < 8 ? out->row_bytes : 8);
    }
}

static void pool_rows(const spb_tensor *in, const spb_tensor *out, const uint8_t *plane, uint8_t *to,
                      uint64_t invert) {
    for (uint32_t y = 0; y < out->height; y++)
        pool_row(in, out, plane + 2 * y * in->row_bytes, to + y * out->row_bytes, invert);
    uint32_t used = out->height * out->row_bytes;
    memset(to + used, 0, out->plane_bytes - used);
}

/* What is the same for all channels where a plane is halved in steps of POOL_BYTES of input. */
typedef struct steps {
    uint32_t count, step_bytes, plane_bytes; /* of output */
    uint32_t excess; /* where a last row without a pair makes one too many; 0: nowhere */
    uint64_t valid;  /* bits of 8 bytes of output that are pixels' columns */
} steps;

static steps steps_of(const spb_tensor *in, const spb_tensor *out) {
    steps s = {.step_bytes = in->row_bytes == 1 ? POOL_BYTES / 2 : POOL_BYTES / 4};
    uint32_t used = out->height * out->row_bytes;
    s.count = (used + s.step_bytes - 1) / s.step_bytes;
    s.plane_bytes = out->plane_bytes;
    s.excess = in->height % 2 && used < out->plane_bytes ? used : 0;
    s.valid = low_bits(out->width);
    for (uint32_t bits = out->row_bytes * 8; bits < 64; bits *= 2)
        s.valid |= s.valid << bits;
    return s;
}

static uint64_t invert_of(const spb_layer *layer, uint32_t channel) {
    return 0 - (uint64_t)(layer->weights[channel / 8] >> channel % 8 & 1);
}

/* All planes of a layer whose rows have `row_bytes` bytes. */
#define POOL_PLANES(row_bytes)                                                                               \
    static void pool_planes_##row_bytes(const spb_layer *layer, const uint8_t *in, uint8_t *out) {           \
        const uint32_t in_bytes = layer->in.plane_bytes, channels = layer->out.channels;                     \
        const steps s = steps_of(&layer->in, &layer->out);                                                   \
        const pool_mask valid = pool_splat(s.valid);                                                         \
        memset(out, 0, (size_t)channels *s.plane_bytes); /* at once: in the loop a call for each channel */  \
        for (uint32_t c = 0; c < channels; c++, in += in_bytes, out += s.plane_bytes) {                      \
            pool_mask invert = pool_splat(invert_of(layer, c));                                              \
            for (uint32_t i = 0; i < s.count; i++)                                                           \
                pool_##row_bytes(in + i * POOL_BYTES, out + i * s.step_bytes, invert, valid);                \
            if (s.excess)                                                                                    \
                memset(out + s.excess, 0, row_bytes == 1 ? 1 : row_bytes / 2);                               \
        }                                                                                                    \
    }
POOL_PLANES(1)
POOL_PLANES(2)
POOL_PLANES(4)
POOL_PLANES(8)
#undef POOL_PLANES

void spb_max_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    if (from->row_bytes == 1) {
        pool_planes_1(layer, in, out);
    } else if (from->row_bytes == 2 && to->row_bytes == 1) {
        pool_planes_2(layer, in, out);
    } else if (from->row_bytes == 4 && to->row_bytes == 2) {
        pool_planes_4(layer, in, out);
    } else if (from->row_bytes == 8 && to->row_bytes == 4) {
        pool_planes_8(layer, in, out);
    } else {
        for (uint32_t c = 0; c < to->channels; c++, in += from->plane_bytes, out += to->plane_bytes)
            pool_rows(from, to, in, out, invert_of(layer, c));
    }
}
