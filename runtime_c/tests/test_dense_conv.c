/* The dense convolution against its definition, tap by tap: P = sum w a, then the threshold. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_OUT = 13 };

static int expected(const spb_layer *l, const uint8_t *in, const int8_t *w, uint32_t c, uint32_t y,
                    uint32_t x) {
    int32_t sum = 0;
    w += (size_t)c * l->in.channels * l->kernel_h * l->kernel_w;
    for (uint32_t i = 0; i < l->in.channels; i++) {
        for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
            for (uint32_t kx = 0; kx < l->kernel_w; kx++, w++) {
                int iy = (int)(y * l->stride + ky) - (int)l->padding;
                int ix = (int)(x * l->stride + kx) - (int)l->padding;
                int outside = iy < 0 || ix < 0 || iy >= (int)l->in.height || ix >= (int)l->in.width;
                int bit = outside ? (int)l->pad_bit : bit_of(&l->in, in, i, (uint32_t)iy, (uint32_t)ix);
                sum += *w * (bit ? 1 : -1);
            }
        }
    }
    return compared(sum, l->threshold[c], l->compare[c]);
}

/* [out][in][ky][kx] of -1, 0, 1 -> the bundle's words. */
static uint8_t *pack_weights(const spb_layer *l, const int8_t *w) {
    size_t words = (l->in.channels + 127) / 128 * 2, kernel = (size_t)l->kernel_h * l->kernel_w;
    size_t bytes = l->out.channels * kernel * words * 8;
    uint8_t *packed = garbage(2 * bytes);
    memset(packed, 0, 2 * bytes);
    for (uint32_t o = 0; o < l->out.channels; o++) {
        for (uint32_t i = 0; i < l->in.channels; i++) {
            for (size_t k = 0; k < kernel; k++, w++) {
                uint8_t *byte = packed + (o * kernel + k) * words * 8 + i / 8;
                *byte = (uint8_t)(*byte | (*w > 0) << i % 8);
                byte[bytes] = (uint8_t)(byte[bytes] | (*w != 0) << i % 8);
            }
        }
    }
    return packed;
}

static int run_case(uint32_t index) {
    /* The last is past 31 steps of 128 taps in one row of the kernel. */
    uint32_t in_channels = 1 + draw(index % 25 == 0 ? 4000 : draw(3) ? 20 : 300);
    spb_layer l = random_conv(in_channels, 1 + draw(MAX_OUT));
    if (in_channels > 300) {
        l.in = tensor(in_channels, l.kernel_h, l.kernel_w);
        l.padding = 0;
        l.out = tensor(l.out.channels, 1, 1);
    }
    if (index % 25 == 1) { /* 33 steps in a row of the kernel: a byte holds 31 */
        l.in = tensor(1408, 3, 6);
        l.kernel_h = l.kernel_w = 3;
        l.padding = l.stride = 1;
        l.out = tensor(l.out.channels, 3, 6);
    }
    l.binary = draw(2);
    size_t taps = (size_t)l.in.channels * l.kernel_h * l.kernel_w, count = taps * l.out.channels;
    int8_t *weights = malloc(count);
    uint32_t same = draw(6) == 0 || index % 25 == 1; /* all weights alike reach the ends of the range */
    for (size_t i = 0; i < count; i++)
        weights[i] = (int8_t)(same ? 1 : l.binary ? (int)draw(2) * 2 - 1 : (int)draw(3) - 1);
    int32_t threshold[MAX_OUT];
    uint8_t compare[MAX_OUT];
    random_thresholds(threshold, compare, l.out.channels, 2 + (int32_t)(taps / (same ? 1 : 12)));
    uint8_t *packed = pack_weights(&l, weights), *in = random_bits(&l.in);
    uint32_t fill = same ? draw(3) : 2; /* all agree, all differ (counters are full), or by chance */
    if (fill == 1)
        memset(in, 0, tensor_bytes(&l.in));
    for (uint32_t i = 0; fill == 0 && i < l.in.channels * l.in.height; i++) {
        for (uint32_t x = 0; x < l.in.width; x++)
            set_bit(&l.in, in, i / l.in.height, i % l.in.height, x);
    }
    l.weights = packed;
    l.threshold = threshold;
    l.compare = compare;
    size_t pixels = (size_t)(l.in.height + 2 * l.padding) * (l.in.width + 2 * l.padding);
    size_t words = (l.in.channels + 127) / 128 * 2;
    uint8_t *scratch = garbage(spb_round_up(pixels * words * 8, 64) + 64),
            *out = garbage(tensor_bytes(&l.out));
    spb_dense_conv(&l, in, out, scratch);

    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l.out.channels; c++) {
        for (uint32_t y = 0; y < l.out.plane_bytes / l.out.row_bytes; y++) {
            for (uint32_t x = 0; x < l.out.row_bytes * 8; x++) {
                int pixel = y < l.out.height && x < l.out.width;
                wrong += bit_of(&l.out, out, c, y, x) != (pixel && expected(&l, in, weights, c, y, x));
            }
        }
    }
    if (wrong)
        describe_case(index, wrong, &l);
    free(weights), free(packed), free(in), free(scratch), free(out);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 200, run_case); }
