/* Fully connected from reals to logits. The sum of |w| of a row is at most 65,535, so that every part of a
 * sum stays inside int32. The float line is one multiplication and one addition, each rounded, as in head.c.
 */
#include <string.h>

#include "kernels.h"
#include "real_vector.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
typedef struct half_sums {
    int32x4_t low, high;
} half_sums;

SPB_INLINE void add_products(half_sums *sums, real_vector x, real_vector w) {
    sums->low = vmlal_s16(sums->low, vget_low_s16(x), vget_low_s16(w));
    sums->high = vmlal_s16(sums->high, vget_high_s16(x), vget_high_s16(w));
}
#endif

/* Moves `row` on: of an address made anew for each row clang makes an index, which a load of two does not
 * take. */
SPB_INLINE int32_t sum_of(const int16_t *in, const int16_t **row, size_t count) {
    const int16_t *weights = *row;
    int32_t sum = 0;
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
    enum { TWO = 2 * REAL_LANES };
    half_sums sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    SPB_ROLLED
    for (size_t i = count / TWO; i > 0; i--, in += TWO, weights += TWO) {
        int16x8x2_t x = real_load_both(in), w = real_load_both(weights);
        add_products(&sums, x.val[0], w.val[0]);
        add_products(&sums, x.val[1], w.val[1]);
    }
    count %= TWO;
    if (count >= REAL_LANES) {
        add_products(&sums, real_load(in), real_load(weights));
        in += REAL_LANES, weights += REAL_LANES, count -= REAL_LANES;
    }
    int32_t parts[4];
    vst1q_s32(parts, vaddq_s32(sums.low, sums.high));
    sum = parts[0] + parts[1] + parts[2] + parts[3];
#endif
    SPB_ROLLED
    for (; count > 0; count--)
        sum += *weights++ * *in++;
    *row = weights;
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
    for (size_t o = 0; o < outputs; o++) {
        sums[o] = sum_of(in, &weights, inputs);
        volatile float product = read_float(scale + 4 * o) * (float)sums[o];
        logits[o] = product + read_float(bias + 4 * o);
    }
}
