/* What kernel tests share: repeatable random numbers, garbage-filled memory, random layers and tensors, and a
 * bit at a time of a tensor. A kernel's definition (its scalar twin) stands in its own test. */
#ifndef SPB_CHECK_H
#define SPB_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/layer.h"
#include "../src/tap_table.h"

static uint32_t check_state = 12345;

/* 0 .. below - 1 */
static inline uint32_t draw(uint32_t below) {
    check_state = check_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(check_state >> 4) * below >> 28);
}

/* Exactly what the kernel may touch, so that the address sanitizer sees one byte more; full of garbage, since
 * kernels must not rely on zeros. */
static inline uint8_t *garbage(size_t bytes) {
    uint8_t *p = NULL;
    if (posix_memalign((void **)&p, 64, bytes ? bytes : 1))
        exit(2);
    memset(p, 0xA5, bytes);
    return p;
}

static inline spb_tensor tensor(uint32_t channels, uint32_t height, uint32_t width) {
    spb_tensor t = {channels, height, width, spb_row_bytes(width), 0};
    t.plane_bytes = spb_plane_bytes(height, t.row_bytes);
    return t;
}

static inline size_t tensor_bytes(const spb_tensor *t) { return (size_t)t->channels * t->plane_bytes; }

static inline int bit_of(const spb_tensor *t, const uint8_t *data, uint32_t c, uint32_t y, uint32_t x) {
    return data[(size_t)c * t->plane_bytes + (size_t)y * t->row_bytes + x / 8] >> x % 8 & 1;
}

static inline void set_bit(const spb_tensor *t, uint8_t *data, uint32_t c, uint32_t y, uint32_t x) {
    uint8_t *byte = data + (size_t)c * t->plane_bytes + (size_t)y * t->row_bytes + x / 8;
    *byte = (uint8_t)(*byte | 1u << x % 8);
}

/* A tensor of random pixels and zero slack, with the 64 readable bytes that every arena region has behind it
 * (garbage here). */
static inline uint8_t *random_bits(const spb_tensor *t) {
    uint8_t *data = garbage(tensor_bytes(t) + 64);
    memset(data, 0, tensor_bytes(t));
    for (uint32_t c = 0; c < t->channels; c++) {
        for (uint32_t y = 0; y < t->height; y++) {
            for (uint32_t x = 0; x < t->width; x++) {
                if (draw(2))
                    set_bit(t, data, c, y, x);
            }
        }
    }
    return data;
}

/* -1, +1 or 0 outside the image. */
static inline void random_padding(spb_layer *layer) {
    uint32_t kind = draw(3);
    layer->pad_bit = kind == SPB_PADDING_ONE;
    layer->zero_pad = kind == SPB_PADDING_ZERO;
}

/* What a tap of channel c sees in row y and column x of the input: -1, +1, or 0. */
static inline int activation(const spb_layer *l, const uint8_t *in, uint32_t c, int y, int x) {
    if (y < 0 || x < 0 || y >= (int)l->in.height || x >= (int)l->in.width)
        return l->zero_pad ? 0 : l->pad_bit ? 1 : -1;
    return bit_of(&l->in, in, c, (uint32_t)y, (uint32_t)x) ? 1 : -1;
}

/* The definition of a binary convolution: P = sum w a at one pixel, `w` being the channel's weights. */
static inline int32_t defined_sum(const spb_layer *l, const uint8_t *in, const int8_t *w, uint32_t y,
                                  uint32_t x) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < l->in.channels; i++) {
        for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
            for (uint32_t kx = 0; kx < l->kernel_w; kx++, w++)
                sum += *w * activation(l, in, i, (int)(y * l->stride + ky) - (int)l->padding,
                                       (int)(x * l->stride + kx) - (int)l->padding);
        }
    }
    return sum;
}

/* Kernel, stride, padding and shapes; widths fall on both sides of every row size. */
static inline spb_layer random_conv(uint32_t in_channels, uint32_t out_channels) {
    static const uint32_t kernels[] = {1, 3, 3, 5, 7, 2};
    spb_layer layer;
    memset(&layer, 0, sizeof layer);
    layer.kernel_h = kernels[draw(6)];
    layer.kernel_w = draw(4) ? layer.kernel_h : kernels[draw(6)];
    uint32_t larger = layer.kernel_h > layer.kernel_w ? layer.kernel_h : layer.kernel_w;
    layer.stride = 1 + draw(2);
    layer.padding = draw(larger);
    random_padding(&layer);
    uint32_t wide = draw(4) == 0 ? 140 : draw(2) ? 34 : 18;
    layer.in = tensor(in_channels, larger + draw(20), larger + draw(wide));
    if (draw(5) == 0) /* one pixel of output: a fully connected layer */
        layer.padding = 0, layer.in = tensor(in_channels, layer.kernel_h, layer.kernel_w);
    uint32_t height = (layer.in.height + 2 * layer.padding - layer.kernel_h) / layer.stride + 1;
    uint32_t width = (layer.in.width + 2 * layer.padding - layer.kernel_w) / layer.stride + 1;
    layer.out = tensor(out_channels, height, width);
    layer.weight_rows = out_channels;
    return layer;
}

/* Thresholds around `spread`, all four comparisons, and the extremes of int32 now and then. */
static inline void random_thresholds(int32_t *threshold, uint8_t *compare, uint32_t count, int32_t spread) {
    static const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 1};
    for (uint32_t c = 0; c < count; c++) {
        threshold[c] = draw(16) == 0 ? extremes[draw(4)] : (int32_t)draw(2 * (uint32_t)spread + 1) - spread;
        compare[c] = (uint8_t)(draw(8) == 0 ? 2 + draw(2) : draw(2));
    }
}

static inline int compared(int32_t sum, int32_t threshold, uint32_t compare) {
    if (compare >= SPB_COMPARE_NEVER)
        return compare == SPB_COMPARE_ALWAYS;
    return compare == SPB_COMPARE_GE ? sum >= threshold : sum <= threshold;
}

/* A convolution that ends in reals: multipliers, biases and shifts of all sizes, and perhaps a second input.
 */
typedef struct check_scales {
    int32_t *bias;
    int16_t *multiplier;
    uint8_t *shift;
    int16_t *addend; /* or NULL; as many as the output has */
} check_scales;

/* A number of up to `bits` bits and a sign, small ones as often as large ones; the ends now and then. */
static inline int32_t random_number(uint32_t bits) {
    uint32_t size = 1u << draw(bits + 1), value = draw(size);
    if (draw(8) == 0)
        value = size - 1;
    return draw(2) ? (int32_t)value : -(int32_t)value - (value + 1u < size);
}

static inline int16_t random_real(void) {
    return draw(16) ? (int16_t)random_number(15) : draw(2) ? INT16_MAX : INT16_MIN;
}

/* `count` numbers, exactly, but for the readable bytes that a tensor has behind it. */
static inline int16_t *random_reals(size_t count) {
    int16_t *data = (int16_t *)(void *)garbage(2 * count + 64);
    for (size_t i = 0; i < count; i++)
        data[i] = random_real();
    return data;
}

/* `sum_bits`: of the sums, so that a shift brings some results near to int16. */
static inline check_scales random_scales(spb_layer *l, uint32_t sum_bits) {
    uint32_t channels = l->out.channels;
    check_scales s = {(int32_t *)(void *)garbage(4 * channels), (int16_t *)(void *)garbage(2 * channels),
                      garbage(channels), NULL};
    for (uint32_t c = 0; c < channels; c++) {
        s.multiplier[c] = random_real();
        s.bias[c] = random_number(30);
        s.shift[c] = (uint8_t)(draw(4) ? draw(sum_bits + 2) : draw(32));
    }
    if (draw(8) == 0) /* the very ends */
        s.multiplier[0] = INT16_MIN, s.bias[0] = draw(2) ? 1 << 30 : -(1 << 30), s.shift[0] = 0;
    l->real = 1, l->output = SPB_OUTPUT_INT16;
    l->bias = s.bias, l->multiplier = s.multiplier, l->shift = s.shift;
    return s;
}

/* With a second input in half of all cases; `out` is made to be its place in half of these. */
static inline void random_addend(spb_layer *l, check_scales *s, uint8_t *out) {
    size_t count = (size_t)spb_sum_count(l);
    s->addend = NULL;
    if (draw(2))
        return;
    s->addend = random_reals(count);
    l->addend = s->addend;
    if (draw(2)) {
        memcpy(out, s->addend, 2 * count);
        l->addend = (const int16_t *)(const void *)out;
    }
}

static inline void free_scales(check_scales *s) {
    free(s->bias), free(s->multiplier), free(s->shift), free(s->addend);
}

static inline int64_t clamped(int64_t x) { return x < -32768 ? -32768 : x > 32767 ? 32767 : x; }

/* The definition: what channel c's sum becomes at a place of the output. */
static inline int16_t finished_sum(const check_scales *s, uint32_t c, int64_t sum, size_t place) {
    int64_t y = clamped((s->multiplier[c] * sum + s->bias[c]) >> s->shift[c]);
    return (int16_t)clamped(y + (s->addend ? s->addend[place] : 0));
}

static inline void describe_case(uint32_t index, uint32_t wrong, const spb_layer *l) {
    printf("case %u: %u wrong; %ux%ux%u -> %ux%ux%u kernel %ux%u stride %u padding %u (%s) binary %u\n",
           index, wrong, l->in.channels, l->in.height, l->in.width, l->out.channels, l->out.height,
           l->out.width, l->kernel_h, l->kernel_w, l->stride, l->padding,
           l->zero_pad  ? "zero"
           : l->pad_bit ? "one"
                        : "minus one",
           l->binary);
}

/* main of a test: `run_case` returns 1 for a pass; the first argument sets the number of cases. */
static inline int run_cases(int argc, char **argv, uint32_t cases, int (*run_case)(uint32_t)) {
    uint32_t passed = 0;
    if (argc > 1)
        cases = (uint32_t)strtoul(argv[1], NULL, 10);
    for (uint32_t i = 0; i < cases; i++)
        passed += (uint32_t)run_case(i);
    printf("%u passed, %u failed\n", passed, cases - passed);
    return passed == cases && cases > 0 ? 0 : 1;
}

#endif
