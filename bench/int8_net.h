/* The operators of an int8 network in the manner of CMSIS-NN, for bench/firmware.py: what users of a Cortex-M
 * would pick. Activations are int8 [row][column][channel], requantised with a multiplier and a shift a
 * channel.
 *
 * A convolution gathers the windows of two output pixels as int16 and multiplies them with two output
 * channels at a time: of four taps 2 words of weights, 4 of pixels, 4 SXTB16 and 8 SMLAD, which are 16
 * multiply-adds. As in CMSIS-NN the gathered taps are in the order that SXTB16 leaves, so that no PKH is
 * needed. Cores without SMLAD take one channel and multiply one by one: a Cortex-M0+ has no registers for
 * more. */
#ifndef INT8_NET_H
#define INT8_NET_H

#include <stdint.h>
#include <string.h>

typedef struct int8_conv {
    int in, side, out, kernel, padding; /* stride 1; taps are a multiple of 4, by zeros */
    const int8_t *weights;              /* [out][taps] */
    const int32_t *bias;
    int32_t multiplier, shift;
} int8_conv;

static int8_t requantise(int32_t sum, int32_t multiplier, int32_t shift) {
    int32_t y = (int32_t)(((int64_t)sum * multiplier + ((int64_t)1 << 30)) >> 31) >> shift;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
static inline int32_t word_at(const void *p) {
    int32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}
static const uint8_t place[4] = {0, 2, 1, 3}; /* of each four taps in a window */
static inline void four_taps(const int8_t *w0, const int8_t *w1, const int16_t *x0, const int16_t *x1,
                             int32_t s[4]) {
    int32_t a = word_at(w0), b = word_at(w1);
    int16x2_t a02 = __sxtb16((int8x4_t)a), a13 = __sxtb16((int8x4_t)((uint32_t)a >> 8 | (uint32_t)a << 24));
    int16x2_t b02 = __sxtb16((int8x4_t)b), b13 = __sxtb16((int8x4_t)((uint32_t)b >> 8 | (uint32_t)b << 24));
    int32_t p02 = word_at(x0), p13 = word_at(x0 + 2), q02 = word_at(x1), q13 = word_at(x1 + 2);
    s[0] = __smlad(a02, p02, __smlad(a13, p13, s[0]));
    s[1] = __smlad(a02, q02, __smlad(a13, q13, s[1]));
    s[2] = __smlad(b02, p02, __smlad(b13, p13, s[2]));
    s[3] = __smlad(b02, q02, __smlad(b13, q13, s[3]));
}
/* Two channels of two pixels, [channel][pixel]. */
static inline void two_channels(const int8_t *w0, const int8_t *w1, const int16_t *x0, const int16_t *x1,
                                int taps, int32_t s[4]) {
    for (int k = 0; k < taps; k += 4)
        four_taps(w0 + k, w1 + k, x0 + k, x1 + k, s);
}
#else
static const uint8_t place[4] = {0, 1, 2, 3};
static inline void one_channel(const int8_t *w, const int16_t *x0, const int16_t *x1, int taps,
                               int32_t s[2]) {
    int32_t first = s[0], second = s[1];
    for (const int8_t *end = w + taps; w < end; w += 4, x0 += 4, x1 += 4) {
        first += w[0] * x0[0] + w[1] * x0[1] + w[2] * x0[2] + w[3] * x0[3];
        second += w[0] * x1[0] + w[1] * x1[1] + w[2] * x1[2] + w[3] * x1[3];
    }
    s[0] = first, s[1] = second;
}
static inline void two_channels(const int8_t *w0, const int8_t *w1, const int16_t *x0, const int16_t *x1,
                                int taps, int32_t s[4]) {
    one_channel(w0, x0, x1, taps, s);
    one_channel(w1, x0, x1, taps, s + 2);
}
#endif

/* One pixel's window, of each four taps in the order `place`; zeros outside. */
static void gather(const int8_conv *c, const int8_t *in, int y, int x, int16_t *to) {
    int at = 0, taps = c->kernel * c->kernel * c->in;
    for (int ky = 0; ky < c->kernel; ky++) {
        for (int kx = 0; kx < c->kernel; kx++) {
            int row = y + ky - c->padding, column = x + kx - c->padding;
            int inside = row >= 0 && row < c->side && column >= 0 && column < c->side;
            const int8_t *from = in + (row * c->side + column) * c->in;
            if (c->in % 4 == 0) {
                for (int k = 0; k < c->in; k += 4, to += 4) {
                    to[place[0]] = inside ? from[k] : 0;
                    to[place[1]] = inside ? from[k + 1] : 0;
                    to[place[2]] = inside ? from[k + 2] : 0;
                    to[place[3]] = inside ? from[k + 3] : 0;
                }
                continue;
            }
            for (int k = 0; k < c->in; k++, at++)
                to[at / 4 * 4 + place[at % 4]] = inside ? from[k] : 0;
        }
    }
    for (; c->in % 4 && at < (taps + 3) / 4 * 4; at++)
        to[at / 4 * 4 + place[at % 4]] = 0;
}

/* `window`: twice the taps. Sides and channels are even. */
static void run_conv(const int8_conv *c, const int8_t *in, int16_t *window, int8_t *out) {
    int taps = (c->kernel * c->kernel * c->in + 3) / 4 * 4;
    for (int pixel = 0; pixel < c->side * c->side; pixel += 2) {
        gather(c, in, pixel / c->side, pixel % c->side, window);
        gather(c, in, pixel / c->side, pixel % c->side + 1, window + taps);
        int8_t *to = out + pixel * c->out;
        for (int o = 0; o < c->out; o += 2) {
            const int8_t *w0 = c->weights + o * taps, *w1 = w0 + taps;
            int32_t s[4] = {c->bias[o], c->bias[o], c->bias[o + 1], c->bias[o + 1]};
            two_channels(w0, w1, window, window + taps, taps, s);
            to[o] = requantise(s[0], c->multiplier, c->shift);
            to[o + c->out] = requantise(s[1], c->multiplier, c->shift);
            to[o + 1] = requantise(s[2], c->multiplier, c->shift);
            to[o + 1 + c->out] = requantise(s[3], c->multiplier, c->shift);
        }
    }
}

/* 2x2, in place. */
static void run_pool(int8_t *data, int side, int channels) {
    int8_t *to = data;
    for (int y = 0; y + 1 < side; y += 2) {
        for (int x = 0; x + 1 < side; x += 2) {
            const int8_t *a = data + (y * side + x) * channels, *b = a + side * channels;
            for (int c = 0; c < channels; c++, a++, b++) {
                int8_t top = a[0] > a[channels] ? a[0] : a[channels],
                       low = b[0] > b[channels] ? b[0] : b[channels];
                *to++ = top > low ? top : low;
            }
        }
    }
}

static void run_head(const int8_t *in, int inputs, const int8_t *weights, const int32_t *bias, int classes,
                     int32_t *out) {
    for (int o = 0; o < classes; o++) {
        int32_t sum = bias[o];
        for (int k = 0; k < inputs; k++)
            sum += in[k] * *weights++;
        out[o] = sum;
    }
}

#endif
