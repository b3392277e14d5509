/* Fields of a bundle: little-endian, at any alignment. A compiler makes one load of each. */
#ifndef SPB_LITTLE_ENDIAN_H
#define SPB_LITTLE_ENDIAN_H

#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "spanbit reads bundles in place: a little-endian machine is needed"
#endif

static inline uint16_t spb_u16(const uint8_t *p) { return (uint16_t)(p[0] | (uint32_t)p[1] << 8); }

static inline uint32_t spb_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline int32_t spb_i32(const uint8_t *p) { return (int32_t)spb_u32(p); }

#endif
