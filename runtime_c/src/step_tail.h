/* What a step of an expanded table has behind its offsets, where a constant depends on the pixel or sums are
 * delivered (docs/bundle-format.md, "Expanded table"). The loader writes it, the tree kernel reads it.
 *
 *     bits, zero padding   for each plane and then for the flip, `class_bytes` bytes: bit i is set where the
 *                          constant of border class i (the base class left out) has another bit than the base
 *     sums                 i32: 2 or -2, the factor of S; i32: what S has too much; then for each class i32:
 *                          the sum of the weights inside the image (without zero padding: of all)
 *
 * The base class stands for the pixels inside, if there are any. */
#ifndef SPB_STEP_TAIL_H
#define SPB_STEP_TAIL_H

#include "border.h"

enum { SPB_BORDER_CLASSES_MAX = 25, SPB_BORDER_WORDS = 256 };
enum { SPB_TAIL_FACTOR = 0, SPB_TAIL_CONSTANT = 4, SPB_TAIL_WEIGHTS = 8 };

/* Whether the loader sums weights up: for each place of the kernel of the signed row, then how many are +1,
 * how many -1. */
static inline uint32_t spb_row_sums_count(const spb_layer *layer) {
    return layer->zero_pad || layer->output ? layer->kernel_h * layer->kernel_w + 2 : 0;
}

static inline uint32_t spb_base_class(const spb_border *border) {
    uint32_t row = border->rows.leading, column = border->columns.leading;
    row = row < border->rows.count ? row : border->rows.count - 1;
    column = column < border->columns.count ? column : border->columns.count - 1;
    return row * border->columns.count + column;
}

static inline uint32_t spb_class_bytes(const spb_border *border) {
    return (spb_border_count(border) + 6) / 8;
}

static inline uint32_t spb_tail_bytes(const spb_layer *layer) {
    if (!layer->zero_pad && !layer->output)
        return 0;
    const spb_border border = spb_border_of(layer);
    uint32_t classes = layer->zero_pad ? spb_border_count(&border) : 1;
    if (layer->output)
        return SPB_TAIL_WEIGHTS + 4 * classes;
    return layer->zero_pad ? (layer->planes * spb_class_bytes(&border) + 1) / 2 * 2 : 0;
}

/* Scratch of the tree kernel: for each byte of classes the 256 combinations of their pixels in the widest
 * word, and the pixels of each class of columns in a row. */
static inline uint64_t spb_tree_border_bytes(const spb_layer *layer) {
    const spb_border border = spb_border_of(layer);
    uint64_t rows = (uint64_t)border.columns.count * layer->out.row_bytes;
    uint64_t words = (uint64_t)spb_class_bytes(&border) * SPB_BORDER_WORDS * 32;
    return layer->zero_pad && !layer->output ? words + (rows + 63) / 64 * 64 : 0;
}

/* Fills the tail of a node's last step, and with zero padding its comparison. `constant`: what S has too
 * much; `sums`: spb_row_sums_count of them. */
void spb_put_tail(const spb_layer *layer, const uint8_t *node, uint32_t constant, const int32_t *sums,
                  uint8_t *step, uint8_t *tail);

#endif
