/* The expanded tap table and the prepared planes: the layouts that the loader and the tree kernel share
 * (docs/bundle-format.md). */
#ifndef SPB_TAP_TABLE_H
#define SPB_TAP_TABLE_H

#include "layer.h"

/* Fields of a node record in the bundle, byte offsets. */
enum {
    SPB_NODE_CHANNEL = 0,
    SPB_NODE_DISTANCE = 2,
    SPB_NODE_SOURCE = 4,
    SPB_NODE_SLOT = 5,
    SPB_NODE_COMPARE = 6,
    SPB_NODE_NEGATED = 7,
    SPB_NODE_VALUE = 8,
    SPB_NODE_BYTES = 16,
    SPB_NODE_ZERO = 255
};

/* A table is a run of steps. A step counts taps, adds them to the sum in the source slot, and compares. A
 * node is one step, or several in a row where it has more taps than a step takes, or taps of weight 1 and of
 * weight 2: each starts from the one before it, and the last has the node's output. Behind the header come
 * u16 offsets into the prepared planes, a word's lanes side by side: pieces and blocks as tree_count.h has
 * them; behind these, where a constant depends on the pixel, a tail (step_tail.h). */
enum {
    SPB_STEP_SOURCE = 0,  /* slot, or SPB_NODE_ZERO */
    SPB_STEP_SLOT = 1,    /* where the sum goes if it is kept */
    SPB_STEP_FLAGS = 2,   /* SPB_STEP_KEEP and others */
    SPB_STEP_FLIP = 3,    /* 0x00 or 0xFF: what the comparison's result is flipped with */
    SPB_STEP_CHANNEL = 4, /* u16 */
    SPB_STEP_PIECES = 6,  /* u16, bit 2 j: a piece of 2^j words to add; the bit above it: to take away */
    SPB_STEP_BLOCKS = 8,  /* of 32 words; low half: to add, high half: to take away */
    SPB_STEP_WORDS = 10,  /* u16: of taps */
    SPB_STEP_MASKS = 12,  /* for each plane: 0xFF where the constant's bit is 0, else 0x00 */
    SPB_STEP_WINDOW = 30, /* u16: the window that the offsets are of */
    SPB_STEP_HEADER_BYTES = 32
};
enum {
    SPB_STEP_KEEP = 1,      /* a later step starts from this one's sum */
    SPB_STEP_SHIFT = 2,     /* taps have weight 2 */
    SPB_STEP_FROM_ZERO = 4, /* there is no source */
    SPB_STEP_FIXED = 8,     /* the output is SPB_STEP_FLIP, whatever the sum is */
    SPB_STEP_LAST = 16,     /* no step of the same window follows */
    SPB_STEP_MORE = 32      /* with SPB_STEP_LAST: but one of another window */
};
enum { SPB_PLANES_MAX = 18, SPB_STEP_BLOCKS_MAX = 6 };

/* A node's lists of taps: differences of +1, -1, +2, -2. */
enum { SPB_ADD1 = 0, SPB_SUB1 = 1, SPB_ADD2 = 2, SPB_SUB2 = 3 };

/* Taps that a word of `word_bytes` takes at once: a lane is a power of two that holds the rows. Four at most:
 * more are slower to load than lanes half empty. */
enum { SPB_LANES_MAX = 4 };
static inline uint32_t spb_lanes(const spb_tensor *out, uint32_t word_bytes) {
    uint32_t lanes = SPB_LANES_MAX;
    while (lanes > 1 && (word_bytes / lanes < 4 || word_bytes / lanes < out->height * out->row_bytes))
        lanes /= 2;
    return lanes;
}

/* `to`: a power of two. No division: a small core has none of 64 bits. */
static inline uint64_t spb_round_up(uint64_t value, uint64_t to) { return (value + to - 1) & ~(to - 1); }

/* Output rows of the strip that is prepared at a time; the last one may be lower. */
static inline uint32_t spb_strip_rows(const spb_layer *layer) {
    return layer->strip_rows < layer->out.height ? layer->strip_rows : layer->out.height;
}

/* Bytes of one prepared copy: the rows that the strip's windows reach; a word at least. */
static inline uint32_t spb_copy_bytes(const spb_layer *layer) {
    uint32_t rows = spb_strip_rows(layer) + (layer->kernel_h - 1) / layer->stride;
    uint32_t bytes = rows * layer->out.row_bytes;
    return bytes < 8 ? 8 : bytes;
}

/* Offsets are u16, and the zeros' is the largest of a window. */
enum { SPB_COPIES_BYTES_MAX = 0xFFC0 };

static inline uint64_t spb_channel_copies_bytes(const spb_layer *layer) {
    return (uint64_t)layer->kernel_w * layer->stride * spb_copy_bytes(layer);
}

/* The prepared copies come in windows of so many input channels each, as many as offsets reach; 0: not even
 * one channel's. */
static inline uint32_t spb_window_channels(const spb_layer *layer) {
    uint64_t bytes = spb_channel_copies_bytes(layer);
    uint32_t reached = bytes > SPB_COPIES_BYTES_MAX ? 0 : SPB_COPIES_BYTES_MAX / (uint32_t)bytes;
    return reached < layer->in.channels ? reached : layer->in.channels;
}

static inline uint32_t spb_window_count(const spb_layer *layer) {
    uint32_t each = spb_window_channels(layer);
    return each ? (layer->in.channels + each - 1) / each : 0;
}

/* Where a window's copies end and its zeros begin: the tap of a lane that has none, wherever the tile is. */
static inline uint64_t spb_copies_bytes(const spb_layer *layer) {
    return spb_round_up(spb_window_channels(layer) * spb_channel_copies_bytes(layer), 64);
}

static inline uint32_t spb_zeros_bytes(const spb_layer *layer) {
    return (uint32_t)spb_round_up((uint64_t)spb_strip_rows(layer) * layer->out.row_bytes, 64) + 64;
}

static inline uint64_t spb_window_bytes(const spb_layer *layer) {
    return spb_copies_bytes(layer) + spb_zeros_bytes(layer);
}

static inline uint64_t spb_prepared_bytes(const spb_layer *layer) {
    return spb_window_count(layer) * spb_window_bytes(layer);
}

/* Where a list's next tap goes. */
typedef struct spb_table_cursor {
    uint8_t *step, *at;
    int stage;
    uint32_t left;
} spb_table_cursor;

/* A table being written: spb_table_begin, the nodes, spb_table_end. A node is spb_table_node, for each window
 * that it has taps in, from the first on, spb_table_part and these taps with spb_table_put, and
 * spb_table_node_end. The tree must have been checked. */
typedef struct spb_table_writer {
    const spb_layer *layer;
    uint8_t *at, *end;
    uint8_t *last;       /* step */
    const uint8_t *node; /* being written */
    uint8_t *begun;      /* where its first step is */
    uint32_t source;     /* where its next step starts from */
    uint32_t lanes, tail_bytes;
    spb_table_cursor cursor[4];
    uint32_t constant[256]; /* by slot: what the sum there has too much, from taps that are taken away */
    uint8_t *writer[256];   /* by slot: the step whose sum stands there */
} spb_table_writer;

void spb_table_begin(spb_table_writer *w, const spb_layer *layer, uint8_t *table, uint32_t table_bytes);
void spb_table_node(spb_table_writer *w, const uint8_t *node);
/* SPB_ERR_REGION, here and below: the table is too small. */
spb_status spb_table_part(spb_table_writer *w, uint32_t window, const uint32_t count[4]);
/* The next tap of a list, as many as spb_table_part was told. */
void spb_table_put(spb_table_writer *w, int list, uint16_t offset);
/* `sums`: of the node's row, spb_row_sums_count of them. */
spb_status spb_table_node_end(spb_table_writer *w, const int32_t *sums);
void spb_table_end(spb_table_writer *w);

/* `next`, or nothing if it is NULL, comes behind the step. */
void spb_step_before(uint8_t *step, const uint8_t *next);

/* Where tap k of a channel is in its window of the prepared copies. */
uint16_t spb_tap_offset(const spb_layer *layer, uint32_t k);

#endif
