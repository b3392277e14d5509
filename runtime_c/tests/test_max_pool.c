/* The pools of bits and of reals against their definition: the maximum, or the minimum, of a window's
 * pixels inside the image. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_CHANNELS = 20 };

/* Rows of the image that window y has, by their first and the one behind the last. */
static void inside(const spb_layer *l, uint32_t y, uint32_t side, uint32_t *first, uint32_t *end) {
    uint32_t top = y * l->stride;
    *first = top > l->padding ? top - l->padding : 0;
    *end = top + l->kernel_h > l->padding + side ? side : top + l->kernel_h - l->padding;
}

static int takes_min(const spb_layer *l, uint32_t c) { return l->weights[c / 8] >> c % 8 & 1; }

/* Set bits of a window, or its largest or its least number. */
static int32_t window(const spb_layer *l, const uint8_t *in, uint32_t c, uint32_t y, uint32_t x,
                      uint32_t *count) {
    uint32_t top, bottom, left, right;
    int least = takes_min(l, c);
    int32_t found = !l->real ? 0 : least ? INT16_MAX : INT16_MIN;
    inside(l, y, l->in.height, &top, &bottom);
    inside(l, x, l->in.width, &left, &right);
    *count = (bottom - top) * (right - left);
    for (uint32_t iy = top; iy < bottom; iy++) {
        for (uint32_t ix = left; ix < right; ix++) {
            size_t place = ((size_t)c * l->in.height + iy) * l->in.width + ix;
            if (!l->real) {
                found += bit_of(&l->in, in, c, iy, ix);
                continue;
            }
            int32_t number = ((const int16_t *)(const void *)in)[place];
            if (least ? number < found : number > found)
                found = number;
        }
    }
    return found;
}

static uint32_t wrong_bits(const spb_layer *l, const uint8_t *in, const uint8_t *out) {
    uint32_t wrong = 0, all;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        for (uint32_t y = 0; y < l->out.plane_bytes / l->out.row_bytes; y++) {
            for (uint32_t x = 0; x < l->out.row_bytes * 8; x++) {
                int want = 0;
                if (y < l->out.height && x < l->out.width) {
                    int32_t count = window(l, in, c, y, x, &all);
                    want = takes_min(l, c) ? count == (int32_t)all : count > 0;
                }
                wrong += bit_of(&l->out, out, c, y, x) != want;
            }
        }
    }
    return wrong;
}

static uint32_t wrong_reals(const spb_layer *l, const uint8_t *in, const int16_t *out) {
    uint32_t wrong = 0, all;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        for (uint32_t y = 0; y < l->out.height; y++) {
            for (uint32_t x = 0; x < l->out.width; x++, out++)
                wrong += *out != window(l, in, c, y, x, &all);
        }
    }
    return wrong;
}

static int run_case(uint32_t index) {
    spb_layer l;
    memset(&l, 0, sizeof l);
    uint32_t wide = draw(5) == 0 ? 300 : draw(2) ? 70 : 33, kind = draw(3);
    l.kernel_h = l.stride = 2;
    if (kind == 1) { /* the other usual one */
        l.kernel_h = 3, l.padding = 1;
    } else if (kind == 2) {
        l.kernel_h = 2 + draw(6);
        l.stride = 1 + draw(l.kernel_h);
        l.padding = draw(l.kernel_h / 2 + 1);
    }
    l.kernel_w = l.kernel_h;
    uint32_t least = l.kernel_h > 2 * l.padding ? l.kernel_h - 2 * l.padding : 1;
    l.in = tensor(1 + draw(MAX_CHANNELS), least + draw(40), least + draw(wide));
    if (index % 3 == 0) { /* the sizes that networks have */
        uint32_t side = 4u << draw(5);
        l.in = tensor(l.in.channels, side > least ? side : least, side > least ? side : least);
    }
    l.out = tensor(l.in.channels, (l.in.height + 2 * l.padding - l.kernel_h) / l.stride + 1,
                   (l.in.width + 2 * l.padding - l.kernel_w) / l.stride + 1);
    l.op = SPB_OP_POOL;
    l.real = draw(2);
    l.output = l.real ? SPB_OUTPUT_INT16 : SPB_OUTPUT_BITS;
    uint8_t take_min[(MAX_CHANNELS + 7) / 8];
    for (size_t i = 0; i < sizeof take_min; i++)
        take_min[i] = (uint8_t)draw(256);
    l.weights = take_min;
    uint8_t *in = l.real ? (uint8_t *)random_reals((size_t)l.in.channels * l.in.height * l.in.width)
                         : random_bits(&l.in);
    uint8_t *out = garbage((size_t)spb_output_bytes(&l, l.out.channels));
    int16_t *reals = (int16_t *)(void *)out;
    if (l.real) {
        spb_real_pool(&l, (const int16_t *)(const void *)in, reals);
    } else if (l.kernel_h != 2 || l.stride != 2 || l.padding || draw(8) == 0) {
        spb_any_pool(&l, in, out);
    } else {
        spb_max_pool(&l, in, out);
    }
    uint32_t wrong = l.real ? wrong_reals(&l, in, reals) : wrong_bits(&l, in, out);
    if (wrong)
        describe_case(index, wrong, &l);
    free(in), free(out);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 1200, run_case); }
