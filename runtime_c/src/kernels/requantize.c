/* Sums of a binary convolution to reals: the channel's batch-norm, then the shortcut.
 *
 * The limit, for 8 sums on AArch64: 2 loads, 2 copies of the bias, 2 SMLAL, 2 SSHL, 2 SQXTN, SQADD, a store.
 */
#include "requantize.h"

#include "real_vector.h"

SPB_INLINE void run(const real_scale *s, const int16_t *sums, size_t count, const int16_t *addend,
                    int16_t *to, int adds) {
    size_t i = 0, whole = count / REAL_LANES * REAL_LANES;
    for (; i < whole; i += REAL_LANES) {
        real_vector y = real_requantize(s, real_load(sums + i));
        real_store(to + i, adds ? real_add(y, real_load(addend + i)) : y);
    }
    if (i < count) {
        real_vector y = real_requantize(s, real_load_part(sums + i, count - i));
        real_store_part(to + i, adds ? real_add(y, real_load_part(addend + i, count - i)) : y, count - i);
    }
}

void spb_requantize(const spb_layer *layer, uint32_t channel, const int16_t *sums, size_t count,
                    const int16_t *addend, int16_t *to) {
    const real_scale s =
        real_scale_of(layer->multiplier[channel], layer->bias[channel], layer->shift[channel]);
    if (addend) {
        run(&s, sums, count, addend, to, 1);
    } else {
        run(&s, sums, count, to, to, 0);
    }
}
