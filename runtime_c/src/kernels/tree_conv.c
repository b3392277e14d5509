/* Bit-sliced tree convolution.
 *
 * For output channel c with parent p, S_c = S_p + sum over the taps where their signed rows differ. S is held
 * as bit-planes: word j holds bit j of S for every pixel of a tile (one tree_word). S is known up to a
 * constant, modulo 2^planes: a tap that is taken away counts upwards too (tree_count.h), and what that adds
 * goes into the number that S is compared with.
 *
 *     for strip of output rows                         its prepared planes stay in L1 (prepare_planes.c)
 *       for tile of the strip                          a tree_word
 *         for step of the table, in depth-first order  slots: at most log2(channels) + 2 sums are alive
 *             count the step's taps, in registers                                         (tree_count.h)
 *             for plane j, from the lowest
 *                 sum     = slot of the parent + count       a full adder where the count has a bit,
 *                 slot    = sum, if a later step wants it    a half one above it
 *                 compare                                    a carry chain beside the adders' one
 *             output bits = what the chain says
 *
 * Limit: for each tap and 128 pixels 3 operations and a load, and on AArch64 5/8 of an instruction for the
 * offset; for each node and 128 pixels and plane 6 operations, a load and a store where the parent's sum is
 * needed and kept. The derivation with counts is in docs/kernels.md.
 */
#include "../little_endian.h"
#include "kernels.h"
#include "tree_border.h"
#include "tree_count.h"
#include "tree_sums.h"

/* DO(j) for every plane, with literal j: an index in a loop would keep the counts in memory. */
#define EACH_PLANE(DO)                                                                                       \
    DO(0)                                                                                                    \
    DO(1)                                                                                                    \
    DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17)

/* Adds to the number in each lane, of `planes` planes, that of the lane `bytes` further; one plane more. */
SPB_INLINE void add_lane(spb_word *p, int planes, int bytes) {
    spb_word up = spb_half(&p[0], tree_rotate(p[0], bytes));
#define ADD(j)                                                                                               \
    if ((j) > 0 && (j) < planes)                                                                             \
        up = spb_full(&p[j], tree_rotate(p[j], bytes), up, 0);
    EACH_PLANE(ADD)
#undef ADD
    p[planes] = up;
}

/* Planes of a count whose lanes are added up. */
SPB_INLINE int folded_planes(int lanes) { return TREE_COUNT_PLANES + (lanes >= 2) + (lanes >= 4); }

/* The lanes' counts added up, in every lane. From here on a narrow word holds all there is. */
SPB_INLINE void fold(const tree_word *count, int lanes, spb_word *p) {
#if defined(SPB_WORD_IS_AARCH64)
    p[0] = count[0].q[0];
    spb_word up = spb_half(&p[0], count[0].q[1]);
    for (int j = 1; j < TREE_COUNT_PLANES; j++) {
        p[j] = count[j].q[0];
        up = spb_full(&p[j], count[j].q[1], up, 0);
    }
    p[TREE_COUNT_PLANES] = up;
#else
    for (int j = 0; j < TREE_COUNT_PLANES; j++)
        p[j] = count[j];
    add_lane(p, TREE_COUNT_PLANES, TREE_WORD_BYTES / 2);
#endif
    if (lanes >= 4)
        add_lane(p, TREE_COUNT_PLANES + 1, TREE_WORD_BYTES / 4);
}

typedef struct tile {
    const uint8_t *base;               /* window of the prepared planes, at the tile */
    const uint8_t *mask;               /* which bits are pixels, at the tile */
    uint8_t *out, *slots;              /* out: at the tile */
    uint32_t planes, top, plane_bytes; /* top: the highest plane's bit: one instruction asks for a plane */
    const spb_layer *layer;
    const spb_border *border;
    const uint8_t *border_words;          /* zero padding: tree_border.h, at the tile */
    uint32_t class_bytes, tail_bytes, at; /* at: byte of a plane where the tile begins */
    int tap_align;                        /* 4, 2, 1: taps' addresses are its multiples */
} tile;

/* A channel's sums, from the slot that its step has filled. */
static void step_sums(const tile *t, uint32_t channel, uint32_t word_bytes, const uint8_t *slot,
                      const uint8_t *tail) {
    if (SPB_TREE_SUMS)
        spb_tree_sums(t->layer, t->border, slot, word_bytes, t->at, tail, channel, t->out);
}

#define SETTLE tree_settle
#define TAIL_STEP tail_step
#define STORE_PLANE store_plane
#define OP(name) tree_##name
#define SPLAT tree_splat
#define WORD tree_word
#include "tree_settle.h"
#if defined(SPB_WORD_IS_AARCH64)
#define SETTLE narrow_settle
#define TAIL_STEP narrow_tail_step
#define STORE_PLANE store_narrow
#define OP(name) spb_##name
#define SPLAT(x) (x)
#define WORD spb_word
#include "tree_settle.h"
#else
#define narrow_settle tree_settle
#define narrow_tail_step tail_step
#define store_narrow store_plane
#endif

/* A tail step of any number of lanes. The counts are copied, so that the loop's can be registers. */
SPB_INLINE void any_tail_step(const tile *t, const tree_word *count, int lanes, const uint8_t *header,
                              const uint8_t *tail) {
    if (lanes == 1) {
        tree_word copy[TREE_COUNT_PLANES];
        for (int j = 0; j < TREE_COUNT_PLANES; j++)
            copy[j] = count[j];
        tail_step(t, copy, TREE_COUNT_PLANES, header, tail, TREE_WORD_BYTES);
    } else {
        spb_word folded[SPB_PLANES_MAX];
        fold(count, lanes, folded);
        narrow_tail_step(t, folded, folded_planes(lanes), header, tail, SPB_PLANE_ALIGN);
    }
}

/* One tile of all channels, or of the steps from `next` on that are of one window; returns where there are
 * more, NULL if nowhere. */
SPB_INLINE const uint8_t *run_tile(const tile *t, const uint8_t *next, int lanes) {
    const uint8_t *header;
    const uint32_t tail_bytes = t->tail_bytes;
    const tree_word mask = tree_load(t->mask);
    uint32_t flags;
    do {
        header = next;
        flags = header[SPB_STEP_FLAGS];
        uint8_t *to = t->out + (size_t)spb_u16(header + SPB_STEP_CHANNEL) * t->plane_bytes;
        tree_word count[SPB_PLANES_MAX];
        next = tree_count(count, t->base, header, lanes, t->tap_align);
        if (SPB_TREE_BORDER && tail_bytes && lanes == 1 && t->class_bytes == 1) { /* 3x3, the usual case */
            tree_word bits =
                tree_settle(count, TREE_COUNT_PLANES, t, header, flags, next, t->border_words, 1);
            tree_store(to, tree_and(bits, mask));
            next += tail_bytes;
        } else if ((SPB_TREE_BORDER || SPB_TREE_SUMS) && tail_bytes) {
            any_tail_step(t, count, lanes, header, next);
            next += tail_bytes;
        } else if (lanes == 1) {
            tree_word bits = tree_settle(count, TREE_COUNT_PLANES, t, header, flags, NULL, NULL, 0);
            tree_store(to, tree_and(bits, mask));
        } else { /* one word is all that the plane has pixels in */
            spb_word folded[SPB_PLANES_MAX];
            fold(count, lanes, folded);
            spb_word bits = narrow_settle(folded, folded_planes(lanes), t, header, flags, NULL, NULL, 0);
            store_narrow(to, spb_and(bits, spb_load(t->mask)), SPB_PLANE_ALIGN);
        }
    } while (!(flags & SPB_STEP_LAST));
    return flags & SPB_STEP_MORE ? next : NULL;
}

/* 1 for every bit of an output plane that is a pixel. */
static void fill_mask(const spb_tensor *out, uint8_t *mask) {
    memset(mask, 0, out->plane_bytes);
    for (uint32_t y = 0; y < out->height; y++) {
        for (uint32_t x = 0; x < out->width; x += 8) {
            uint32_t left = out->width - x;
            mask[y * out->row_bytes + x / 8] = (uint8_t)(left >= 8 ? 0xFFu : (1u << left) - 1u);
        }
    }
}

static const uint8_t *run_lanes(const tile *t, const uint8_t *steps, int lanes) {
    switch (lanes) {
#define LANES(n)                                                                                             \
    case n:                                                                                                  \
        return SPB_TREE_LANES & (n) ? run_tile(t, steps, n) : NULL;
        TREE_EACH_LANE_COUNT(LANES)
#undef LANES
    }
    return NULL; /* never */
}

/* What lies behind the last word of rows is no pixel. */
static void clear_rest(const spb_tensor *t, uint8_t *data, uint32_t from) {
    if (from >= t->plane_bytes)
        return;
    for (uint32_t c = 0; c < t->channels; c++)
        memset(data + (size_t)c * t->plane_bytes + from, 0, t->plane_bytes - from);
}

void spb_tree_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch,
                   const uint8_t *tables) {
    const spb_tensor *to = &layer->out;
    uint8_t *prepared = scratch;
    size_t window_bytes = (size_t)spb_window_bytes(layer);
    uint8_t *slots = scratch + spb_window_count(layer) * window_bytes;
    uint8_t *mask = slots + (size_t)layer->slot_count * layer->planes * SPB_PLANE_ALIGN;
    uint8_t *behind = mask + spb_round_up(to->plane_bytes, 64);
    int lanes = (int)spb_lanes(to, TREE_WORD_BYTES), border = layer->zero_pad && !layer->output;
    uint32_t word = lanes == 1 ? TREE_WORD_BYTES : SPB_PLANE_ALIGN, end = to->height * to->row_bytes, at = 0;
    uint32_t strip = spb_strip_rows(layer), strip_bytes = strip * to->row_bytes;
    uint32_t tail_bytes = spb_tail_bytes(layer);
    spb_border sides = {{0, 0, 0}, {0, 0, 0}}; /* only sums ask for it here */
    tree_border classes;
    classes.class_bytes = 0;
    classes.words = NULL;
    fill_mask(to, mask);
    if (SPB_TREE_SUMS && layer->output)
        sides = spb_border_of(layer);
    if (SPB_TREE_BORDER && border)
        tree_border_begin(&classes, layer, behind);
    for (uint32_t top = 0; top < to->height; top += strip) {
        spb_prepare_planes(layer, in, top, prepared);
        for (uint32_t from = at; at < end && at - from < strip_bytes; at += word) {
            const uint8_t *steps = tables;
            tile t = {.mask = mask + at,
                      .out = layer->output ? out : out + at,
                      .slots = slots,
                      .planes = layer->planes,
                      .top = 1u << (layer->planes - 1),
                      .plane_bytes = to->plane_bytes,
                      .layer = layer,
                      .border = &sides,
                      .border_words = classes.words,
                      .class_bytes = classes.class_bytes,
                      .tail_bytes = tail_bytes,
                      .at = at,
                      .tap_align = to->row_bytes % 4 == 0   ? 4
                                   : to->row_bytes % 2 == 0 ? 2
                                                            : 1};
            if (SPB_TREE_BORDER && classes.class_bytes)
                tree_border_words(layer, &classes, at, lanes == 1 ? TREE_WORD_BYTES : TREE_NARROW_BYTES);
            do {
                t.base = prepared + spb_u16(steps + SPB_STEP_WINDOW) * window_bytes + (at - from);
                steps = run_lanes(&t, steps, lanes);
            } while (steps);
        }
    }
    if (!layer->output)
        clear_rest(to, out, at);
}
