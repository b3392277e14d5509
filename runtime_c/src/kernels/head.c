/* Fully connected from bits to logits, with weights of 2 to 8 bits in bit-planes.
 *
 * With a = 2 A - 1 and w = sum_j c_j W_j (two's complement: c_j = 2^j, the last -2^j):
 *
 *     sum w a = 2 sum_j c_j popcount(A & W_j) - sum w
 *
 * The integer is exact. The float line is one multiplication and one addition, each rounded: a fused
 * multiply-add rounds once and would give other logits on AArch64 than on a board without one. Compilers fuse
 * by default (contraction), so the product goes through a volatile, which also drops excess precision.
 */
#include <string.h>

#include "bit_count.h"
#include "kernels.h"

/* What a core shifts in one instruction. */
typedef uintptr_t flat_word;
enum { FLAT_BITS = 8 * sizeof(flat_word) };

/* The pixels of all planes in one row of bits, as torch.flatten orders them, zeros behind: images at the end
 * of a network are small, and most of a plane is no pixel. Returns the bytes written. */
static uint32_t flatten(const spb_tensor *t, const uint8_t *in, uint8_t *flat) {
    flat_word word = 0;
    uint32_t filled = 0, at = 0;
    for (uint32_t c = 0; c < t->channels; c++) {
        for (uint32_t y = 0; y < t->height; y++) {
            const uint8_t *row = in + (size_t)c * t->plane_bytes + (size_t)y * t->row_bytes;
            for (uint32_t x = 0; x < t->width; x += FLAT_BITS) {
                uint32_t count = t->width - x < FLAT_BITS ? t->width - x : FLAT_BITS;
                flat_word bits;
                memcpy(&bits, row + x / 8, sizeof bits); /* may reach into the next row */
                if (count < FLAT_BITS)
                    bits &= ((flat_word)1 << count) - 1;
                word |= bits << filled;
                if (filled + count < FLAT_BITS) {
                    filled += count;
                    continue;
                }
                memcpy(flat + at, &word, sizeof word);
                at += sizeof word;
                word = filled ? bits >> (FLAT_BITS - filled) : 0;
                filled = filled + count - FLAT_BITS;
            }
        }
    }
    uint32_t bytes = (uint32_t)spb_head_bytes(t);
    for (; at < bytes; at += sizeof word, word = 0)
        memcpy(flat + at, &word, sizeof word);
    return bytes;
}

static uint32_t count_and(const uint8_t *a, const uint8_t *w, uint32_t bytes) {
    uint32_t total = 0;
    for (uint32_t at = 0, end; at < bytes; at = end) {
        spb_bits counts = spb_bits_zero();
        end = bytes - at > SPB_COUNT_LIMIT * SPB_BITS_BYTES ? at + SPB_COUNT_LIMIT * SPB_BITS_BYTES : bytes;
        for (uint32_t i = at; i < end; i += SPB_BITS_BYTES)
            counts = spb_bits_add(counts,
                                  spb_bits_count(spb_bits_and(spb_bits_load(a + i), spb_bits_load(w + i))));
        total += spb_bits_total(counts);
    }
    return total;
}

static float read_float(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

void spb_head(const spb_layer *layer, const uint8_t *in, uint8_t *scratch, int32_t *sums, float *logits) {
    uint32_t bytes = flatten(&layer->in, in, scratch), bit_count = layer->weights[0];
    size_t outputs = layer->out.channels;
    const uint8_t *plane = layer->weights + 16;
    const uint8_t *scale = plane + outputs * bit_count * bytes;
    const uint8_t *bias = scale + 4 * outputs, *weight_sum = bias + 4 * outputs;
    for (size_t o = 0; o < outputs; o++) {
        uint32_t sum = 0, offset; /* unsigned: a hostile weight_sum wraps, it does not trap */
        for (uint32_t j = 0; j < bit_count; j++, plane += bytes) {
            uint32_t part = count_and(scratch, plane, bytes) << j;
            sum = j + 1 == bit_count ? sum - part : sum + part;
        }
        memcpy(&offset, weight_sum + 4 * o, sizeof offset);
        sum = 2 * sum - offset;
        memcpy(&sums[o], &sum, sizeof sum);
        volatile float product = read_float(scale + 4 * o) * (float)sums[o];
        logits[o] = product + read_float(bias + 4 * o);
    }
}
