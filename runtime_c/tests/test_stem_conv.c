/* The stem against its definition: P = sum w u over the 8-bit image with pad_value outside, then the
 * threshold. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_OUT = 13 };

static int32_t expected_sum(const spb_layer *l, const uint8_t *image, uint32_t c, uint32_t y, uint32_t x) {
    const int8_t *w = (const int8_t *)l->weights;
    const uint8_t *pad_value = l->weights + l->out.channels * l->in.channels * l->kernel_h * l->kernel_w;
    int32_t sum = 0;
    w += c * l->in.channels * l->kernel_h * l->kernel_w;
    for (uint32_t i = 0; i < l->in.channels; i++) {
        for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
            for (uint32_t kx = 0; kx < l->kernel_w; kx++, w++) {
                int iy = (int)(y * l->stride + ky) - (int)l->padding;
                int ix = (int)(x * l->stride + kx) - (int)l->padding;
                int outside = iy < 0 || ix < 0 || iy >= (int)l->in.height || ix >= (int)l->in.width;
                sum +=
                    *w * (outside ? pad_value[i]
                                  : image[((uint32_t)iy * l->in.width + (uint32_t)ix) * l->in.channels + i]);
            }
        }
    }
    return sum;
}

static uint32_t wrong_bits(const spb_layer *l, const uint8_t *image, const uint8_t *out) {
    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        for (uint32_t y = 0; y < l->out.plane_bytes / l->out.row_bytes; y++) {
            for (uint32_t x = 0; x < l->out.row_bytes * 8; x++) {
                int pixel = y < l->out.height && x < l->out.width;
                int want = pixel && compared(expected_sum(l, image, c, y, x), l->threshold[c], l->compare[c]);
                wrong += bit_of(&l->out, out, c, y, x) != want;
            }
        }
    }
    return wrong;
}

static uint32_t wrong_reals(const spb_layer *l, const check_scales *s, const uint8_t *image,
                            const int16_t *out) {
    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        for (uint32_t y = 0; y < l->out.height; y++) {
            for (uint32_t x = 0; x < l->out.width; x++, out++)
                wrong += *out != finished_sum(s, c, expected_sum(l, image, c, y, x), 0);
        }
    }
    return wrong;
}

static int run_case(uint32_t index) {
    spb_layer l = random_conv(1 + draw(4), 1 + draw(MAX_OUT));
    uint32_t taps = l.in.channels * l.kernel_h * l.kernel_w, extreme = draw(6) == 0;
    size_t weight_bytes = (size_t)l.out.channels * taps + l.in.channels;
    size_t image_bytes = (size_t)l.in.channels * l.in.height * l.in.width;
    uint8_t *weights = garbage(weight_bytes), *image = garbage(image_bytes);
    /* Kernels may take another way where a weight is -128: most random layers have one, half of these do not.
     */
    uint8_t least = draw(2) ? 128 : 129, pixel = draw(2) ? 255 : 0;
    for (size_t i = 0; i < weight_bytes; i++) {
        weights[i] = (uint8_t)(extreme ? 128 : draw(256));
        if (weights[i] == 128)
            weights[i] = least;
    }
    for (size_t i = 0; i < image_bytes; i++)
        image[i] = (uint8_t)(extreme ? pixel : draw(256));
    int32_t threshold[MAX_OUT];
    uint8_t compare[MAX_OUT];
    random_thresholds(threshold, compare, l.out.channels, (int32_t)(taps * (extreme ? 32640 : 2000)));
    if (extreme)
        threshold[0] = -(int32_t)(taps * 32640 - draw(2)); /* the very end of the range */
    l.weights = weights;
    l.threshold = threshold;
    l.compare = compare;
    size_t pixels = (size_t)(l.in.height + 2 * l.padding) * (l.in.width + 2 * l.padding);
    size_t scratch_bytes =
        spb_round_up(l.in.channels * pixels * 2, 64) + spb_round_up(l.out.width, 16) * 4 + 64;
    check_scales scales = {NULL, NULL, NULL, NULL};
    if (draw(2)) {
        scales = random_scales(&l, 33);
        l.threshold = NULL, l.compare = NULL;
    }
    uint8_t *scratch = garbage(scratch_bytes), *out = garbage((size_t)spb_output_bytes(&l, l.out.channels));
    spb_stem_conv(&l, image, out, scratch);
    uint32_t wrong = l.real ? wrong_reals(&l, &scales, image, (const int16_t *)(const void *)out)
                            : wrong_bits(&l, image, out);
    if (wrong)
        describe_case(index, wrong, &l);
    free_scales(&scales);
    free(weights), free(image), free(scratch), free(out);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 300, run_case); }
