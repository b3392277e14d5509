/* Sums of the tree kernel as integers: planes of one channel's S, transposed, and P = 2 sign (S - constant) -
 * W (step_tail.h).
 *
 *     plane 0   pixel 0 1 2 3 ...      64 pixels of up to 16 or 32 planes are a bit matrix (transpose.h):
 *     plane 1   pixel 0 1 2 3 ...      then each pixel's bits lie side by side
 */
#include "tree_sums.h"

#include "../step_tail.h"
#include "plane_numbers.h"
#include "real_vector.h"
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
                      unsigned side, uint32_t bit, uint32_t y, uint32_t x, uint32_t count, int32_t *to) {
    uint32_t row_class = spb_axis_class(&border->rows, y) * border->columns.count;
    uint32_t mask = (uint32_t)(((uint64_t)1 << layer->planes) - 1);
    for (uint32_t p = 0; p < count; p++) {
        uint32_t from = bit + p, bits = (uint32_t)(rows[from % side] >> (from / side * side)) & mask;
        to[p] = sum_of(t, bits, layer->zero_pad ? row_class + spb_axis_class(&border->columns, x + p) : 0);
    }
}

/* Sums of 32 bits: only at a network's end, so a pixel at a time. */
static void wide_sums(const spb_layer *layer, const spb_border *border, const tail *t, const uint8_t *planes,
                      uint32_t word_bytes, uint32_t at, int32_t *channel) {
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
            int32_t *to = channel + y * (size_t)layer->out.width + x;
            store_row(layer, border, t, rows, side, bit, y, x, count, to);
        }
    }
}

/* Pixels of the tree kernel's word, two registers at most, and what loops go beyond. */
enum { WORD_ROOM = 16 * SPB_WORD_BYTES + 2 * REAL_LANES };

/* What is added to 2 sign S, modulo 2^16, in the pixels of a border class, or in all: less the weights inside
 * the image, and 1 more where the sign is -1. */
SPB_INLINE int16_t offset_of(const tail *t, uint32_t border_class) {
    uint32_t weights;
    memcpy(&weights, t->weights + 4 * (size_t)border_class, sizeof weights);
    return (int16_t)(uint16_t)((uint32_t)(t->factor < 0) - weights);
}

/* The offsets of columns [x, x + count) of a row of class `row`. With zero padding the columns outside the
 * base class have their own, each being a class by itself. */
SPB_INLINE void row_offsets(const spb_layer *layer, const spb_border *border, const tail *t, uint32_t row,
                            uint32_t x, uint32_t count, int16_t *offsets) {
    const spb_axis columns = border->columns;
    const uint32_t inside = spb_base_class(border) % columns.count, first = row * columns.count;
    real_vector most = real_splat(offset_of(t, layer->zero_pad ? first + inside : 0));
    for (int16_t *to = offsets; to < offsets + count; to += REAL_LANES)
        real_store(to, most);
    for (uint32_t k = 0; layer->zero_pad && k < columns.count; k++) {
        uint32_t i = (k < inside ? k : k + columns.shift) - x; /* wraps in front of x */
        if (k != inside && i < count)
            offsets[i] = offset_of(t, first + k);
    }
}

/* `count` numbers and up to two vectors behind them. */
SPB_INLINE void unfold(const real_unfold *u, const int16_t *numbers, const int16_t *offsets, uint32_t count,
                       int16_t *sums) {
    const int16_t *end = sums + count;
    while (sums < end) { /* pointers: of an index gcc makes more instructions */
        real_vector low = real_unfolded(u, real_load(numbers), real_load(offsets));
        real_vector high = real_unfolded(u, real_load(numbers + REAL_LANES), real_load(offsets + REAL_LANES));
        real_store(sums, low);
        real_store(sums + REAL_LANES, high);
        numbers += 2 * REAL_LANES, offsets += 2 * REAL_LANES, sums += 2 * REAL_LANES;
    }
}

/* Sums of 16 bits, modulo 2^16, of all pixels of the word, one after the other; how many. `first`: the place
 * of the first one in the image. */
static uint32_t narrow_sums(const spb_layer *layer, const spb_border *border, const tail *t,
                            const uint8_t *planes, uint32_t word_bytes, uint32_t at, size_t *first,
                            int16_t sums[WORD_ROOM]) {
    int16_t numbers[WORD_ROOM], offsets[WORD_ROOM];
    const spb_axis rows = border->rows;
    const uint32_t row_bits = layer->out.row_bytes * 8, bits = word_bytes * 8, width = layer->out.width;
    uint32_t y = at * 8 / row_bits, x = at * 8 % row_bits, filled = 0, of_row = UINT32_MAX;
    uint32_t used = layer->planes < NUMBER_BITS ? layer->planes : NUMBER_BITS;
    const real_unfold u =
        real_unfold_of((uint16_t)(t->constant << (NUMBER_BITS - used)), used, t->factor < 0);
    spb_plane_numbers(planes, word_bytes, layer->planes, numbers);
    *first = y * (size_t)width + x;
    for (uint32_t bit = 0, step; bit < bits && y < layer->out.height; bit += step, y++, x = 0) {
        step = row_bits - x < bits - bit ? row_bits - x : bits - bit;
        uint32_t left = x < width ? width - x : 0, count = left < step ? left : step;
        uint32_t row = layer->zero_pad ? spb_axis_class(&rows, y) : 0;
        /* Most rows are as the one above, unless the word began within that. */
        if (row != of_row || bit < row_bits) {
            row_offsets(layer, border, t, row, x, count, offsets);
            of_row = row;
        }
        unfold(&u, numbers + bit, offsets, count, sums + filled);
        filled += count;
    }
    return filled;
}

void spb_tree_sums(const spb_layer *layer, const spb_border *border, const uint8_t *planes,
                   uint32_t word_bytes, uint32_t at, const uint8_t *step_tail, uint32_t index, uint8_t *out) {
    const tail t = tail_of(layer, step_tail);
    if (t.factor == 0)
        return; /* another step of the node follows */
    size_t pixels = (size_t)layer->out.height * layer->out.width, first;
    if (layer->output != SPB_OUTPUT_INT16) {
        wide_sums(layer, border, &t, planes, word_bytes, at, (int32_t *)(void *)out + index * pixels);
        return;
    }
    int16_t sums[WORD_ROOM], *channel = (int16_t *)(void *)out + index * pixels;
    uint32_t count = narrow_sums(layer, border, &t, planes, word_bytes, at, &first, sums);
    if (layer->real) {
        const int16_t *addend = layer->addend ? layer->addend + index * pixels + first : NULL;
        spb_requantize(layer, index, sums, count, addend, channel + first);
    } else {
        memcpy(channel + first, sums, count * sizeof sums[0]);
    }
}
