/* Maximum of windows of reals: first of the kernel's rows, into one row with its padding, then of columns.
 * What is outside is the least number, so nothing of it wins. */
#include "kernels.h"
#include "real_vector.h"

/* The widest image, its padding, what a last window has outside, vectors behind it. */
enum { ROW_MAX = 1024 + 2 * 3 + 6 + 2 * REAL_LANES + 16 };

/* Of windows 1 or 2 columns apart. */
SPB_INLINE real_vector window_maxima(const int16_t *row, uint32_t kernel, uint32_t stride) {
    real_vector most, even, odd;
    if (stride == 1) {
        most = real_load(row);
        for (uint32_t k = 1; k < kernel; k++)
            most = real_max(most, real_load(row + k));
        return most;
    }
    real_load_pairs(row, &most, &odd);
    most = real_max(most, odd); /* a kernel has 2 columns or more */
    for (uint32_t k = 2; k < kernel; k += 2) {
        real_load_pairs(row + k, &even, &odd);
        most = real_max(most, even);
        most = k + 1 < kernel ? real_max(most, odd) : most;
    }
    return most;
}

/* The maxima of the windows of columns of the padded row, `stride` apart; `left`: numbers of the plane from
 * `out` on. Both loops go by pointers: beside an index clang keeps a counter. */
SPB_INLINE void pool_columns(const int16_t *row, uint32_t kernel, uint32_t stride, uint32_t width,
                             int16_t *out, size_t left) {
    if (stride <= 2) {
        const int16_t *end = out + width;
        if (real_fits(width, left)) {
            SPB_ROLLED
            for (; out < end; out += REAL_LANES, row += REAL_LANES * stride)
                real_store(out, window_maxima(row, kernel, stride));
            return;
        }
        for (; width >= REAL_LANES; width -= REAL_LANES, out += REAL_LANES, row += REAL_LANES * stride)
            real_store(out, window_maxima(row, kernel, stride));
        if (width > 0)
            real_store_part(out, window_maxima(row, kernel, stride), width);
        return;
    }
    for (uint32_t x = 0; x < width; x++) {
        int16_t most = row[x * stride];
        for (uint32_t k = 1; k < kernel; k++)
            most = row[x * stride + k] > most ? row[x * stride + k] : most;
        out[x] = most;
    }
}

/* The maxima of `count` rows of the image, which is 1 to `kernel`, and what is behind them. Three rows
 * are the usual number, and fewer are as many, the last one again. */
SPB_INLINE void pool_rows(const int16_t *top, size_t count, size_t width, uint32_t kernel, int16_t *row) {
    const int16_t *first = top, *second = count > 1 ? first + width : first;
    const int16_t *third = count > 2 ? second + width : second;
    int16_t *to = row, *end = row + width;
    SPB_ROLLED
    for (; to < end; first += REAL_WIDE, second += REAL_WIDE, third += REAL_WIDE, to += REAL_WIDE) {
        real_wide most = real_wide_max(real_wide_load(first), real_wide_load(second));
        real_wide_store(to, real_wide_max(most, real_wide_load(third)));
    }
    for (size_t y = 3; kernel > 3 && y < count; y++) {
        const int16_t *more = top + y * width;
        for (to = row; to < end; more += REAL_WIDE, to += REAL_WIDE)
            real_wide_store(to, real_wide_max(real_wide_load(to), real_wide_load(more)));
    }
}

/* The minima of a channel's windows: what a maximum becomes that was moved behind a negative factor. Rare, so
 * it is plain. */
static void pool_least(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    for (uint32_t y = 0; y < to->height; y++) {
        for (uint32_t x = 0; x < to->width; x++) {
            int16_t least = INT16_MAX;
            for (uint32_t at = 0; at < layer->kernel_h * layer->kernel_w; at++) {
                uint32_t row = y * layer->stride + at / layer->kernel_w - layer->padding;
                uint32_t column = x * layer->stride + at % layer->kernel_w - layer->padding;
                if (row < from->height && column < from->width) { /* above and left of it: past every side */
                    int16_t number = in[row * (size_t)from->width + column];
                    least = number < least ? number : least;
                }
            }
            *out++ = least;
        }
    }
}

SPB_INLINE void pool_plane(const spb_layer *layer, const int16_t *in, int16_t *row, int16_t *out,
                           uint32_t kernel, uint32_t stride) {
    const uint32_t padding = layer->padding, from_height = layer->in.height, from_width = layer->in.width;
    const uint32_t height = layer->out.height, width = layer->out.width;
    size_t left = (size_t)height * width;
    for (uint32_t y = 0; y < height; y++, out += width, left -= width) {
        uint32_t top = y * stride, first = top > padding ? top - padding : 0, end = top + kernel - padding;
        end = end < from_height ? end : from_height;
        pool_rows(in + first * (size_t)from_width, end - first, from_width, kernel, row + padding);
        real_store(row + padding + from_width, real_splat(INT16_MIN)); /* not of the next row */
        pool_columns(row, kernel, stride, width, out, left);
    }
}

void spb_real_pool(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const size_t in_pixels = (size_t)layer->in.height * layer->in.width;
    const size_t out_pixels = (size_t)layer->out.height * layer->out.width;
    int16_t row[ROW_MAX];
    for (uint32_t i = 0; i < ROW_MAX; i++)
        row[i] = INT16_MIN;
    for (uint32_t c = 0; c < layer->out.channels; c++, in += in_pixels, out += out_pixels) {
        if (layer->weights[c / 8] >> c % 8 & 1) {
            pool_least(layer, in, out);
        } else if (layer->kernel_w == 3 && layer->stride == 2) { /* the usual one: constants */
            pool_plane(layer, in, row, out, 3, 2);
        } else {
            pool_plane(layer, in, row, out, layer->kernel_w, layer->stride);
        }
    }
}
