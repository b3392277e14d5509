/* The words of zero padding, for one tile: which pixels belong to a set of border classes, for every set that
 * a byte of a step's tail can name (step_tail.h). A plane's constant is then the base class's bit in all
 * pixels, inverted in those of one such word. Classes have no pixel in common. */
#ifndef SPB_TREE_BORDER_H
#define SPB_TREE_BORDER_H

#include "../step_tail.h"
#include "../word.h"

typedef struct tree_border {
    spb_border border;
    uint32_t base, class_bytes;
    const uint8_t *columns; /* [class of columns][row_bytes]: its pixels in a row */
    uint8_t *words;         /* [class_bytes][SPB_BORDER_WORDS] words */
    uint8_t classes[SPB_BORDER_CLASSES_MAX][SPB_PLANE_ALIGN]; /* those that the words are of: their pixels */
} tree_border;

/* Words of sets of up to 8 classes, each time doubling what is there. `bytes` is a constant. */
SPB_INLINE void tree_border_sets(uint8_t (*classes)[SPB_PLANE_ALIGN], uint32_t count, uint32_t bytes,
                                 uint8_t *words) {
    memset(words, 0, bytes);
    for (uint32_t c = 0; c < count; c++, classes++) {
        uint8_t *to = words + ((size_t)bytes << c);
        for (uint32_t set = 0; set < 1u << c; set++) {
            for (uint32_t i = 0; i < bytes; i += SPB_WORD_BYTES) {
                size_t at = (size_t)set * bytes + i;
                spb_store(to + at, spb_xor(spb_load(words + at), spb_load(*classes + i)));
            }
        }
    }
}

/* `scratch`: spb_tree_border_bytes of it. */
static inline void tree_border_begin(tree_border *t, const spb_layer *layer, uint8_t *scratch) {
    uint32_t row_bytes = layer->out.row_bytes;
    t->border = spb_border_of(layer);
    t->base = spb_base_class(&t->border);
    t->class_bytes = spb_class_bytes(&t->border);
    t->words = scratch;
    uint8_t *columns = scratch + (size_t)t->class_bytes * SPB_BORDER_WORDS * SPB_PLANE_ALIGN;
    memset(columns, 0, (size_t)t->border.columns.count * row_bytes);
    for (uint32_t x = 0; x < layer->out.width; x++) {
        uint8_t *byte = columns + spb_axis_class(&t->border.columns, x) * row_bytes + x / 8;
        *byte = (uint8_t)(*byte | 1u << x % 8);
    }
    t->columns = columns;
}

/* The words of the tile that begins at byte `at` of a plane; `bytes`, a multiple of a spb_word's, each. Tiles
 * between the first and the last rows often have the same. */
static inline void tree_border_words(const spb_layer *layer, tree_border *t, uint32_t at, uint32_t bytes) {
    uint8_t classes[SPB_BORDER_CLASSES_MAX][SPB_PLANE_ALIGN];
    uint32_t row_bytes = layer->out.row_bytes, columns = t->border.columns.count;
    uint32_t count = spb_border_count(&t->border) - 1;
    memset(classes, 0, sizeof classes);
    for (uint32_t i = 0; i < bytes && (at + i) / row_bytes < layer->out.height; i++) {
        uint32_t row = spb_axis_class(&t->border.rows, (at + i) / row_bytes) * columns;
        for (uint32_t c = 0; c < columns; c++) { /* the base class leaves no gap */
            if (row + c != t->base)
                classes[row + c - (row + c > t->base)][i] = t->columns[c * row_bytes + (at + i) % row_bytes];
        }
    }
    if (at > 0 && memcmp(classes, t->classes, sizeof classes) == 0)
        return;
    memcpy(t->classes, classes, sizeof classes);
    for (uint32_t first = 0; first < count; first += 8) {
        uint8_t *words = t->words + (size_t)first / 8 * SPB_BORDER_WORDS * bytes;
        uint32_t sets = count - first < 8 ? count - first : 8;
        if (bytes == SPB_WORD_BYTES) {
            tree_border_sets(t->classes + first, sets, SPB_WORD_BYTES, words);
        } else {
            tree_border_sets(t->classes + first, sets, 2 * SPB_WORD_BYTES, words);
        }
    }
}

#endif
