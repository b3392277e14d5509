/* Two tensors to one: their sum, or the channels of both. */
#include <string.h>

#include "kernels.h"
#include "real_vector.h"

/* sat(x + y); the output may be either's place. */
void spb_add(const spb_layer *layer, const int16_t *in, const int16_t *second, int16_t *out) {
    size_t count = (size_t)spb_sum_count(layer), whole = count / REAL_LANES * REAL_LANES, i = 0;
    for (; i < whole; i += REAL_LANES)
        real_store(out + i, real_add(real_load(in + i), real_load(second + i)));
    if (i < count)
        real_store_part(out + i,
                        real_add(real_load_part(in + i, count - i), real_load_part(second + i, count - i)),
                        count - i);
}

void spb_concat(const spb_layer *layer, const uint8_t *in, const uint8_t *second, uint8_t *out) {
    size_t first = (size_t)spb_output_bytes(layer, layer->in.channels);
    size_t all = (size_t)spb_output_bytes(layer, layer->out.channels);
    memcpy(out, in, first);
    memcpy(out + first, second, all - first);
}
