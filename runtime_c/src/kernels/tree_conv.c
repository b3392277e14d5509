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
#include "tree_count.h"

/* DO(j) for every plane, with literal j: an index in a loop would keep the counts in memory. */
#define EACH_PLANE(DO)                                                                                       \
    DO(0)                                                                                                    \
    DO(1)                                                                                                    \
    DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17)

/* Plane j of the sum: of the parent's and of the count, whose plane 0 has weight 2^shift. */
SPB_INLINE tree_word add_plane(int j, const tree_word *count, int shift, int from_zero, const uint8_t *source,
                               tree_word *carry) {
    int i = j - shift, counts = i >= 0 && i < TREE_COUNT_PLANES;
    if (from_zero)
        return counts ? count[i] : tree_splat_byte(0);
    tree_word x = tree_load(source + j * TREE_WORD_BYTES);
    if (counts && i > 0) {
        *carry = tree_full(&x, count[i], *carry, 0);
    } else if (counts) {
        *carry = tree_half(&x, count[i]);
    } else if (i > 0) {
        *carry = tree_half(&x, *carry);
    }
    return x;
}

/* The number's comparison with a constant T, both modulo 2^planes and no further apart than 2^(planes - 1):
 * S >= T where the top bit of S + not T + 1 is 0. The carries into its planes are c := majority(s_j, k_j, c)
 * with k_j = not t_j, which is k_j where s_j and c differ, else s_j; at first c is 1. The header has k_j as
 * bytes, and what is left of the top plane's t_j, and of <= instead of >=, as SPB_STEP_FLIP. */
SPB_INLINE spb_word chain(spb_word c, spb_word s, uint8_t k) {
    return spb_select(spb_xor(s, c), spb_splat_byte(k), s);
}

SPB_INLINE tree_word chain_word(tree_word c, tree_word s, uint8_t k) {
    return tree_select(tree_xor(s, c), tree_splat_byte(k), s);
}

SPB_INLINE tree_word result_word(tree_word c, tree_word top, const uint8_t *header) {
    tree_word flip = tree_splat_byte(header[SPB_STEP_FLIP]);
    return header[SPB_STEP_FLAGS] & SPB_STEP_FIXED ? flip : tree_xor(tree_xor(top, c), flip);
}

/* Sum and comparison where the image fills words. */
SPB_INLINE tree_word settle(const tree_word *count, int shift, int from_zero, int keep, uint32_t planes,
                            const uint8_t *header, const uint8_t *source, uint8_t *slot) {
    const uint8_t *masks = header + SPB_STEP_MASKS;
    tree_word carry = tree_splat_byte(0), c = tree_splat_byte(0xFF);
#define PLANE(j)                                                                                             \
    {                                                                                                        \
        tree_word s = add_plane(j, count, shift, from_zero, source, &carry);                                 \
        if (keep)                                                                                            \
            tree_store(slot + (j)*TREE_WORD_BYTES, s);                                                       \
        if ((j) + 1u == planes)                                                                              \
            return result_word(c, s, header);                                                                \
        c = chain_word(c, s, masks[j]);                                                                      \
    }
    EACH_PLANE(PLANE)
#undef PLANE
    return c; /* never: a checked layer has at most SPB_PLANES_MAX planes */
}

/* Plane j of the number in each lane plus those of all other lanes, whose lower planes left `carry`. */
SPB_INLINE tree_narrow fold_plane(tree_word s, int lanes, spb_word carry[3]) {
#if defined(SPB_WORD_IS_AARCH64)
    spb_word x = s.q[0];
    carry[0] = spb_full(&x, s.q[1], carry[0], 0);
    if (lanes >= 4)
        carry[1] = spb_full(&x, tree_rotate(x, 8), carry[1], 0);
    if (lanes >= 8)
        carry[2] = spb_full(&x, tree_rotate(x, 4), carry[2], 0);
#else
    spb_word x = s;
    carry[0] = spb_full(&x, tree_rotate(x, TREE_NARROW_BYTES / 2), carry[0], 0);
    if (lanes >= 4)
        carry[1] = spb_full(&x, tree_rotate(x, TREE_NARROW_BYTES / 4), carry[1], 0);
    if (lanes >= 8)
        carry[2] = spb_full(&x, tree_rotate(x, TREE_NARROW_BYTES / 8), carry[2], 0);
#endif
    return x;
}

/* Sum and comparison where lanes share a word: they keep their sums apart all along a branch of the tree, and
 * are added up only to be compared. The sum is stored in any case: to ask costs as much. */
SPB_INLINE tree_narrow settle_lanes(const tree_word *count, int shift, int from_zero, int lanes,
                                    uint32_t planes, const uint8_t *header, const uint8_t *source,
                                    uint8_t *slot) {
    const uint8_t *masks = header + SPB_STEP_MASKS;
    tree_word carry = tree_splat_byte(0);
    spb_word zero = spb_splat_byte(0), folds[3] = {zero, zero, zero}, c = spb_splat_byte(0xFF);
#define PLANE(j)                                                                                             \
    {                                                                                                        \
        tree_word s = add_plane(j, count, shift, from_zero, source, &carry);                                 \
        tree_store(slot + (j)*TREE_WORD_BYTES, s);                                                           \
        tree_narrow x = fold_plane(s, lanes, folds);                                                         \
        if ((j) + 1u == planes) {                                                                            \
            spb_word flip = spb_splat_byte(header[SPB_STEP_FLIP]);                                           \
            return header[SPB_STEP_FLAGS] & SPB_STEP_FIXED ? flip : spb_xor(spb_xor(x, c), flip);            \
        }                                                                                                    \
        c = chain(c, x, masks[j]);                                                                           \
    }
    EACH_PLANE(PLANE)
#undef PLANE
    return c; /* never */
}

typedef struct tile {
    const uint8_t *tables;
    const uint8_t *base;  /* prepared planes, at the tile */
    const uint8_t *mask;  /* which bits are pixels, at the tile */
    uint8_t *out, *slots; /* out: at the tile */
    uint32_t planes, plane_bytes;
} tile;

/* One tile of all channels. */
SPB_INLINE void run_tile(const tile *t, int lanes) {
    const size_t slot_bytes = (size_t)t->planes * TREE_WORD_BYTES;
    const uint8_t *header, *next = t->tables;
    uint32_t flags;
    do {
        header = next;
        flags = header[SPB_STEP_FLAGS];
        int from_zero = header[SPB_STEP_SOURCE] == SPB_NODE_ZERO;
        const uint8_t *source = from_zero ? t->slots : t->slots + header[SPB_STEP_SOURCE] * slot_bytes;
        uint8_t *slot = t->slots + header[SPB_STEP_SLOT] * slot_bytes;
        uint8_t *to = t->out + (size_t)spb_u16(header + SPB_STEP_CHANNEL) * t->plane_bytes;
        tree_word count[TREE_COUNT_PLANES];
        next = tree_count(count, t->base, header, lanes);
        if (lanes == 1) {
            tree_word bits;
#define SETTLE(shift, from_zero, keep)                                                                       \
    bits = settle(count, shift, from_zero, keep, t->planes, header, source, slot)
            switch ((flags & 3) | (from_zero ? 4u : 0)) { /* constants for everything behind it */
            case SPB_STEP_KEEP:
                SETTLE(0, 0, 1);
                break;
            case SPB_STEP_SHIFT:
                SETTLE(1, 0, 0);
                break;
            case SPB_STEP_SHIFT | SPB_STEP_KEEP:
                SETTLE(1, 0, 1);
                break;
            case 4:
                SETTLE(0, 1, 0);
                break;
            case 4 | SPB_STEP_KEEP:
                SETTLE(0, 1, 1);
                break;
            default:
                SETTLE(0, 0, 0);
                break;
            }
#undef SETTLE
            tree_store(to, tree_and(bits, tree_load(t->mask)));
        } else {
            tree_narrow bits;
            if (from_zero) {
                bits = settle_lanes(count, 0, 1, lanes, t->planes, header, source, slot);
            } else if (flags & SPB_STEP_SHIFT) {
                bits = settle_lanes(count, 1, 0, lanes, t->planes, header, source, slot);
            } else {
                bits = settle_lanes(count, 0, 0, lanes, t->planes, header, source, slot);
            }
            spb_store(to, spb_and(bits, spb_load(t->mask)));
            for (int rest = TREE_NARROW_BYTES; rest < SPB_PLANE_ALIGN; rest += TREE_NARROW_BYTES)
                spb_store(to + rest, spb_splat_byte(0)); /* all the plane there is */
        }
    } while (!(flags & SPB_STEP_LAST));
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

static void run_lanes(const tile *t, int lanes) {
    switch (lanes) {
#define LANES(n)                                                                                             \
    case n:                                                                                                  \
        run_tile(t, n);                                                                                      \
        break;
        TREE_EACH_LANE_COUNT(LANES)
#undef LANES
    }
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
    uint8_t *slots = scratch + spb_prepared_bytes(layer);
    uint8_t *mask = slots + (size_t)layer->slot_count * layer->planes * SPB_PLANE_ALIGN;
    int lanes = (int)spb_lanes(to, TREE_WORD_BYTES);
    uint32_t word = lanes == 1 ? TREE_WORD_BYTES : SPB_PLANE_ALIGN, end = to->height * to->row_bytes, at = 0;
    uint32_t strip = spb_strip_rows(layer), strip_bytes = strip * to->row_bytes;
    fill_mask(to, mask);
    for (uint32_t top = 0; top < to->height; top += strip) {
        spb_prepare_planes(layer, in, top, prepared);
        for (uint32_t from = at; at < end && at - from < strip_bytes; at += word) {
            const tile t = {tables, prepared + (at - from), mask + at,      out + at,
                            slots,  layer->planes,          to->plane_bytes};
            run_lanes(&t, lanes);
        }
    }
    clear_rest(to, out, at);
}
