/* Constants of a node for each border class.
 *
 * Outside the image the prepared planes are 0, so that S counts nothing there, and P = 2 R - W with R = sign
 * * S and W the sum of the weights inside. The threshold t on P becomes one on S:
 *
 *     P >= t    R >= ceil((t + W) / 2) = b        sign -1: S <= -b
 *     P <= t    R <= floor((t + W) / 2) = b       sign -1: S >= -b
 *
 * and S <= b is not S >= b + 1: so each class has a constant T, all with the same inversion. A T that no S
 * reaches is moved to the end of S's range, so that the planes hold S - T.
 */
#include "step_tail.h"

#include <string.h>

#include "little_endian.h"
#include "tap_table.h"

/* Sum of the signed row's weights inside the image. */
static int32_t inside_sum(const spb_layer *layer, const spb_border *border, uint32_t index,
                          const int32_t *sums) {
    const spb_inside y = spb_axis_inside(&border->rows, index / border->columns.count, layer->in.height,
                                         layer->kernel_h, layer->stride, layer->padding);
    const spb_inside x = spb_axis_inside(&border->columns, index % border->columns.count, layer->in.width,
                                         layer->kernel_w, layer->stride, layer->padding);
    int32_t sum = 0;
    for (uint32_t ky = y.first; ky < y.end; ky++) {
        for (uint32_t kx = x.first; kx < x.end; kx++)
            sum += sums[ky * layer->kernel_w + kx];
    }
    return sum;
}

static void put_sums(const spb_layer *layer, const uint8_t *node, uint32_t constant, const int32_t *sums,
                     uint8_t *tail) {
    const spb_border border = spb_border_of(layer);
    int negated = node[SPB_NODE_NEGATED] != 0;
    int32_t factor = negated ? -2 : 2, whole = 0;
    for (uint32_t place = 0; place < layer->kernel_h * layer->kernel_w; place++)
        whole += sums[place];
    memcpy(tail + SPB_TAIL_FACTOR, &factor, sizeof factor);
    memcpy(tail + SPB_TAIL_CONSTANT, &constant, sizeof constant);
    uint32_t classes = layer->zero_pad ? spb_border_count(&border) : 1;
    for (uint32_t index = 0; index < classes; index++) {
        int32_t sum = layer->zero_pad ? inside_sum(layer, &border, index, sums) : whole;
        sum = negated ? -sum : sum;
        memcpy(tail + SPB_TAIL_WEIGHTS + 4 * index, &sum, sizeof sum);
    }
}

/* T of a class; `below`: the comparison on S is <=. */
static int64_t class_constant(const uint8_t *node, int32_t inside, int below, const int32_t *counts) {
    int negated = node[SPB_NODE_NEGATED] != 0, less = node[SPB_NODE_COMPARE] == SPB_COMPARE_LE;
    int64_t total = (int64_t)spb_i32(node + SPB_NODE_VALUE) + (negated ? -inside : inside) + !less;
    int64_t bound = total >= 0 ? total / 2 : -((1 - total) / 2); /* floor; for >= of one more: ceil */
    bound = (negated ? -bound : bound) + below;
    int64_t low = -(int64_t)counts[1], high = (int64_t)counts[0] + 1;
    return bound < low ? low : bound > high ? high : bound;
}

static void put_comparison(const spb_layer *layer, const uint8_t *node, uint32_t constant,
                           const int32_t *sums, uint8_t *step, uint8_t *tail) {
    const spb_border border = spb_border_of(layer);
    const int32_t *counts = sums + layer->kernel_h * layer->kernel_w;
    uint32_t top = layer->planes - 1, base = spb_base_class(&border), class_bytes = spb_class_bytes(&border);
    uint32_t kind = node[SPB_NODE_COMPARE];
    int below = (kind == SPB_COMPARE_LE) != (node[SPB_NODE_NEGATED] != 0);
    if (kind >= SPB_COMPARE_NEVER) {
        step[SPB_STEP_FLAGS] |= SPB_STEP_FIXED;
        step[SPB_STEP_FLIP] = kind == SPB_COMPARE_ALWAYS ? 0xFF : 0;
        return;
    }
    uint32_t value =
        (uint32_t)class_constant(node, inside_sum(layer, &border, base, sums), below, counts) + constant;
    for (uint32_t j = 0; j < top; j++)
        step[SPB_STEP_MASKS + j] = value >> j & 1u ? 0 : 0xFF;
    step[SPB_STEP_FLIP] = (value >> top & 1u) != (uint32_t)below ? 0xFF : 0;
    for (uint32_t index = 0, bit = 0; index < spb_border_count(&border); index++) {
        if (index == base)
            continue;
        int32_t inside = inside_sum(layer, &border, index, sums);
        uint32_t differ = value ^ ((uint32_t)class_constant(node, inside, below, counts) + constant);
        for (uint32_t j = 0; j <= top; j++) {
            uint8_t *byte = tail + j * class_bytes + bit / 8;
            *byte = (uint8_t)(*byte | (differ >> j & 1u) << bit % 8);
        }
        bit++;
    }
}

void spb_put_tail(const spb_layer *layer, const uint8_t *node, uint32_t constant, const int32_t *sums,
                  uint8_t *step, uint8_t *tail) {
    if (layer->output) {
        put_sums(layer, node, constant, sums, tail);
    } else {
        put_comparison(layer, node, constant, sums, step, tail);
    }
}
