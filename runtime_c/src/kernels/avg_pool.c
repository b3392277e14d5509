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

static int32_t sum_of(const int16_t *in, size_t count) {
    enum { FOUR = 4 * REAL_LANES };
    real_total a = real_total_zero(), b = a, c = a, d = a;
    const int16_t *end = in + count, *fours = in + count / FOUR * FOUR;
    for (; in < fours; in += FOUR) {
        a = real_total_add(a, real_load(in));
        b = real_total_add(b, real_load(in + REAL_LANES));
        c = real_total_add(c, real_load(in + 2 * REAL_LANES));
        d = real_total_add(d, real_load(in + 3 * REAL_LANES));
    }
    for (; in + REAL_LANES <= end; in += REAL_LANES)
        a = real_total_add(a, real_load(in));
    int32_t sum = (int32_t)real_total_of(real_total_join(real_total_join(a, b), real_total_join(c, d)));
    for (; in < end; in++)
        sum += *in;
    return sum;
}

/* Windows of 2x2 with stride 2 that lie inside; `left`: numbers of the plane from `out` on. */
static void pool_two(const int16_t *even, const int16_t *odd, size_t count, int16_t *out, size_t left) {
    size_t x = 0, whole = real_whole(count, left);
    for (; x < whole; x += REAL_LANES, even += 2 * REAL_LANES, odd += 2 * REAL_LANES)
        real_store(out + x, real_means(even, odd));
    if (x < count)
        real_store_part(out + x, real_means(even, odd), count - x);
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
    const uint32_t rows = layer->in.height, columns = layer->in.width;
    const uint32_t height = layer->out.height, width = layer->out.width;
    int two = layer->kernel_h == 2 && layer->kernel_w == 2 && layer->stride == 2;
    size_t left = (size_t)height * width;
    for (uint32_t y = 0; y < height; y++, out += width, left -= width) {
        uint32_t top = y * layer->stride, x = 0;
        if (two && top + 2 <= rows) {
            const int16_t *row = in + top * (size_t)columns;
            x = columns / 2;
            pool_two(row, row + columns, x, out, left);
        }
        for (; x < width; x++)
            out[x] = window_mean(layer, in, top, x * layer->stride);
    }
}

void spb_avg_pool(const spb_layer *layer, const int16_t *in, int16_t *out) {
    size_t in_pixels = (size_t)layer->in.height * layer->in.width;
    size_t out_pixels = (size_t)layer->out.height * layer->out.width;
    int whole = layer->kernel_h >= layer->in.height && layer->kernel_w >= layer->in.width && out_pixels == 1;
    for (uint32_t c = 0; c < layer->out.channels; c++, in += in_pixels, out += out_pixels) {
        if (whole) {
            *out = mean_of(sum_of(in, in_pixels), (int32_t)in_pixels);
        } else {
            pool_plane(layer, in, out);
        }
    }
}
