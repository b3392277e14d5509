/* Shifted PReLU: d = sat(x + before), y = sat((d >= 0 ? d : (slope d + 2^13) >> 14) + after). The output may
 * be the input's place.
 *
 * What is below 0 is not cut to 16 bits before `after` is added: 2^16 is reached where slope and d are
 * -2^15. */
#include "kernels.h"
#include "real_vector.h"

void spb_prelu(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const int16_t *before = (const int16_t *)(const void *)layer->weights;
    size_t channels = layer->out.channels, rows = layer->weight_rows,
           pixels = (size_t)layer->out.height * layer->out.width;
    for (size_t c = 0; c < channels; c++, in += pixels, out += pixels) {
        const real_vector shift = real_splat(before[c]);
        int16_t slope = before[rows + c], after = before[2 * rows + c];
        size_t i = 0, whole = pixels / REAL_LANES * REAL_LANES;
        for (; i < whole; i += REAL_LANES)
            real_store(out + i, real_prelu(real_add(real_load(in + i), shift), slope, after));
        if (i < pixels) {
            real_vector y = real_prelu(real_add(real_load_part(in + i, pixels - i), shift), slope, after);
            real_store_part(out + i, y, pixels - i);
        }
    }
}
