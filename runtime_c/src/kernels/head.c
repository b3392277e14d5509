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

/* Bits one after the other: words, and the one that is not full yet. */
typedef struct bit_row {
    uint8_t *to;
    flat_word word;
    uint32_t filled; /* below FLAT_BITS */
} bit_row;

/* The lower `count` bits, 1 or more, of `bits`, which has no other. */
SPB_INLINE void append(bit_row *r, flat_word bits, uint32_t count) {
    r->word |= bits << r->filled;
    r->filled += count;
    if (r->filled < FLAT_BITS)
        return;
    memcpy(r->to, &r->word, sizeof r->word);
    r->to += sizeof r->word;
    r->filled -= FLAT_BITS;
    r->word = r->filled ? bits >> (count - r->filled) : 0;
}

SPB_INLINE flat_word load_flat(const uint8_t *p) {
    flat_word x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* The pixels of all planes; `whole`: of each row's, those in words of nothing else in front of the last. */
SPB_INLINE void append_planes(bit_row *to, const spb_tensor *t, const uint8_t *in, uint32_t whole) {
    const uint32_t last = t->width - whole, channels = t->channels;
    const size_t plane_bytes = t->plane_bytes, row_bytes = t->row_bytes, rows_bytes = t->height * row_bytes;
    const flat_word mask = ~(flat_word)0 >> (FLAT_BITS - last);
    bit_row r = *to;
    for (uint32_t c = 0; c < channels; c++, in += plane_bytes) {
        const uint8_t *row = in, *end = in + rows_bytes;
        for (; row < end; row += row_bytes) {
            for (uint32_t x = 0; x < whole; x += FLAT_BITS)
                append(&r, load_flat(row + x / 8), FLAT_BITS);
            append(&r, load_flat(row + whole / 8) & mask, last); /* may reach into the next row */
        }
    }
    *to = r;
}

/* The pixels of all planes in one row of bits, as torch.flatten orders them, zeros behind: images at the end
 * of a network are small, and most of a plane is no pixel. Returns the bytes written. */
static uint32_t flatten(const spb_tensor *t, const uint8_t *in, uint8_t *flat) {
    bit_row r = {flat, 0, 0};
    if (t->width <= FLAT_BITS) { /* a constant */
        append_planes(&r, t, in, 0);
    } else {
        append_planes(&r, t, in, (t->width - 1) / FLAT_BITS * FLAT_BITS);
    }
    uint32_t bytes = (uint32_t)spb_head_bytes(t);
    for (; r.to < flat + bytes; r.to += sizeof r.word, r.word = 0)
        memcpy(r.to, &r.word, sizeof r.word);
    return bytes;
}

static uint32_t count_and(const uint8_t *a, const uint8_t *w, uint32_t bytes) {
    const uint32_t words = bytes / SPB_BITS_BYTES;
    uint32_t total = 0;
    for (uint32_t done = 0, some; done < words; done += some) {
        spb_bits counts = spb_bits_zero();
        some = words - done < SPB_COUNT_LIMIT ? words - done : SPB_COUNT_LIMIT;
        SPB_ROLLED
        for (uint32_t i = some; i > 0; i--, a += SPB_BITS_BYTES, w += SPB_BITS_BYTES)
            counts = spb_bits_add(counts, spb_bits_count(spb_bits_and(spb_bits_load(a), spb_bits_load(w))));
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
