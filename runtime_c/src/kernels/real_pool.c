/* Maximum of windows of reals: first of the kernel's rows, into one row with its padding, then of columns.
 * What is outside is the least number, so nothing of it wins. */
#include "kernels.h"
#include "real_vector.h"

/* The widest image, its padding, what a last window has outside, vectors behind it. */
enum { ROW_MAX = 1024 + 2 * 3 + 6 + 2 * REAL_LANES + 16 };

/* Columns of the padded row whose windows' maxima they are, `stride` apart. */
SPB_INLINE void pool_columns(const int16_t *row, uint32_t kernel, uint32_t stride, uint32_t width,
                             int16_t *out) {
    uint32_t x = 0;
    if (stride == 1) {
        for (; x + REAL_LANES <= width; x += REAL_LANES) {
            real_vector most = real_load(row + x);
            for (uint32_t k = 1; k < kernel; k++)
                most = real_max(most, real_load(row + x + k));
            real_store(out + x, most);
        }
    }
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)
    if (stride == 2) {
        for (; x + 8 <= width; x += 8) {
            int16x8x2_t pair = vld2q_s16(row + 2 * x);
            int16x8_t most = vmaxq_s16(pair.val[0], pair.val[1]);
            for (uint32_t k = 2; k < kernel; k += 2) {
                pair = vld2q_s16(row + 2 * x + k);
                most = vmaxq_s16(most, pair.val[0]);
                if (k + 1 < kernel)
                    most = vmaxq_s16(most, pair.val[1]);
            }
            vst1q_s16(out + x, most);
        }
    }
#endif
    for (; x < width; x++) {
        int16_t most = row[x * stride];
        for (uint32_t k = 1; k < kernel; k++)
            most = row[x * stride + k] > most ? row[x * stride + k] : most;
        out[x] = most;
    }
}

/* The maxima of `count` rows of the image. */
SPB_INLINE void pool_rows(const int16_t *in, uint32_t count, uint32_t width, int16_t *row) {
    for (uint32_t x = 0; x < width; x += REAL_LANES, in += REAL_LANES) {
        real_vector most = real_load(in);
        for (uint32_t y = 1; y < count; y++)
            most = real_max(most, real_load(in + y * (size_t)width));
        real_store(row + x, most);
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

void spb_real_pool(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    int16_t row[ROW_MAX];
    for (uint32_t i = 0; i < ROW_MAX; i++)
        row[i] = INT16_MIN;
    for (uint32_t c = 0; c < to->channels; c++, in += (size_t)from->height * from->width) {
        if (layer->weights[c / 8] >> c % 8 & 1) {
            pool_least(layer, in, out);
            out += (size_t)to->height * to->width;
            continue;
        }
        for (uint32_t y = 0; y < to->height; y++, out += to->width) {
            uint32_t top = y * layer->stride, padding = layer->padding;
            uint32_t first = top > padding ? top - padding : 0, end = top + layer->kernel_h - padding;
            end = end < from->height ? end : from->height;
            const int16_t *top_row = in + first * (size_t)from->width;
            if (end - first == 3) { /* the usual kernels are constants */
                pool_rows(top_row, 3, from->width, row + padding);
            } else {
                pool_rows(top_row, end - first, from->width, row + padding);
            }
            for (uint32_t i = 0; i < REAL_LANES; i++) /* what the last vector has of the next row */
                row[padding + from->width + i] = INT16_MIN;
            if (layer->kernel_w == 3 && layer->stride == 2) {
                pool_columns(row, 3, 2, to->width, out);
            } else {
                pool_columns(row, layer->kernel_w, layer->stride, to->width, out);
            }
        }
    }
}
