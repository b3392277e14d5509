/* Fully connected from reals to logits. The sum of |w| of a row is at most 65,535, so that every part of a
 * sum stays inside int32. The float line is one multiplication and one addition, each rounded, as in head.c.
 */
#include <string.h>

#include "kernels.h"
#include "real_vector.h"

static int32_t sum_of(const int16_t *in, const int16_t *weights, size_t count) {
    int32_t sum = 0;
    size_t k = 0;
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
    int32x4_t low = vdupq_n_s32(0), high = low;
    for (size_t whole = count / 8 * 8; k < whole; k += 8) {
        int16x8_t x = vld1q_s16(in + k), w = vld1q_s16(weights + k);
        low = vmlal_s16(low, vget_low_s16(x), vget_low_s16(w));
        high = vmlal_s16(high, vget_high_s16(x), vget_high_s16(w));
    }
    int32_t parts[4];
    vst1q_s32(parts, vaddq_s32(low, high));
    sum = parts[0] + parts[1] + parts[2] + parts[3];
#endif
    for (; k < count; k++)
        sum += weights[k] * in[k];
    return sum;
}

static float read_float(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

void spb_real_head(const spb_layer *layer, const int16_t *in, int32_t *sums, float *logits) {
    size_t outputs = layer->out.channels;
    size_t inputs = (size_t)layer->in.channels * layer->in.height * layer->in.width;
    const int16_t *weights = (const int16_t *)(const void *)layer->weights;
    const uint8_t *scale = layer->weights + spb_real_head_bytes(layer), *bias = scale + 4 * outputs;
    for (size_t o = 0; o < outputs; o++, weights += inputs) {
        sums[o] = sum_of(in, weights, inputs);
        volatile float product = read_float(scale + 4 * o) * (float)sums[o];
        logits[o] = product + read_float(bias + 4 * o);
    }
}
