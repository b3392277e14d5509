/* Two tensors to one: their sum, or the channels of both. */
#include <string.h>

#include "kernels.h"
#include "real_vector.h"

/* sat(x + y); the output may be either's place. */
void spb_add(const spb_layer *layer, const int16_t *in, const int16_t *second, int16_t *out) {
    size_t count = (size_t)spb_sum_count(layer), left = count % REAL_WIDE;
    SPB_ROLLED
    for (size_t i = count / REAL_WIDE; i > 0; i--, in += REAL_WIDE, second += REAL_WIDE, out += REAL_WIDE)
        real_wide_store(out, real_wide_add(real_wide_load(in), real_wide_load(second)));
    if (left >= REAL_LANES) {
        real_store(out, real_add(real_load(in), real_load(second)));
        in += REAL_LANES, second += REAL_LANES, out += REAL_LANES, left -= REAL_LANES;
    }
    if (left > 0)
        real_store_part(out, real_add(real_load_part(in, left), real_load_part(second, left)), left);
}

void spb_concat(const spb_layer *layer, const uint8_t *in, const uint8_t *second, uint8_t *out) {
    size_t first = (size_t)spb_output_bytes(layer, layer->in.channels);
    size_t all = (size_t)spb_output_bytes(layer, layer->out.channels);
    memcpy(out, in, first);
    memcpy(out + first, second, all - first);
}
