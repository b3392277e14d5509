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

SPB_INLINE int32_t sum_of(const int16_t *in, size_t count) {
    enum { FOUR = 4 * REAL_LANES };
    real_total a = real_total_zero(), b = a, c = a, d = a;
    SPB_ROLLED
    for (size_t i = count / FOUR; i > 0; i--, in += FOUR) {
        a = real_total_add(a, real_load(in));
        b = real_total_add(b, real_load(in + REAL_LANES));
        c = real_total_add(c, real_load(in + 2 * REAL_LANES));
        d = real_total_add(d, real_load(in + 3 * REAL_LANES));
    }
    SPB_ROLLED
    for (size_t i = count % FOUR / REAL_LANES; i > 0; i--, in += REAL_LANES)
        a = real_total_add(a, real_load(in));
    int32_t sum = (int32_t)real_total_of(real_total_join(real_total_join(a, b), real_total_join(c, d)));
    SPB_ROLLED
    for (size_t i = count % REAL_LANES; i > 0; i--)
        sum += *in++;
    return sum;
}

/* A row of windows of 2x2 with stride 2; `left`: numbers of the plane from `out` on. */
SPB_INLINE void pool_two(const int16_t *even, const int16_t *odd, size_t count, int16_t *out, size_t left) {
    const int16_t *end = out + count;
    if (real_fits(count, left)) {
        for (; out < end; out += REAL_LANES, even += 2 * REAL_LANES, odd += 2 * REAL_LANES)
            real_store(out, real_means(even, odd));
        return;
    }
    for (; count >= REAL_LANES; count -= REAL_LANES, out += REAL_LANES) {
        real_store(out, real_means(even, odd));
        even += 2 * REAL_LANES, odd += 2 * REAL_LANES;
    }
    if (count > 0)
        real_store_part(out, real_means(even, odd), count);
}

/* All such windows that lie inside. */
static void pool_twos(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const size_t columns = layer->in.width, width = layer->out.width;
    size_t left = layer->out.height * width;
    for (uint32_t y = layer->in.height / 2; y > 0; y--, in += 2 * columns, out += width, left -= width)
        pool_two(in, in + columns, columns / 2, out, left);
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

/* All windows but those of the first `columns` in the first `rows`. */
static void pool_plane(const spb_layer *layer, const int16_t *in, int16_t *out, uint32_t rows,
                       uint32_t columns) {
    const uint32_t height = layer->out.height, width = layer->out.width;
    for (uint32_t y = columns < width ? 0 : rows; y < height; y++)
        for (uint32_t x = y < rows ? columns : 0; x < width; x++)
            out[y * (size_t)width + x] = window_mean(layer, in, y * layer->stride, x * layer->stride);
}

void spb_avg_pool(const spb_layer *layer, const int16_t *in, int16_t *out) {
    size_t in_pixels = (size_t)layer->in.height * layer->in.width;
    size_t out_pixels = (size_t)layer->out.height * layer->out.width;
    int whole = layer->kernel_h >= layer->in.height && layer->kernel_w >= layer->in.width && out_pixels == 1;
    int two = layer->kernel_h == 2 && layer->kernel_w == 2 && layer->stride == 2;
    for (uint32_t c = 0; c < layer->out.channels; c++, in += in_pixels, out += out_pixels) {
        if (whole) {
            *out = mean_of(sum_of(in, in_pixels), (int32_t)in_pixels);
            continue;
        }
        if (two)
            pool_twos(layer, in, out);
        pool_plane(layer, in, out, two ? layer->in.height / 2 : 0, two ? layer->in.width / 2 : 0);
    }
}
