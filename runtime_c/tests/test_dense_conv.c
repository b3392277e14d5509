/* The dense convolution against its definition, tap by tap: P = sum w a, then the threshold, or P itself. */
#include "../src/dense_shape.h"
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_OUT = 13 };

/* [out][in][ky][kx] of -1, 0, 1 -> the bundle's bits: [out][ky][kx][in], and behind them which are not 0. */
static uint8_t *pack_weights(const spb_layer *l, const int8_t *w) {
    spb_dense_shape shape = spb_dense_shape_of(l);
    size_t kernel = (size_t)l->kernel_h * l->kernel_w, bytes = (size_t)l->out.channels * shape.channel_bytes;
    uint8_t *packed = garbage(2 * bytes);
    memset(packed, 0, 2 * bytes);
    for (uint32_t o = 0; o < l->out.channels; o++) {
        for (uint32_t i = 0; i < l->in.channels; i++) {
            for (size_t k = 0; k < kernel; k++, w++) {
                uint8_t *byte = packed + o * (size_t)shape.channel_bytes + k * shape.pixel_bytes + i / 8;
                *byte = (uint8_t)(*byte | (*w > 0) << i % 8);
                byte[bytes] = (uint8_t)(byte[bytes] | (*w != 0) << i % 8);
            }
        }
    }
    return packed;
}

static uint32_t count_wrong(const spb_layer *l, const uint8_t *in, const int8_t *w,
                            const check_scales *scales, const uint8_t *out) {
    size_t taps = (size_t)l->in.channels * l->kernel_h * l->kernel_w, pixel = 0;
    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l->out.channels && l->output != SPB_OUTPUT_BITS; c++) {
        for (uint32_t y = 0; y < l->out.height; y++) {
            for (uint32_t x = 0; x < l->out.width; x++, pixel++) {
                int32_t got = l->output == SPB_OUTPUT_INT16 ? ((const int16_t *)(const void *)out)[pixel]
                                                            : ((const int32_t *)(const void *)out)[pixel];
                int32_t want = defined_sum(l, in, w + c * taps, y, x);
                wrong += got != (l->real ? finished_sum(scales, c, want, pixel) : want);
            }
        }
    }
    for (uint32_t c = 0; c < l->out.channels && l->output == SPB_OUTPUT_BITS; c++) {
        for (uint32_t y = 0; y < l->out.plane_bytes / l->out.row_bytes; y++) {
            for (uint32_t x = 0; x < l->out.row_bytes * 8; x++) {
                int want = y < l->out.height && x < l->out.width &&
                           compared(defined_sum(l, in, w + c * taps, y, x), l->threshold[c], l->compare[c]);
                wrong += bit_of(&l->out, out, c, y, x) != want;
            }
        }
    }
    return wrong;
}

static int run_case(uint32_t index) {
    /* The last is past 31 steps of 128 taps in one row of the kernel. */
    static const uint32_t full[] = {8, 16, 32, 64, 128, 192}; /* channels that leave no bit of a pixel */
    uint32_t in_channels = 1 + draw(index % 25 == 0 ? 4000 : draw(3) ? 70 : 300);
    if (draw(4) == 0)
        in_channels = full[draw(6)];
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
    l.output = draw(3) ? SPB_OUTPUT_BITS : 1 + draw(3);
    if (l.output == SPB_OUTPUT_INT16 && taps > INT16_MAX)
        l.output = SPB_OUTPUT_INT32; /* the compiler's rule */
    check_scales scales = {NULL, NULL, NULL, NULL};
    if (l.output != SPB_OUTPUT_BITS && taps <= INT16_MAX && draw(2))
        scales = random_scales(&l, 25);
    uint8_t *scratch = garbage(spb_dense_scratch_bytes(&l)),
            *out = garbage((size_t)spb_output_bytes(&l, l.out.channels));
    if (l.real)
        random_addend(&l, &scales, out);
    spb_dense_conv(&l, in, out, scratch);
    uint32_t wrong = count_wrong(&l, in, weights, &scales, out);
    if (wrong)
        describe_case(index, wrong, &l);
    free_scales(&scales);
    free(weights), free(packed), free(in), free(scratch), free(out);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 200, run_case); }
