/* POOL_BYTES of a plane, pooled 2x2, by row width: pool_1, pool_2, pool_4, pool_8 for rows of that many
 * bytes.
 *
 * A step reads POOL_BYTES and writes a quarter of them; rows of one byte stay rows of one byte, so that
 * pool_1 writes half. `invert` is all ones for AND; `valid` has the bits of the output that are pixels.
 */
#ifndef SPB_POOL_VECTOR_H
#define SPB_POOL_VECTOR_H

#include <string.h>

#include "../word.h"
#include "even_bits.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { POOL_BYTES = 32 };
typedef uint8x16_t pool_mask;

SPB_INLINE pool_mask pool_splat(uint64_t x) { return vreinterpretq_u8_u64(vdupq_n_u64(x)); }

/* Even and odd rows -> bytes whose low halves hold the answers. */
SPB_INLINE uint8x16_t pool_nibbles(uint8x16_t even, uint8x16_t odd, pool_mask invert) {
    uint8x16_t v = vorrq_u8(veorq_u8(even, invert), veorq_u8(odd, invert));
    v = vandq_u8(vorrq_u8(v, vshrq_n_u8(v, 1)), vdupq_n_u8(0x55));
    v = vandq_u8(vsraq_n_u8(v, v, 1), vdupq_n_u8(0x33)); /* + is |: no two bits meet */
    return vandq_u8(vsraq_n_u8(v, v, 2), vdupq_n_u8(0x0F));
}

SPB_INLINE void pool_narrow(uint8x16_t even, uint8x16_t odd, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint16x8_t v = vreinterpretq_u16_u8(pool_nibbles(even, odd, invert));
    uint8x8_t bits = vmovn_u16(vsraq_n_u16(v, v, 4));
    vst1_u8(to, vand_u8(veor_u8(bits, vget_low_u8(invert)), vget_low_u8(valid)));
}

SPB_INLINE void pool_1(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint8x16x2_t v = vld2q_u8(rows);
    vst1q_u8(to, vandq_u8(veorq_u8(pool_nibbles(v.val[0], v.val[1], invert), invert), valid));
}

SPB_INLINE void pool_2(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint16x8x2_t v = vld2q_u16((const uint16_t *)(const void *)rows);
    pool_narrow(vreinterpretq_u8_u16(v.val[0]), vreinterpretq_u8_u16(v.val[1]), to, invert, valid);
}

SPB_INLINE void pool_4(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint32x4x2_t v = vld2q_u32((const uint32_t *)(const void *)rows);
    pool_narrow(vreinterpretq_u8_u32(v.val[0]), vreinterpretq_u8_u32(v.val[1]), to, invert, valid);
}

SPB_INLINE void pool_8(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint8x16_t even = vcombine_u8(vld1_u8(rows), vld1_u8(rows + 16));
    uint8x16_t odd = vcombine_u8(vld1_u8(rows + 8), vld1_u8(rows + 24));
    pool_narrow(even, odd, to, invert, valid);
}

#else

enum { POOL_BYTES = 16 };
typedef uint64_t pool_mask;

SPB_INLINE pool_mask pool_splat(uint64_t x) { return x; }

SPB_INLINE uint64_t pool_load(const uint8_t *p, pool_mask invert) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x ^ invert;
}

/* Rows of `row_bits`, from 8 to 32: each pair's union, in the low half of the result. */
SPB_INLINE uint64_t pool_pairs(const uint8_t *rows, uint32_t row_bits, pool_mask invert) {
    uint64_t v = pool_load(rows, invert);
    v |= v >> row_bits;
    if (row_bits == 8) {
        v &= 0x00FF00FF00FF00FFu;
        v |= v >> 8;
    }
    if (row_bits <= 16) {
        v &= 0x0000FFFF0000FFFFu;
        v |= v >> 16;
    }
    return v & 0xFFFFFFFFu;
}

/* 64 bits of such rows -> 32. */
SPB_INLINE void pool_narrow(uint64_t v, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint32_t bits = (uint32_t)((spb_even_bits(v | v >> 1) ^ invert) & valid);
    memcpy(to, &bits, sizeof bits);
}

SPB_INLINE void pool_1(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    uint64_t v = pool_pairs(rows, 8, invert) | pool_pairs(rows + 8, 8, invert) << 32;
    v = (v | v >> 1) & 0x5555555555555555u;
    v = (v | v >> 1) & 0x3333333333333333u;
    v = (((v | v >> 2) & 0x0F0F0F0F0F0F0F0Fu) ^ invert) & valid;
    memcpy(to, &v, sizeof v);
}

SPB_INLINE void pool_2(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    pool_narrow(pool_pairs(rows, 16, invert) | pool_pairs(rows + 8, 16, invert) << 32, to, invert, valid);
}

SPB_INLINE void pool_4(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    pool_narrow(pool_pairs(rows, 32, invert) | pool_pairs(rows + 8, 32, invert) << 32, to, invert, valid);
}

SPB_INLINE void pool_8(const uint8_t *rows, uint8_t *to, pool_mask invert, pool_mask valid) {
    pool_narrow(pool_load(rows, invert) | pool_load(rows + 8, invert), to, invert, valid);
}

#endif
#endif
