/* Bit-sliced tree convolution.
 *
 * For output channel c with parent p, S_c = S_p + sum over the taps where their signed rows differ. S is held
 * as bit-planes, two's complement: word j holds bit j of S for every pixel of a tile (32 bytes: 256 pixels;
 * one spb_word at a time). A differing tap is one load of prepared activations (kernels/prepare_planes.c) and
 * one full adder (word.h):
 *
 *     for tile of the output plane                     planes of one tile stay in L1
 *         for node in depth-first order                slots: at most log2(channels) + 2 sums are alive
 *             planes = slot of the parent, or zero
 *             +1 taps into plane 0, -1 taps out of it; +2, -2 taps at plane 1
 *             output bit = (S >= value) or (S <= value): one AND or OR a plane
 *
 * Adding a list of taps, 16 at a time (Harley-Seal): 15 full adders turn 16 taps and planes 0..3 into planes
 * 0..3 and one carry of weight 16. Carries of equal weight wait in pairs (`waiting[level]`, a binary counter
 * over the block number), so each plane above is touched once for every two carries of its weight:
 *
 *     taps  a0 a1   a2 a3   a4 a5   a6 a7   ...
 *     p0     \ /     \ /     \ /     \ /          8 full adders
 *     p1       \     /         \     /            4
 *     p2          \ ------------ /                2
 *     p3                   \ --- ... /            1  -> carry of weight 16
 *
 * What is left in the counter ripples up once, at the end of a list. Limit: 3 operations and a load a tap
 * (NEON, per 128 pixels); the derivation with counts is in docs/kernels.md.
 */
#include "../little_endian.h"
#include "../tap_table.h"
#include "../word.h"
#include "kernels.h"

enum { WORD_BYTES = (int)sizeof(spb_word), MAX_PLANES = 24, BLOCK = 16, BLOCK_LEVEL = 4 };

SPB_INLINE spb_word tap(const uint8_t *base, uint32_t offset) { return spb_load(base + offset); }

/* Four taps into planes 0 and 1, the carry has weight 4. */
SPB_INLINE spb_word add4(spb_word *p0, spb_word *p1, const uint8_t *base, const uint32_t *taps,
                         int subtract) {
    spb_word a = spb_full(p0, tap(base, taps[0]), tap(base, taps[1]), subtract);
    spb_word b = spb_full(p0, tap(base, taps[2]), tap(base, taps[3]), subtract);
    return spb_full(p1, a, b, subtract);
}

SPB_INLINE spb_word add8(spb_word *p0, spb_word *p1, spb_word *p2, const uint8_t *base, const uint32_t *taps,
                         int subtract) {
    spb_word a = add4(p0, p1, base, taps, subtract);
    spb_word b = add4(p0, p1, base, taps + 4, subtract);
    return spb_full(p2, a, b, subtract);
}

/* The counter's ripple: `waiting` bit l says that a carry waits at plane l. Carries beyond the top plane are
 * dropped: sums are modulo 2^plane_count. */
SPB_INLINE void settle(uint8_t *planes, unsigned plane_count, const spb_word *carries, uint32_t waiting,
                       int subtract) {
    spb_word up = spb_splat(0);
    int carrying = 0;
    for (unsigned level = 0; level < plane_count && (carrying || waiting >> level); level++) {
        int waits = (int)(waiting >> level & 1u);
        if (!waits && !carrying)
            continue;
        spb_word plane = spb_load(planes + level * WORD_BYTES);
        if (waits && carrying) {
            up = spb_full(&plane, carries[level], up, subtract);
        } else {
            up = spb_half(&plane, waits ? carries[level] : up, subtract);
        }
        carrying = 1;
        spb_store(planes + level * WORD_BYTES, plane);
    }
}

/* A carry of weight 2^level joins the counter. */
SPB_INLINE uint32_t join(uint8_t *planes, unsigned plane_count, spb_word *carries, uint32_t waiting,
                         unsigned level, spb_word up, int subtract) {
    while (level < plane_count && waiting >> level & 1u) {
        spb_word plane = spb_load(planes + level * WORD_BYTES);
        up = spb_full(&plane, carries[level], up, subtract);
        spb_store(planes + level * WORD_BYTES, plane);
        waiting &= ~(1u << level);
        level++;
    }
    if (level >= plane_count)
        return waiting;
    carries[level] = up;
    return waiting | 1u << level;
}

/* Adds (takes) `count` taps to (from) the number in `planes`. */
SPB_INLINE void accumulate(uint8_t *planes, unsigned plane_count, const uint8_t *base, const uint32_t *taps,
                           uint32_t count, int subtract) {
    spb_word carries[MAX_PLANES];
    uint32_t waiting = 0;
    if (count >= 8 && plane_count > BLOCK_LEVEL) {
        spb_word p0 = spb_load(planes), p1 = spb_load(planes + WORD_BYTES),
                 p2 = spb_load(planes + 2 * WORD_BYTES);
        if (count >= BLOCK) {
            spb_word p3 = spb_load(planes + 3 * WORD_BYTES);
            for (; count >= BLOCK; count -= BLOCK, taps += BLOCK) {
                spb_word a = add8(&p0, &p1, &p2, base, taps, subtract);
                spb_word b = add8(&p0, &p1, &p2, base, taps + 8, subtract);
                spb_word up = spb_full(&p3, a, b, subtract);
                waiting = join(planes, plane_count, carries, waiting, BLOCK_LEVEL, up, subtract);
            }
            spb_store(planes + 3 * WORD_BYTES, p3);
        }
        if (count >= 8) {
            carries[3] = add8(&p0, &p1, &p2, base, taps, subtract);
            waiting |= 1u << 3;
            count -= 8, taps += 8;
        }
        if (count >= 4) {
            carries[2] = add4(&p0, &p1, base, taps, subtract);
            waiting |= 1u << 2;
            count -= 4, taps += 4;
        }
        spb_store(planes, p0);
        spb_store(planes + WORD_BYTES, p1);
        spb_store(planes + 2 * WORD_BYTES, p2);
    }
    for (; count >= 2; count -= 2, taps += 2) {
        spb_word p0 = spb_load(planes);
        spb_word up = spb_full(&p0, tap(base, taps[0]), tap(base, taps[1]), subtract);
        spb_store(planes, p0);
        waiting = join(planes, plane_count, carries, waiting, 1, up, subtract);
    }
    if (count) {
        carries[0] = tap(base, taps[0]);
        waiting |= 1u;
    }
    settle(planes, plane_count, carries, waiting, subtract);
}

/* The number's comparison with a constant as a carry chain from the lowest plane up: with the planes u_j of S
 * and the bits t_j of the constant, both with the top bit flipped so that two's complement orders as
 * unsigned, c := t_j ? u_j & c : u_j | c is S >= t when c starts at 1 and S > t when it starts at 0. */
SPB_INLINE spb_word compare(const uint8_t *planes, unsigned plane_count, int32_t value, unsigned kind) {
    if (kind >= SPB_COMPARE_NEVER)
        return spb_splat(kind == SPB_COMPARE_ALWAYS);
    uint32_t bits = (uint32_t)value ^ 1u << (plane_count - 1);
    spb_word chain = spb_splat(kind == SPB_COMPARE_GE);
    for (unsigned j = 0; j + 1 < plane_count; j++) {
        spb_word plane = spb_load(planes + j * WORD_BYTES);
        chain = bits >> j & 1u ? spb_and(plane, chain) : spb_or(plane, chain);
    }
    spb_word top = spb_not(spb_load(planes + (plane_count - 1) * WORD_BYTES));
    chain = bits >> (plane_count - 1) & 1u ? spb_and(top, chain) : spb_or(top, chain);
    return kind == SPB_COMPARE_GE ? chain : spb_not(chain);
}

/* The parent's number, sign-extended or cut to this node's planes. */
SPB_INLINE void inherit(uint8_t *planes, unsigned plane_count, const uint8_t *source, unsigned source_count) {
    unsigned shared = source_count < plane_count ? source_count : plane_count;
    if (source != planes) {
        for (unsigned j = 0; j < shared; j++) {
            spb_store(planes + j * WORD_BYTES, spb_load(source + j * WORD_BYTES));
        }
    }
    if (shared == plane_count)
        return;
    spb_word sign = spb_splat(0);
    if (source_count > 0)
        sign = spb_load(planes + (source_count - 1) * WORD_BYTES);
    for (unsigned j = shared; j < plane_count; j++)
        spb_store(planes + j * WORD_BYTES, sign);
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

void spb_tree_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch,
                   const uint8_t *tables) {
    const spb_tensor *to = &layer->out;
    uint8_t *prepared = scratch;
    uint8_t *slots = scratch + spb_prepared_bytes(layer);
    uint8_t *mask = slots + (size_t)layer->slot_count * layer->plane_max * SPB_PLANE_ALIGN;
    spb_prepare_planes(layer, in, prepared);
    fill_mask(to, mask);
    for (uint32_t at = 0; at < to->plane_bytes; at += (uint32_t)WORD_BYTES) {
        const uint8_t *base = prepared + at;
        const uint32_t *table = (const uint32_t *)(const void *)tables;
        const uint8_t *node = layer->nodes;
        for (uint32_t i = 0; i < to->channels; i++, node += SPB_NODE_BYTES) {
            unsigned plane_count = node[SPB_NODE_PLANES];
            unsigned from = node[SPB_NODE_SOURCE];
            size_t slot_bytes = (size_t)layer->plane_max * WORD_BYTES;
            uint8_t *planes = slots + node[SPB_NODE_SLOT] * slot_bytes;
            const uint8_t *source = from == SPB_NODE_ZERO ? slots : slots + from * slot_bytes;
            inherit(planes, plane_count, source, node[SPB_NODE_SOURCE_PLANES]);

            const uint32_t *count = table;
            const uint32_t *taps = table + SPB_TABLE_HEADER;
            accumulate(planes, plane_count, base, taps, count[SPB_ADD1], 0);
            taps += count[SPB_ADD1];
            accumulate(planes, plane_count, base, taps, count[SPB_SUB1], 1);
            taps += count[SPB_SUB1];
            if (count[SPB_ADD2] | count[SPB_SUB2]) {
                if (plane_count > 1) {
                    accumulate(planes + WORD_BYTES, plane_count - 1, base, taps, count[SPB_ADD2], 0);
                    taps += count[SPB_ADD2];
                    accumulate(planes + WORD_BYTES, plane_count - 1, base, taps, count[SPB_SUB2], 1);
                    taps += count[SPB_SUB2];
                } else {
                    taps += count[SPB_ADD2] + count[SPB_SUB2]; /* modulo 2 they are nothing */
                }
            }
            table = taps;

            spb_word bits =
                compare(planes, plane_count, spb_i32(node + SPB_NODE_VALUE), node[SPB_NODE_COMPARE]);
            uint8_t *plane = out + (size_t)spb_u16(node + SPB_NODE_CHANNEL) * to->plane_bytes;
            spb_store(plane + at, spb_and(bits, spb_load(mask + at)));
        }
    }
}
