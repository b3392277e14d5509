/* Sums of the tree kernel as integers: planes of one channel's S, transposed, and P = 2 sign (S - constant) -
 * W (step_tail.h).
 *
 *     plane 0   pixel 0 1 2 3 ...      64 pixels of up to 16 or 32 planes are a bit matrix (transpose.h):
 *     plane 1   pixel 0 1 2 3 ...      then each pixel's bits lie side by side
 */
#include "tree_sums.h"

#include "../step_tail.h"
#include "requantize.h"
#include "transpose.h"

typedef struct tail {
    int32_t factor;
    uint32_t constant, shift; /* shift: 32 less the planes */
    const uint8_t *weights;   /* i32 for each class */
} tail;

static tail tail_of(const spb_layer *layer, const uint8_t *from) {
    tail t = {.shift = 32 - layer->planes, .weights = from + SPB_TAIL_WEIGHTS};
    memcpy(&t.factor, from + SPB_TAIL_FACTOR, sizeof t.factor);
    memcpy(&t.constant, from + SPB_TAIL_CONSTANT, sizeof t.constant);
    return t;
}

/* P of a pixel whose stored sum has these bits. */
SPB_INLINE int32_t sum_of(const tail *t, uint32_t bits, uint32_t border_class) {
    uint32_t top = (bits - t->constant) << t->shift; /* modulo 2^planes */
    int32_t s, weights;
    memcpy(&s, &top, sizeof s);
    memcpy(&weights, t->weights + 4 * (size_t)border_class, sizeof weights);
    return t->factor * (s >> t->shift) - weights;
}

/* `count` pixels of a row from (y, x) on, to `to`. `rows` transposed, the first pixel's bits at `bit`. */
static void store_row(const spb_layer *layer, const spb_border *border, const tail *t, const uint64_t *rows,
                      unsigned side, uint32_t bit, uint32_t y, uint32_t x, uint32_t count, void *to) {
    uint32_t row_class = spb_axis_class(&border->rows, y) * border->columns.count;
    uint32_t mask = (uint32_t)(((uint64_t)1 << layer->planes) - 1);
    for (uint32_t p = 0; p < count; p++) {
        uint32_t from = bit + p, bits = (uint32_t)(rows[from % side] >> (from / side * side)) & mask;
        int32_t sum =
            sum_of(t, bits, layer->zero_pad ? row_class + spb_axis_class(&border->columns, x + p) : 0);
        if (layer->output == SPB_OUTPUT_INT16) {
            ((int16_t *)to)[p] = (int16_t)sum;
        } else {
            ((int32_t *)to)[p] = sum;
        }
    }
}

void spb_tree_sums(const spb_layer *layer, const uint8_t *planes, uint32_t word_bytes, uint32_t at,
                   const uint8_t *step_tail, uint32_t index, uint8_t *out) {
    const tail t = tail_of(layer, step_tail);
    if (t.factor == 0)
        return; /* another step of the node follows */
    const spb_border border = spb_border_of(layer);
    uint8_t *channel = out + index * (size_t)spb_output_bytes(layer, 1);
    uint32_t row_bits = layer->out.row_bytes * 8, piece = word_bytes < 8 ? word_bytes : 8;
    uint32_t end = layer->out.height * row_bits;
    unsigned side = layer->planes <= 16 ? 16 : 32;
    for (uint32_t byte = 0; byte < word_bytes; byte += piece) {
        uint64_t rows[32];
        memset(rows, 0, sizeof rows);
        for (uint32_t j = 0; j < layer->planes; j++)
            memcpy(&rows[j], planes + (size_t)j * word_bytes + byte, piece);
        if (side == 16) {
            spb_transpose(rows, 16);
        } else {
            spb_transpose(rows, 32);
        }
        uint32_t first = (at + byte) * 8;
        for (uint32_t bit = 0, step; bit < piece * 8 && first + bit < end; bit += step) {
            uint32_t y = (first + bit) / row_bits, x = (first + bit) % row_bits;
            step = row_bits - x < piece * 8 - bit ? row_bits - x : piece * 8 - bit;
            uint32_t count = x >= layer->out.width         ? 0
                             : layer->out.width - x < step ? layer->out.width - x
                                                           : step;
            size_t pixel = y * (size_t)layer->out.width + x;
            uint8_t *to = channel + pixel * spb_sum_bytes(layer->output);
            if (layer->real) {
                int16_t sums[64];
                const int16_t *addend = layer->addend;
                if (addend)
                    addend += index * (size_t)layer->out.height * layer->out.width + pixel;
                store_row(layer, &border, &t, rows, side, bit, y, x, count, sums);
                spb_requantize(layer, index, sums, count, addend, (int16_t *)(void *)to);
                continue;
            }
            store_row(layer, &border, &t, rows, side, bit, y, x, count, to);
        }
    }
}
