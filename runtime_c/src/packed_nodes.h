/* Node records of firmware that expands its tables: each field takes as many bits as its values need.
 *
 *     12 bytes    a record, without what is reserved: of each field the least
 *     7 x u8      bits of the fields below; with the first, 64: channels are counted from the node's index on
 *     then node after node, field after field: value - least, the least significant bit first
 *     5 zeros     so that words may be loaded
 *
 * A bundle has whole records, which these are unpacked into (sdk/spanbit/export/packed_nodes.py).
 */
#ifndef SPB_PACKED_NODES_H
#define SPB_PACKED_NODES_H

#include <string.h>

#include "little_endian.h"
#include "tap_table.h"

/* Called once a node: seven copies of the loop would take more flash than packing saves. */
#if defined(__clang__)
#define PACKED_ROLLED _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define PACKED_ROLLED _Pragma("GCC unroll 1")
#else
#define PACKED_ROLLED
#endif

enum { PACKED_FIELDS = 7, PACKED_RECORD = 12, PACKED_FROM_INDEX = 64, PACKED_BITS = 63 };

/* The node that begins at bit `at`, the index-th, as a record; the bit that the next one begins at. */
static inline uint32_t spb_unpack_node(const uint8_t *packed, uint32_t index, uint32_t at,
                                       uint8_t node[SPB_NODE_BYTES]) {
    static const uint8_t place[PACKED_FIELDS + 1] = {SPB_NODE_CHANNEL, SPB_NODE_DISTANCE, SPB_NODE_SOURCE,
                                                     SPB_NODE_SLOT,    SPB_NODE_COMPARE,  SPB_NODE_NEGATED,
                                                     SPB_NODE_VALUE,   PACKED_RECORD};
    const uint8_t *widths = packed + PACKED_RECORD, *bits = widths + PACKED_FIELDS;
    uint32_t from = *widths & PACKED_FROM_INDEX ? index : 0;
    PACKED_ROLLED
    for (uint32_t i = 0; i < PACKED_FIELDS; i++, from = 0) {
        const uint8_t *word = bits + at / 8; /* up to 32 bits, from any bit of a byte on */
        uint64_t value = (spb_u32(word) | (uint64_t)word[4] << 32) >> at % 8;
        uint32_t width = widths[i] & PACKED_BITS, bytes = place[i + 1] - place[i];
        at += width;
        from += (uint32_t)(value & (((uint64_t)1 << width) - 1));
        for (uint32_t b = 0; b < bytes; b++, from >>= 8) { /* adds them to the least, byte by byte */
            from += packed[place[i] + b];
            node[place[i] + b] = (uint8_t)from;
        }
    }
    return at;
}

#endif
