/* Node records of firmware that expands its tables: each field takes as many bits as its values need.
 *
 *     7 x (i32 least, u8 bits)    of the fields below
 *     then node after node, field after field: value - least, the least significant bit first
 *     8 zeros                     so that words may be loaded
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

enum { PACKED_FIELDS = 7, PACKED_FIELD_BYTES = 5, PACKED_BITS = 4 };

/* The node that begins at bit `at`, as a record; the bit that the next one begins at. */
static inline uint32_t spb_unpack_node(const uint8_t *packed, uint32_t at, uint8_t node[SPB_NODE_BYTES]) {
    static const uint8_t place[PACKED_FIELDS] = {SPB_NODE_CHANNEL, SPB_NODE_DISTANCE, SPB_NODE_SOURCE,
                                                 SPB_NODE_SLOT,    SPB_NODE_COMPARE,  SPB_NODE_NEGATED,
                                                 SPB_NODE_VALUE};
    const uint8_t *bits = packed + PACKED_FIELDS * PACKED_FIELD_BYTES;
    PACKED_ROLLED
    for (uint32_t i = 0; i < PACKED_FIELDS; i++, packed += PACKED_FIELD_BYTES) {
        uint64_t word;
        memcpy(&word, bits + at / 8, sizeof word);
        word = word >> at % 8 & (((uint64_t)1 << packed[PACKED_BITS]) - 1);
        at += packed[PACKED_BITS];
        uint32_t value = spb_u32(packed) + (uint32_t)word;
        /* Of its four bytes those that the field does not have are written over by the next. */
        memcpy(node + place[i], &value, sizeof value);
    }
    return at;
}

#endif
