#include "tap_stream.h"

#include <string.h>

#include "little_endian.h"
#include "packed_nodes.h"
#include "step_tail.h"
#include "tap_table.h"

/* Bits of the stream, least significant of each byte first. Reading past the end gives zeros and is noticed
 * by `overrun`, so that the loops need no check of their own.
 *
 * The two numbers of 64 bits are no neighbours: gcc 12 at -O2 for MVE makes one vector of such a pair, and
 * takes the second from the wrong registers. */
typedef struct bit_reader {
    uint64_t at; /* in bits */
    const uint8_t *data;
    uint64_t end; /* in bits, that of a whole byte */
} bit_reader;

enum { AHEAD_BITS = 57 }; /* at least so many of a word are left, wherever in a byte it begins */

/* The next AHEAD_BITS bits, and perhaps a few zeros instead of more. */
static uint64_t ahead(const bit_reader *r) {
    uint64_t word = 0, byte = r->at / 8, bytes = r->end / 8;
    if (byte + 8 <= bytes) {
        memcpy(&word, r->data + byte, sizeof word);
    } else {
        for (uint64_t i = 0; byte + i < bytes; i++)
            word |= (uint64_t)r->data[byte + i] << (8 * i);
    }
    return word >> r->at % 8;
}

static uint32_t next_bits(bit_reader *r, uint32_t count) {
    uint32_t value = (uint32_t)(ahead(r) & (((uint64_t)1 << count) - 1));
    r->at += count;
    return value;
}

static uint32_t next_bit(bit_reader *r) { return next_bits(r, 1); }

static uint32_t trailing_ones(uint64_t word) {
#if defined(__GNUC__) || defined(__clang__)
    return ~word ? (uint32_t)__builtin_ctzll(~word) : 64;
#else
    uint32_t count = 0;
    for (; word & 1; word >>= 1)
        count++;
    return count;
#endif
}

/* So many 1s, and the 0 behind them; any number from `limit` on stands for too many. */
static uint32_t next_unary(bit_reader *r, uint32_t limit) {
    uint32_t ones = 0;
    while (ones < limit) {
        uint32_t run = trailing_ones(ahead(r));
        if (run < AHEAD_BITS) {
            r->at += run + 1;
            return ones + run;
        }
        ones += AHEAD_BITS;
        r->at += AHEAD_BITS;
    }
    return limit;
}

static int overrun(const bit_reader *r) { return r->at > r->end; }

static uint32_t tap_total(const spb_layer *layer) {
    return layer->in.channels * layer->kernel_h * layer->kernel_w;
}

uint64_t spb_tap_stream_scratch(const spb_layer *layer) {
    uint64_t rows = (uint64_t)layer->slot_count * 2 * ((tap_total(layer) + 7) / 8);
    uint64_t sums = (uint64_t)layer->slot_count * 4 * spb_row_sums_count(layer);
    return spb_round_up(rows, 4) + sums;
}

/* Behind the rows: the sums of each slot's (step_tail.h). */
static int32_t *sums_of(const spb_layer *layer, uint8_t *scratch, uint32_t slot) {
    uint64_t rows = spb_round_up((uint64_t)layer->slot_count * 2 * ((tap_total(layer) + 7) / 8), 4);
    return (int32_t *)(void *)(scratch + rows) + (size_t)slot * spb_row_sums_count(layer);
}

/* A tap of the row changes: its place's sum, and how many taps are +1 and -1. */
static void change_sums(int32_t *sums, uint32_t kernel, uint32_t k, int before, int after) {
    sums[k % kernel] += after - before;
    sums[kernel] += (after > 0) - (before > 0);
    sums[kernel + 1] += (after < 0) - (before < 0);
}

/* A signed row: bit k of `used` is set where the weight is not 0, bit k of `plus` where it is +1. */
typedef struct row {
    uint8_t *used, *plus;
} row;

static row row_of(const spb_layer *layer, uint8_t *scratch, uint32_t slot) {
    uint32_t bytes = (tap_total(layer) + 7) / 8;
    row r = {scratch + (size_t)slot * 2 * bytes, scratch + ((size_t)slot * 2 + 1) * bytes};
    return r;
}

static int weight_at(row r, uint32_t k) {
    if (!(r.used[k / 8] >> k % 8 & 1))
        return 0;
    return r.plus[k / 8] >> k % 8 & 1 ? 1 : -1;
}

static void set_weight(row r, uint32_t k, int weight) {
    uint8_t bit = (uint8_t)(1u << k % 8);
    r.used[k / 8] = (uint8_t)(weight ? r.used[k / 8] | bit : r.used[k / 8] & ~bit);
    r.plus[k / 8] = (uint8_t)(weight > 0 ? r.plus[k / 8] | bit : r.plus[k / 8] & ~bit);
}

/* Which of the four lists a difference goes to. */
static int list_of(int difference) {
    switch (difference) {
    case 1:
        return SPB_ADD1;
    case -1:
        return SPB_SUB1;
    case 2:
        return SPB_ADD2;
    default:
        return SPB_SUB2;
    }
}

/* How far the taps of a node have been walked. */
typedef struct walk {
    bit_reader reader;
    uint32_t left, k, rice; /* taps to come; the last one; parameter of the gaps' code */
    int whole, begun;       /* a binary root: all taps; whether there was a tap */
} walk;

static spb_status walk_begin(const spb_layer *layer, walk *w, bit_reader reader, uint32_t distance,
                             int from_zero) {
    walk begun = {.reader = reader, .left = distance, .whole = from_zero && layer->binary};
    if (begun.whole && distance != tap_total(layer))
        return SPB_ERR_STREAM;
    begun.rice = begun.whole ? 0 : next_bits(&begun.reader, 5);
    *w = begun;
    return SPB_OK;
}

/* Walks the taps of one node up to tap `end`. First to count the lists (`table` NULL, the row unchanged) and
 * to change the row's sums if they are asked for, then to write the offsets and to update the row. */
static spb_status walk_on(const spb_layer *layer, walk *w, row weights, uint32_t end, uint32_t counts[4],
                          int32_t *sums, spb_table_writer *table) {
    uint32_t total = tap_total(layer), kernel = layer->kernel_h * layer->kernel_w;
    for (; w->left > 0; w->left--) {
        bit_reader r = w->reader;
        uint64_t at = w->begun ? (uint64_t)w->k + 1 : 0;
        int before = 0, after;
        if (!w->whole) {
            uint32_t quotient = next_unary(&r, total);
            if (quotient >= total)
                return SPB_ERR_STREAM;
            at += (uint64_t)quotient << w->rice | next_bits(&r, w->rice);
            if (at >= total || overrun(&r))
                return SPB_ERR_STREAM;
        }
        if (at >= end)
            break;
        uint32_t k = (uint32_t)at;
        if (!w->whole)
            before = weight_at(weights, k);
        if (before == 0) {
            after = next_bit(&r) ? 1 : -1;
        } else {
            after = layer->binary || next_bit(&r) ? -before : 0;
        }
        w->reader = r;
        w->k = k;
        w->begun = 1;
        int list = list_of(after - before);
        if (table) {
            spb_table_put(table, list, spb_tap_offset(layer, k));
            set_weight(weights, k, after);
        } else {
            counts[list]++;
            if (sums)
                change_sums(sums, kernel, k, before, after);
        }
    }
    return overrun(&w->reader) ? SPB_ERR_STREAM : SPB_OK;
}

/* The steps of the node that the table is at, window by window. */
static spb_status walk_node(const spb_layer *layer, walk *w, row weights, int32_t *sums,
                            spb_table_writer *table) {
    uint32_t window_taps = spb_window_channels(layer) * layer->kernel_h * layer->kernel_w;
    for (uint32_t window = 0; w->left > 0; window++) {
        walk again = *w;
        uint32_t counts[4] = {0, 0, 0, 0}, end = (window + 1) * window_taps;
        spb_status status = walk_on(layer, w, weights, end, counts, sums, NULL);
        if (!status && again.left == w->left)
            continue; /* no tap in this window */
        if (!status)
            status = spb_table_part(table, window, counts);
        if (status)
            return status;
        (void)walk_on(layer, &again, weights, end, counts, NULL, table);
    }
    return overrun(&w->reader) ? SPB_ERR_STREAM : SPB_OK;
}

spb_status spb_tap_stream_expand(const spb_layer *layer, uint8_t *table, uint8_t *scratch) {
    bit_reader reader = {0, layer->weights, (uint64_t)layer->weight_bytes * 8};
    uint32_t row_bytes = (tap_total(layer) + 7) / 8, packed_at = 0;
    uint8_t unpacked[SPB_NODE_BYTES];
    spb_table_writer writer;
    spb_table_begin(&writer, layer, table, layer->tables_bytes);
    for (uint32_t i = 0; i < layer->out.channels; i++) {
        const uint8_t *node = SPB_PACKED_NODES ? unpacked : layer->nodes + (size_t)i * SPB_NODE_BYTES;
        if (SPB_PACKED_NODES)
            packed_at = spb_unpack_node(layer->nodes, i, packed_at, unpacked);
        uint32_t distance = spb_u16(node + SPB_NODE_DISTANCE), source = node[SPB_NODE_SOURCE];
        uint32_t slot = node[SPB_NODE_SLOT];
        int from_zero = source == SPB_NODE_ZERO;
        row weights = row_of(layer, scratch, slot);
        if (from_zero) {
            memset(weights.used, 0, (size_t)row_bytes * 2);
        } else if (source != slot) {
            memcpy(weights.used, row_of(layer, scratch, source).used, (size_t)row_bytes * 2);
        }
        int32_t *sums = spb_row_sums_count(layer) ? sums_of(layer, scratch, slot) : NULL;
        size_t sums_bytes = spb_row_sums_count(layer) * sizeof *sums;
        if (sums && from_zero) {
            memset(sums, 0, sums_bytes);
        } else if (sums && source != slot) {
            memcpy(sums, sums_of(layer, scratch, source), sums_bytes);
        }
        walk taps;
        spb_table_node(&writer, node);
        spb_status status = walk_begin(layer, &taps, reader, distance, from_zero);
        if (!status)
            status = walk_node(layer, &taps, weights, sums, &writer);
        if (!status)
            status = spb_table_node_end(&writer, sums);
        if (status)
            return status;
        reader = taps.reader;
    }
    spb_table_end(&writer);
    return SPB_OK;
}
