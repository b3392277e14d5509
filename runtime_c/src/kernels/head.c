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

/* Only the bytes that hold rows are read, up to the next whole vector: the rest of a plane is 0. */
static uint32_t count_and(const spb_tensor *t, const uint8_t *a, const uint8_t *w) {
    uint32_t used = t->height * t->row_bytes, total = 0;
    spb_bits counts = spb_bits_zero();
    int room = SPB_COUNT_LIMIT;
    for (uint32_t c = 0; c < t->channels; c++, a += t->plane_bytes, w += t->plane_bytes) {
        for (uint32_t at = 0; at < used; at += SPB_BITS_BYTES) {
            spb_bits both = spb_bits_and(spb_bits_load(a + at), spb_bits_load(w + at));
            counts = spb_bits_add(counts, spb_bits_count(both));
            if (--room == 0) {
                total += spb_bits_total(counts);
                counts = spb_bits_zero();
                room = SPB_COUNT_LIMIT;
            }
        }
    }
    return total + spb_bits_total(counts);
}

static float read_float(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

void spb_head(const spb_layer *layer, const uint8_t *in, int32_t *sums, float *logits) {
    const spb_tensor *t = &layer->in;
    size_t plane_set = (size_t)t->channels * t->plane_bytes, outputs = layer->out.channels;
    uint32_t bit_count = layer->weights[0];
    const uint8_t *planes = layer->weights + 16;
    const uint8_t *scale = planes + outputs * bit_count * plane_set;
    const uint8_t *bias = scale + 4 * outputs, *weight_sum = bias + 4 * outputs;
    for (size_t o = 0; o < outputs; o++) {
        uint32_t sum = 0, offset; /* unsigned: a hostile weight_sum wraps, it does not trap */
        for (uint32_t j = 0; j < bit_count; j++, planes += plane_set) {
            uint32_t part = count_and(t, in, planes) << j;
            sum = j + 1 == bit_count ? sum - part : sum + part;
        }
        memcpy(&offset, weight_sum + 4 * o, sizeof offset);
        sum = 2 * sum - offset;
        memcpy(&sums[o], &sum, sizeof sum);
        volatile float product = read_float(scale + 4 * o) * (float)sums[o];
        logits[o] = product + read_float(bias + 4 * o);
    }
}
