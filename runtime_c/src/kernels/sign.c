/* Reals to bits: one comparison a channel.
 *
 * x >= t and x <= t, which is not x >= t + 1, with t of 32 bits: where no number of int16 reaches the limit,
 * or every one does, the limit is the least of them, which all reach, and the bit is turned round.
 *
 * The limit, for 8 numbers on AArch64: a load, CMGE, AND, ADDV, a store of a byte; a bit of the output is
 * turned round where the comparison asks for it, by one EOR of the byte.
 */
#include <string.h>

#include "kernels.h"
#include "limit.h"
#include "real_vector.h"

static void sign_row(const int16_t *in, uint32_t width, int16_t limit, uint8_t invert, uint8_t *row) {
    for (; width >= 8; width -= 8, in += 8)
        *row++ = (uint8_t)(real_at_least(in, limit) ^ invert);
    if (width) /* numbers behind the row are read, and their bits cleared */
        *row = (uint8_t)((real_at_least(in, limit) ^ invert) & ((1u << width) - 1));
}

void spb_sign(const spb_layer *layer, const int16_t *in, uint8_t *out) {
    const spb_tensor *t = &layer->out;
    memset(out, 0, (size_t)t->channels * t->plane_bytes);
    for (uint32_t c = 0; c < t->channels; c++, out += t->plane_bytes) {
        spb_limit l = spb_sum_limit(layer->threshold[c], layer->compare[c]); /* bit = (x > limit) ^ invert */
        int32_t least = l.limit + 1;
        uint8_t invert = l.invert ? 0xFF : 0;
        if (least > INT16_MAX)
            least = INT16_MIN, invert = (uint8_t)~invert;
        if (least < INT16_MIN)
            least = INT16_MIN;
        uint8_t *row = out;
        for (uint32_t y = 0; y < t->height; y++, in += t->width, row += t->row_bytes)
            sign_row(in, t->width, (int16_t)least, invert, row);
    }
}
