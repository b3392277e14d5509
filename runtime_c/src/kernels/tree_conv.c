/* Bit-sliced tree convolution.
 *
 * For output channel c with parent p, S_c = S_p + sum over the taps where their signed rows differ. S is held
 * as bit-planes, two's complement: word j holds bit j of S for every pixel of a tile (one spb_word). A
 * differing tap is one load of prepared activations (kernels/prepare_planes.c) and one full adder (word.h):
 *
 *     for tile of the output plane                     planes of one tile stay in registers and L1
 *         for node in depth-first order                slots: at most log2(channels) + 2 sums are alive
 *             p[0..] = slot of the parent, or zero
 *             +1 taps into plane 0, -1 taps out of it; +2, -2 taps at plane 1
 *             output bit = (S >= value) or (S <= value): a carry chain over the planes
 *
 * Adding a list of taps, 32 words of them at a time (Harley-Seal): 31 full adders turn 32 words and planes
 * 0..4 into planes 0..4 and one carry of weight 32. Carries of equal weight wait in pairs, so a plane above
 * is touched once for every two carries of its weight. Which carries wait is the binary number of blocks
 * done, and what is left of the list (16, 8, 4, 2, 1 words) waits at planes 4 to 0: so a carry waits at plane
 * j if bit j of the count is set, and `settle` ripples all of them up once, at the end of the list:
 *
 *     taps  a0 a1   a2 a3   a4 a5   a6 a7   ...
 *     p0     \ /     \ /     \ /     \ /          16 full adders
 *     p1       \     /         \     /             8
 *     p2          \ ------------ /                 4
 *     p3                   \ --- ... /             2
 *     p4                           ...              1  -> carry of weight 32
 *
 * All planes of a sum are local variables with constant indices: on AArch64 they are registers. For that, the
 * code exists there once for each number of planes and lanes; where registers are fewer, less of it does, and
 * a machine without vectors has one copy. Limit: 3 operations and a load a tap (NEON, per 128 pixels); the
 * derivation with counts is in docs/kernels.md.
 */
#include "../little_endian.h"
#include "../tap_table.h"
#include "../word.h"
#include "kernels.h"

enum { MAX_PLANES = 17, BLOCK_LOG2 = 5 };

/* DO(j) for every plane, with literal j: an index in a loop would keep the planes in memory. */
#define EACH_PLANE(DO)                                                                                       \
    DO(0)                                                                                                    \
    DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15) DO(16)

/* A word of taps is one load, or `lanes` of them side by side. */
SPB_INLINE spb_word add2(spb_word *p, const uint8_t *base, const uint32_t *taps, int lanes, int subtract) {
    return spb_full(p, spb_gather(base, taps, lanes), spb_gather(base, taps + lanes, lanes), subtract);
}

/* Four words of taps into planes 0 and 1, the carry has weight 4. */
SPB_INLINE spb_word add4(spb_word *p, const uint8_t *base, const uint32_t *taps, int lanes, int subtract) {
    spb_word a = add2(p, base, taps, lanes, subtract);
    spb_word b = add2(p, base, taps + 2 * lanes, lanes, subtract);
    return spb_full(p + 1, a, b, subtract);
}

SPB_INLINE spb_word add8(spb_word *p, const uint8_t *base, const uint32_t *taps, int lanes, int subtract) {
    spb_word a = add4(p, base, taps, lanes, subtract);
    spb_word b = add4(p, base, taps + 4 * lanes, lanes, subtract);
    return spb_full(p + 2, a, b, subtract);
}

SPB_INLINE spb_word add16(spb_word *p, const uint8_t *base, const uint32_t *taps, int lanes, int subtract) {
    spb_word a = add8(p, base, taps, lanes, subtract);
    spb_word b = add8(p, base, taps + 8 * lanes, lanes, subtract);
    return spb_full(p + 3, a, b, subtract);
}

SPB_INLINE spb_word add32(spb_word *p, const uint8_t *base, const uint32_t *taps, int lanes, int subtract) {
    spb_word a = add16(p, base, taps, lanes, subtract);
    spb_word b = add16(p, base, taps + 16 * lanes, lanes, subtract);
    return spb_full(p + 4, a, b, subtract);
}

/* Adds (takes) `count` words of taps to (from) the number in p[0 .. planes). Carries beyond the top plane are
 * dropped: sums are modulo 2^planes. */
SPB_INLINE void accumulate(spb_word *p, int planes, int lanes, const uint8_t *base, const uint32_t *taps,
                           uint32_t count, int subtract) {
    spb_word zero = spb_splat_byte(0), low[BLOCK_LOG2], waiting[MAX_PLANES];
    for (int j = 0; j < BLOCK_LOG2; j++) /* apart from p, so that no store to it is feared between loads */
        low[j] = p[j];
#define CLEAR(j) waiting[j] = zero;
    EACH_PLANE(CLEAR)
#undef CLEAR
    for (uint32_t block = 0; block < count >> BLOCK_LOG2; block++, taps += (1 << BLOCK_LOG2) * lanes) {
        spb_word up = add32(low, base, taps, lanes, subtract);
        do {
#define JOIN(j)                                                                                              \
    if ((j) >= BLOCK_LOG2 && (j) < planes) {                                                                 \
        if (!(block << BLOCK_LOG2 >> (j)&1u)) {                                                              \
            waiting[j] = up;                                                                                 \
            break;                                                                                           \
        }                                                                                                    \
        up = spb_full(&p[j], waiting[j], up, subtract);                                                      \
        waiting[j] = zero;                                                                                   \
    }
            EACH_PLANE(JOIN)
#undef JOIN
        } while (0);
    }
    if (count & 16) {
        waiting[4] = add16(low, base, taps, lanes, subtract);
        taps += 16 * lanes;
    }
    if (count & 8) {
        waiting[3] = add8(low, base, taps, lanes, subtract);
        taps += 8 * lanes;
    }
    if (count & 4) {
        waiting[2] = add4(low, base, taps, lanes, subtract);
        taps += 4 * lanes;
    }
    if (count & 2) {
        waiting[1] = add2(low, base, taps, lanes, subtract);
        taps += 2 * lanes;
    }
    if (count & 1)
        waiting[0] = spb_gather(base, taps, lanes);
    for (int j = 0; j < BLOCK_LOG2; j++)
        p[j] = low[j];
    spb_word up = spb_half(&p[0], waiting[0], subtract);
#define SETTLE(j)                                                                                            \
    if ((j) > 0 && (j) < planes)                                                                             \
        up = spb_full(&p[j], waiting[j], up, subtract);
    EACH_PLANE(SETTLE)
#undef SETTLE
}

/* A list of any layer: one copy of the code for each number of lanes, planes in memory. */
#if SPB_CONSTANT_LANES == SPB_ALL_LANES
SPB_INLINE /* never called */
#else
static
#endif
    void
    any_list(spb_word *p, int planes, int lanes, const uint8_t *base, const uint32_t *taps, uint32_t count,
             int subtract) {
    switch (lanes << 1 | subtract) { /* constants for everything behind it */
#define LANES(n)                                                                                             \
    case (n) << 1:                                                                                           \
        accumulate(p, planes, n, base, taps, count, 0);                                                      \
        break;                                                                                               \
    case (n) << 1 | 1:                                                                                       \
        accumulate(p, planes, n, base, taps, count, 1);                                                      \
        break;
        SPB_EACH_LANE_COUNT(LANES)
#undef LANES
    }
}

/* The number's comparison with a constant as a carry chain from the lowest plane up: with the planes u_j of S
 * and the bits t_j of the constant, both with the top bit flipped so that two's complement orders as
 * unsigned, c := t_j ? u_j & c : u_j | c is S >= t when c starts at 1 and S > t when it starts at 0. Where
 * u_j and c are equal that is u_j, else it is not t_j, which is what the table's masks hold. */
SPB_INLINE spb_word compare(const spb_word *p, int planes, const uint8_t *header) {
    const uint8_t *masks = header + SPB_TABLE_MASKS;
    spb_word chain = spb_splat_byte(header[SPB_TABLE_FIRST]);
#define CHAIN(j)                                                                                             \
    if ((j) + 1 < planes)                                                                                    \
        chain = spb_select(spb_xor(p[j], chain), spb_splat_byte(masks[j]), p[j]);
    EACH_PLANE(CHAIN)
#undef CHAIN
    spb_word top = p[planes - 1];
    chain = spb_select(spb_xor(top, chain), spb_not(top), spb_splat_byte(masks[planes - 1]));
    return spb_xor(chain, spb_splat_byte(header[SPB_TABLE_FLIP]));
}

/* Adds to the number in each lane that of the lane `bytes` further. */
SPB_INLINE void add_lane(spb_word *p, int planes, int bytes) {
    spb_word up = spb_half(&p[0], spb_rotate(p[0], bytes), 0);
#define ADD(j)                                                                                               \
    if ((j) > 0 && (j) < planes)                                                                             \
        up = spb_full(&p[j], spb_rotate(p[j], bytes), up, 0);
    EACH_PLANE(ADD)
#undef ADD
}

/* One tile of all channels. Lanes keep their sums apart all along a branch of the tree, and are added up only
 * to be compared. `constant`: planes and lanes are, so the planes can be registers. */
SPB_INLINE void run_tile(const spb_layer *layer, int planes, int lanes, int constant, const uint8_t *base,
                         const uint8_t *tables, uint8_t *slots, const uint8_t *mask, uint8_t *out) {
    const uint8_t *header = tables;
    const uint8_t *node = layer->nodes;
    const size_t slot_bytes = (size_t)planes * SPB_WORD_BYTES;
    spb_word pixels = spb_load(mask);
    for (uint32_t i = 0; i < layer->out.channels; i++, node += SPB_NODE_BYTES) {
        const uint16_t *count = (const uint16_t *)(const void *)header;
        const uint32_t *taps = (const uint32_t *)(const void *)(header + SPB_TABLE_HEADER_BYTES);
        spb_word p[MAX_PLANES];
        if (node[SPB_NODE_SOURCE] == SPB_NODE_ZERO) {
#define ZERO(j)                                                                                              \
    if ((j) < planes)                                                                                        \
        p[j] = spb_splat_byte(0);
            EACH_PLANE(ZERO)
#undef ZERO
        } else {
            const uint8_t *source = slots + (size_t)node[SPB_NODE_SOURCE] * slot_bytes;
#define LOAD(j)                                                                                              \
    if ((j) < planes)                                                                                        \
        p[j] = spb_load(source + (j)*SPB_WORD_BYTES);
            EACH_PLANE(LOAD)
#undef LOAD
        }
#define LIST(list, low, subtract)                                                                            \
    if (count[list] && constant)                                                                             \
        accumulate(p + (low), planes - (low), lanes, base, taps, count[list], subtract);                     \
    if (count[list] && !constant)                                                                            \
        any_list(p + (low), planes - (low), lanes, base, taps, count[list], subtract);                       \
    taps += count[list] * lanes;
        LIST(SPB_ADD1, 0, 0)
        LIST(SPB_SUB1, 0, 1)
        LIST(SPB_ADD2, 1, 0)
        LIST(SPB_SUB2, 1, 1)
#undef LIST
        if (header[SPB_TABLE_KEEP]) {
            uint8_t *slot = slots + (size_t)node[SPB_NODE_SLOT] * slot_bytes;
#define STORE(j)                                                                                             \
    if ((j) < planes)                                                                                        \
        spb_store(slot + (j)*SPB_WORD_BYTES, p[j]);
            EACH_PLANE(STORE)
#undef STORE
        }
        if (lanes >= 2)
            add_lane(p, planes, SPB_WORD_BYTES / 2);
        if (lanes >= 4)
            add_lane(p, planes, SPB_WORD_BYTES / 4);
        if (lanes >= 8)
            add_lane(p, planes, SPB_WORD_BYTES / 8);
        spb_word bits = compare(p, planes, header);
        spb_store(out + (size_t)spb_u16(node + SPB_NODE_CHANNEL) * layer->out.plane_bytes,
                  spb_and(bits, pixels));
        header = (const uint8_t *)taps;
    }
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

/* The kernel for this layer's planes and lanes; both are of a checked bundle. */
static void choose_tile(const spb_layer *layer, const uint8_t *base, const uint8_t *tables, uint8_t *slots,
                        const uint8_t *mask, uint8_t *out) {
    int lanes = (int)spb_lanes(&layer->out, SPB_WORD_BYTES), planes = (int)layer->planes;
    switch (lanes << 8 | planes) {
#define TILE(lanes, planes)                                                                                  \
    case (lanes) << 8 | (planes):                                                                            \
        run_tile(layer, planes, lanes, 1, base, tables, slots, mask, out);                                   \
        break;
#define TILE1(planes) TILE(1, planes)
#define TILE2(planes) TILE(2, planes)
#define TILE4(planes) TILE(4, planes)
#if SPB_CONSTANT_LANES & 1
        SPB_EACH_PLANE_COUNT(TILE1)
#endif
#if SPB_CONSTANT_LANES & 2
        SPB_EACH_LANE_PLANE_COUNT(TILE2)
#endif
#if SPB_CONSTANT_LANES & 4
        SPB_EACH_LANE_PLANE_COUNT(TILE4)
#endif
#if SPB_CONSTANT_LANES != SPB_ALL_LANES
    default:
        run_tile(layer, planes, lanes, 0, base, tables, slots, mask, out);
        break;
#endif
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
    uint32_t rows = to->height * to->row_bytes, at = 0;
    spb_prepare_planes(layer, in, prepared);
    fill_mask(to, mask);
    for (; at < rows; at += SPB_WORD_BYTES)
        choose_tile(layer, prepared + at, tables, slots, mask + at, out + at);
    clear_rest(to, out, at);
}
