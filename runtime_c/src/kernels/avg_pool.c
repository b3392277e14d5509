/* Means of windows, rounded to the nearest, halves up: floor((2 sum + n) / (2 n)) over the n pixels inside.
 *
 * Two kinds are what networks have, and have loops of their own: windows of 2x2, whose mean is a rounded
 * shift, and one window that is the whole image.
 */
#include "kernels.h"
#include "real_vector.h"

/* At most 65,536 numbers: a sum fits 32 bits. Rounded down, then up where half of `count` or more is left. */
static int16_t mean_of(int32_t sum, int32_t count) {
    int32_t mean = sum / count, left = sum % count;
    if (left < 0) {
        left += count;
        mean--;
    }
    return (int16_t)(mean + (left >= count - left));
}

static int32_t sum_of(const int16_t *in, uint32_t count) {
    int32_t sum = 0;
    uint32_t i = 0;
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
    int32x4_t sums = vdupq_n_s32(0); /* at most 65,536 numbers, so a lane has 2^14 at most */
    for (; i + 8 <= count; i += 8)
        sums = vpadalq_s16(sums, vld1q_s16(in + i));
    int64x2_t both = vpaddlq_s32(sums);
    sum = (int32_t)(vgetq_lane_s64(both, 0) + vgetq_lane_s64(both, 1));
#endif
    for (; i < count; i++)
        sum += in[i];
    return sum;
}

/* Windows of 2x2 with stride 2 that lie inside. */
static void pool_two(const int16_t *even, const int16_t *odd, uint32_t count, int16_t *out) {
    uint32_t x = 0;
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
    for (; x + 4 <= count; x += 4) {
        int32x4_t sums = vpadalq_s16(vpaddlq_s16(vld1q_s16(even + 2 * x)), vld1q_s16(odd + 2 * x));
        vst1_s16(out + x, vrshrn_n_s32(sums, 2));
    }
#endif
    for (; x < count; x++)
        out[x] = (int16_t)((even[2 * x] + even[2 * x + 1] + odd[2 * x] + odd[2 * x + 1] + 2) >> 2);
}

static int16_t window_mean(const spb_layer *layer, const int16_t *in, uint32_t top, uint32_t left) {
    const spb_tensor *t = &layer->in;
    uint32_t rows = t->height - top < layer->kernel_h ? t->height - top : layer->kernel_h;
    uint32_t columns = t->width - left < layer->kernel_w ? t->width - left : layer->kernel_w;
    int32_t sum = 0;
    for (uint32_t y = 0; y < rows; y++)
        sum += sum_of(in + (top + y) * (size_t)t->width + left, columns);
    return mean_of(sum, (int32_t)(rows * columns));
}

static void pool_plane(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    int two = layer->kernel_h == 2 && layer->kernel_w == 2 && layer->stride == 2;
    for (uint32_t y = 0; y < to->height; y++) {
        uint32_t top = y * layer->stride, x = 0;
        if (two && top + 2 <= from->height) {
            const int16_t *row = in + top * (size_t)from->width;
            x = from->width / 2;
            pool_two(row, row + from->width, x, out);
        }
        for (; x < to->width; x++)
            out[x] = window_mean(layer, in, top, x * layer->stride);
        out += to->width;
    }
}

void spb_avg_pool(const spb_layer *layer, const int16_t *in, int16_t *out) {
    size_t in_pixels = (size_t)layer->in.height * layer->in.width;
    size_t out_pixels = (size_t)layer->out.height * layer->out.width;
    int whole = layer->kernel_h >= layer->in.height && layer->kernel_w >= layer->in.width && out_pixels == 1;
    for (uint32_t c = 0; c < layer->out.channels; c++, in += in_pixels, out += out_pixels) {
        if (whole) {
            *out = mean_of(sum_of(in, (uint32_t)in_pixels), (int32_t)in_pixels);
        } else {
            pool_plane(layer, in, out);
        }
    }
}
