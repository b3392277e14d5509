/* Border classes: pixels whose windows leave the image by the same rows and columns of the kernel. With zero
 * padding a layer's constants depend on the pixel, but only by its class.
 *
 * Along one axis the windows of the first `leading` output rows begin outside the image, those of the last
 * ones end outside, and all between lie inside and are one class, `leading`. Class k is row k up to that one,
 * and row k + shift behind it:
 *
 *     row     0 1 2 3 4 5 ... 29 30 31        5x5, padding 2, stride 1, 32 rows
 *     class   0 1 2 2 2 2 ...  2  3  4        leading 2, shift 27, count 5
 *
 * In an image so small that no window lies inside, every row is its own class, and shift is 0.
 */
#ifndef SPB_BORDER_H
#define SPB_BORDER_H

#include "layer.h"

typedef struct spb_axis {
    uint32_t leading, shift, count;
} spb_axis;

typedef struct spb_border {
    spb_axis rows, columns;
} spb_border;

/* First row of the kernel inside the image, and the one behind the last. */
typedef struct spb_inside {
    uint32_t first, end;
} spb_inside;

static inline spb_axis spb_axis_of(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride,
                                   uint32_t padding) {
    uint32_t leading = (padding + stride - 1) / stride;
    uint32_t end = in + padding < kernel ? 0 : (in + padding - kernel) / stride + 1;
    end = end < out ? end : out; /* windows from here on end outside */
    uint32_t shift = end > leading + 1 ? end - leading - 1 : 0;
    spb_axis axis = {leading, shift, out - shift};
    return axis;
}

static inline spb_border spb_border_of(const spb_layer *l) {
    spb_border b = {spb_axis_of(l->in.height, l->out.height, l->kernel_h, l->stride, l->padding),
                    spb_axis_of(l->in.width, l->out.width, l->kernel_w, l->stride, l->padding)};
    return b;
}

static inline uint32_t spb_border_count(const spb_border *b) { return b->rows.count * b->columns.count; }

static inline uint32_t spb_axis_class(const spb_axis *axis, uint32_t row) {
    if (row <= axis->leading)
        return row;
    return row <= axis->leading + axis->shift ? axis->leading : row - axis->shift;
}

static inline spb_inside spb_axis_inside(const spb_axis *axis, uint32_t index, uint32_t in, uint32_t kernel,
                                         uint32_t stride, uint32_t padding) {
    uint32_t row = index <= axis->leading ? index : index + axis->shift, at = row * stride;
    uint32_t first = padding > at ? padding - at : 0;
    uint32_t end = in + padding > at ? in + padding - at : 0;
    end = end < kernel ? end : kernel;
    spb_inside inside = {first < end ? first : end, end};
    return inside;
}

#endif
