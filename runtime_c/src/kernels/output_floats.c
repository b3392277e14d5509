/* What a network that ends in a binary convolution delivers as floats.
 *
 * One multiplication and one addition, each rounded, as in head.c: a fused multiply-add rounds once and would
 * give other floats on a machine that has it, so the product goes through a volatile.
 */
#include <string.h>

#include "kernels.h"

static float read_float(const uint8_t *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

void spb_output_floats(const spb_layer *layer, const uint8_t *sums, float *floats) {
    size_t pixels = (size_t)layer->out.height * layer->out.width, channels = layer->out.channels;
    for (size_t c = 0; c < channels; c++) {
        float scale = layer->scales ? read_float(layer->scales + 4 * c) : 1.0f;
        float bias = layer->scales ? read_float(layer->scales + 4 * (channels + c)) : 0.0f;
        for (size_t i = c * pixels; i < (c + 1) * pixels; i++) {
            int32_t sum = layer->output == SPB_OUTPUT_INT16 ? ((const int16_t *)(const void *)sums)[i]
                                                            : ((const int32_t *)(const void *)sums)[i];
            volatile float product = scale * (float)sum;
            floats[i] = layer->scales ? product + bias : (float)sum;
        }
    }
}
