/* Vectors of reals (int16): what the kernels of fixed-point numbers are written with, once for all machines.
 *
 *   build      real_vector   numbers
 *   NEON       128 bits      8
 *   AVX2       256 bits      16
 *   scalar     int16_t       1
 *
 * real_wide is what simple loops take at a time: on AArch64 two vectors, one behind the other, elsewhere one.
 * A load of two is one instruction there that also moves the pointer on: of two loads beside other pointers
 * gcc makes one instruction each, with an address each.
 *
 * Where the output may be an input's place, another worker writes what lies behind a share: there a last part
 * is loaded as a part. Elsewhere whole vectors may be loaded past a tensor's end, 64 bytes behind it being
 * readable.
 */
#ifndef SPB_REAL_VECTOR_H
#define SPB_REAL_VECTOR_H

#include "../word.h"

static inline int16_t spb_saturate(int64_t x) {
    return (int16_t)(x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x);
}

/* sat((multiplier x + bias) >> shift) of a channel; with |bias| <= 2^30 it stays inside 32 bits. */
#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { REAL_LANES = 8 };
typedef int16x8_t real_vector;
typedef struct real_scale {
    int16x8_t multiplier;
    int32x4_t bias, shift;
} real_scale;

SPB_INLINE real_vector real_load(const int16_t *p) { return vld1q_s16(p); }
SPB_INLINE void real_store(int16_t *p, real_vector x) { vst1q_s16(p, x); }
SPB_INLINE real_vector real_splat(int16_t x) { return vdupq_n_s16(x); }
SPB_INLINE real_vector real_add(real_vector a, real_vector b) { return vqaddq_s16(a, b); }
SPB_INLINE real_vector real_max(real_vector a, real_vector b) { return vmaxq_s16(a, b); }

/* Two vectors, one behind the other. */
SPB_INLINE int16x8x2_t real_load_both(const int16_t *p) {
#if defined(__aarch64__)
    return vld1q_s16_x2(p);
#else
    int16x8x2_t x = {{vld1q_s16(p), vld1q_s16(p + 8)}};
    return x;
#endif
}

#if defined(__aarch64__)
#define REAL_WIDE_IS_TWO
enum { REAL_WIDE = 16 };
typedef int16x8x2_t real_wide;
SPB_INLINE real_wide real_wide_load(const int16_t *p) { return real_load_both(p); }
SPB_INLINE void real_wide_store(int16_t *p, real_wide x) { vst1q_s16_x2(p, x); }
SPB_INLINE real_wide real_wide_add(real_wide a, real_wide b) {
    real_wide x = {{vqaddq_s16(a.val[0], b.val[0]), vqaddq_s16(a.val[1], b.val[1])}};
    return x;
}
SPB_INLINE real_wide real_wide_max(real_wide a, real_wide b) {
    real_wide x = {{vmaxq_s16(a.val[0], b.val[0]), vmaxq_s16(a.val[1], b.val[1])}};
    return x;
}
#endif

/* Numbers 0, 2, 4, ... and 1, 3, 5, ... of twice as many. */
SPB_INLINE void real_load_pairs(const int16_t *p, real_vector *even, real_vector *odd) {
    int16x8x2_t pairs = vld2q_s16(p);
    *even = pairs.val[0], *odd = pairs.val[1];
}

/* The means of 2x2, rounded, of two rows. */
SPB_INLINE real_vector real_means(const int16_t *above, const int16_t *below) {
    int16x8x2_t a = real_load_both(above), b = real_load_both(below);
    int32x4_t low = vpadalq_s16(vpaddlq_s16(a.val[0]), b.val[0]);
    int32x4_t high = vpadalq_s16(vpaddlq_s16(a.val[1]), b.val[1]);
    return vcombine_s16(vrshrn_n_s32(low, 2), vrshrn_n_s32(high, 2));
}

/* Sums of many numbers: up to 65,536 of them, so that a lane has 2^14 at most. */
typedef int32x4_t real_total;
SPB_INLINE real_total real_total_zero(void) { return vdupq_n_s32(0); }
SPB_INLINE real_total real_total_add(real_total sum, real_vector x) { return vpadalq_s16(sum, x); }
SPB_INLINE real_total real_total_join(real_total a, real_total b) { return vaddq_s32(a, b); }
SPB_INLINE int64_t real_total_of(real_total sum) {
    int64x2_t both = vpaddlq_s32(sum);
    return vgetq_lane_s64(both, 0) + vgetq_lane_s64(both, 1);
}

SPB_INLINE real_scale real_scale_of(int16_t multiplier, int32_t bias, uint32_t shift) {
    real_scale s = {vdupq_n_s16(multiplier), vdupq_n_s32(bias), vdupq_n_s32(-(int32_t)shift)};
    return s;
}
/* Four sums; one instruction where vget_high_s16 would take another. */
SPB_INLINE int32x4_t real_scaled_low(const real_scale *s, real_vector sums) {
    return vmlal_s16(s->bias, vget_low_s16(sums), vget_low_s16(s->multiplier));
}
SPB_INLINE int32x4_t real_scaled_high(const real_scale *s, real_vector sums) {
#if defined(__aarch64__)
    return vmlal_high_s16(s->bias, sums, s->multiplier);
#else
    return vmlal_s16(s->bias, vget_high_s16(sums), vget_high_s16(s->multiplier));
#endif
}
SPB_INLINE real_vector real_requantize(const real_scale *s, real_vector sums) {
    int32x4_t low = vshlq_s32(real_scaled_low(s, sums), s->shift);
    int32x4_t high = vshlq_s32(real_scaled_high(s, sums), s->shift);
    return vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
}

/* Four sums of 32 bits, at most 16 of them used, made reals and stored; with `addend` added. */
enum { REAL_FOUR = 4 };
SPB_INLINE void real_store_four(const real_scale *s, const int32_t *sums, const int16_t *addend,
                                int16_t *to) {
    int16x4_t x = vmovn_s32(vld1q_s32(sums));
    int16x4_t y = vqmovn_s32(vshlq_s32(vmlal_s16(s->bias, x, vget_low_s16(s->multiplier)), s->shift));
    vst1_s16(to, addend ? vqadd_s16(y, vld1_s16(addend)) : y);
}

/* 2 sign s + offset of numbers that stand at the top of 16 bits, all of it modulo 2^16: `surplus` is moved up
 * as they are, `planes` of them are used, `turned` says that the sign is -1, which `offset` has one more for.
 */
typedef struct real_unfold {
    int16x8_t surplus, up, turned;
} real_unfold;
SPB_INLINE real_unfold real_unfold_of(uint16_t surplus, uint32_t planes, int turned) {
    real_unfold u = {vreinterpretq_s16_u16(vdupq_n_u16(surplus)),
                     vdupq_n_s16((int16_t)((int32_t)planes - 15)), vdupq_n_s16(turned ? -1 : 0)};
    return u;
}
SPB_INLINE real_vector real_unfolded(const real_unfold *u, real_vector x, real_vector offset) {
    x = vshlq_s16(vsubq_s16(x, u->surplus), u->up);
    return vaddq_s16(veorq_s16(x, u->turned), offset);
}

/* d >= 0: sat(d + after), else sat(((slope d + 2^13) >> 14) + after). */
SPB_INLINE real_vector real_prelu(real_vector d, int16_t slope, int16_t after) {
    int32x4_t more = vdupq_n_s32(after);
    int32x4_t low = vaddq_s32(vrshrq_n_s32(vmull_n_s16(vget_low_s16(d), slope), 14), more);
    int32x4_t high = vaddq_s32(vrshrq_n_s32(vmull_n_s16(vget_high_s16(d), slope), 14), more);
    int16x8_t below = vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
    return vbslq_s16(vcgeq_s16(d, vdupq_n_s16(0)), vqaddq_s16(d, vdupq_n_s16(after)), below);
}

/* Bit i: number i of eight is at least `limit`. */
SPB_INLINE uint8_t real_at_least(const int16_t *p, int16_t limit) {
    static const uint16_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint16x8_t x = vandq_u16(vcgeq_s16(vld1q_s16(p), vdupq_n_s16(limit)), vld1q_u16(bits));
#if defined(__aarch64__)
    return (uint8_t)vaddvq_u16(x);
#else
    uint16x4_t sum = vadd_u16(vget_low_u16(x), vget_high_u16(x));
    sum = vpadd_u16(sum, sum);
    return (uint8_t)vget_lane_u16(vpadd_u16(sum, sum), 0);
#endif
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

enum { REAL_LANES = 16 };
typedef __m256i real_vector;
typedef struct real_scale {
    __m256i multiplier, bias;
    __m128i shift;
} real_scale;

SPB_INLINE real_vector real_load(const int16_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
SPB_INLINE void real_store(int16_t *p, real_vector x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
SPB_INLINE real_vector real_splat(int16_t x) { return _mm256_set1_epi16(x); }
SPB_INLINE real_vector real_add(real_vector a, real_vector b) { return _mm256_adds_epi16(a, b); }
SPB_INLINE real_vector real_max(real_vector a, real_vector b) { return _mm256_max_epi16(a, b); }

SPB_INLINE void real_load_pairs(const int16_t *p, real_vector *even, real_vector *odd) {
    __m256i a = real_load(p), b = real_load(p + REAL_LANES);
    __m256i low = _mm256_packs_epi32(_mm256_srai_epi32(_mm256_slli_epi32(a, 16), 16),
                                     _mm256_srai_epi32(_mm256_slli_epi32(b, 16), 16));
    __m256i high = _mm256_packs_epi32(_mm256_srai_epi32(a, 16), _mm256_srai_epi32(b, 16));
    *even = _mm256_permute4x64_epi64(low, 0xD8), *odd = _mm256_permute4x64_epi64(high, 0xD8);
}

SPB_INLINE __m256i real_pair_sums(const int16_t *above, const int16_t *below) {
    const __m256i one = _mm256_set1_epi16(1);
    __m256i sums =
        _mm256_add_epi32(_mm256_madd_epi16(real_load(above), one), _mm256_madd_epi16(real_load(below), one));
    return _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(2)), 2);
}
SPB_INLINE real_vector real_means(const int16_t *above, const int16_t *below) {
    __m256i low = real_pair_sums(above, below), high = real_pair_sums(above + REAL_LANES, below + REAL_LANES);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
}

typedef __m256i real_total;
SPB_INLINE real_total real_total_zero(void) { return _mm256_setzero_si256(); }
SPB_INLINE real_total real_total_add(real_total sum, real_vector x) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_set1_epi16(1)));
}
SPB_INLINE real_total real_total_join(real_total a, real_total b) { return _mm256_add_epi32(a, b); }
SPB_INLINE int64_t real_total_of(real_total sum) {
    int32_t parts[8];
    int64_t all = 0;
    _mm256_storeu_si256((__m256i *)(void *)parts, sum);
    for (int i = 0; i < 8; i++)
        all += parts[i];
    return all;
}

SPB_INLINE real_scale real_scale_of(int16_t multiplier, int32_t bias, uint32_t shift) {
    real_scale s = {_mm256_set1_epi16(multiplier), _mm256_set1_epi32(bias), _mm_cvtsi32_si128((int)shift)};
    return s;
}
/* Products in two halves, which PACKSSDW brings back into order. */
SPB_INLINE real_vector real_requantize(const real_scale *s, real_vector sums) {
    __m256i below = _mm256_mullo_epi16(sums, s->multiplier), above = _mm256_mulhi_epi16(sums, s->multiplier);
    __m256i low = _mm256_add_epi32(_mm256_unpacklo_epi16(below, above), s->bias);
    __m256i high = _mm256_add_epi32(_mm256_unpackhi_epi16(below, above), s->bias);
    return _mm256_packs_epi32(_mm256_sra_epi32(low, s->shift), _mm256_sra_epi32(high, s->shift));
}
enum { REAL_FOUR = 4 };
SPB_INLINE void real_store_four(const real_scale *s, const int32_t *sums, const int16_t *addend,
                                int16_t *to) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)sums);
    __m128i factor = _mm_srai_epi32(_mm_slli_epi32(_mm256_castsi256_si128(s->multiplier), 16), 16);
    __m128i y = _mm_add_epi32(_mm_mullo_epi32(x, factor), _mm256_castsi256_si128(s->bias));
    y = _mm_sra_epi32(y, s->shift);
    y = _mm_packs_epi32(y, y);
    if (addend)
        y = _mm_adds_epi16(y, _mm_loadl_epi64((const __m128i *)(const void *)addend));
    _mm_storel_epi64((__m128i *)(void *)to, y);
}

typedef struct real_unfold {
    __m256i surplus, turned;
    __m128i down, up;
} real_unfold;
SPB_INLINE real_unfold real_unfold_of(uint16_t surplus, uint32_t planes, int turned) {
    real_unfold u = {_mm256_set1_epi16((int16_t)surplus), _mm256_set1_epi16(turned ? -1 : 0),
                     _mm_cvtsi32_si128(planes < 16 ? (int)(15 - planes) : 0),
                     _mm_cvtsi32_si128(planes == 16)};
    return u;
}
SPB_INLINE real_vector real_unfolded(const real_unfold *u, real_vector x, real_vector offset) {
    x = _mm256_sra_epi16(_mm256_sub_epi16(x, u->surplus), u->down);
    x = _mm256_sll_epi16(x, u->up);
    return _mm256_add_epi16(_mm256_xor_si256(x, u->turned), offset);
}
SPB_INLINE real_vector real_prelu(real_vector d, int16_t slope, int16_t after) {
    __m256i factor = _mm256_set1_epi16(slope), more = _mm256_set1_epi32(after);
    __m256i half = _mm256_set1_epi32(1 << 13);
    __m256i below = _mm256_mullo_epi16(d, factor), above = _mm256_mulhi_epi16(d, factor);
    __m256i low = _mm256_add_epi32(_mm256_unpacklo_epi16(below, above), half);
    __m256i high = _mm256_add_epi32(_mm256_unpackhi_epi16(below, above), half);
    low = _mm256_add_epi32(_mm256_srai_epi32(low, 14), more);
    high = _mm256_add_epi32(_mm256_srai_epi32(high, 14), more);
    __m256i negative = _mm256_srai_epi16(d, 15), straight = _mm256_adds_epi16(d, _mm256_set1_epi16(after));
    return _mm256_blendv_epi8(straight, _mm256_packs_epi32(low, high), negative);
}
SPB_INLINE uint8_t real_at_least(const int16_t *p, int16_t limit) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i less = _mm_cmpgt_epi16(_mm_set1_epi16(limit), x);
    return (uint8_t)~_mm_movemask_epi8(_mm_packs_epi16(less, less));
}

#else

enum { REAL_LANES = 1 };
typedef int16_t real_vector;
typedef struct real_scale {
    int32_t multiplier, bias;
    uint32_t shift;
} real_scale;

SPB_INLINE real_vector real_load(const int16_t *p) { return *p; }
SPB_INLINE void real_store(int16_t *p, real_vector x) { *p = x; }
SPB_INLINE real_vector real_splat(int16_t x) { return x; }
SPB_INLINE real_vector real_add(real_vector a, real_vector b) { return spb_saturate((int32_t)a + b); }
SPB_INLINE real_vector real_max(real_vector a, real_vector b) { return a > b ? a : b; }

SPB_INLINE void real_load_pairs(const int16_t *p, real_vector *even, real_vector *odd) {
    *even = p[0], *odd = p[1];
}
SPB_INLINE real_vector real_means(const int16_t *above, const int16_t *below) {
    return (int16_t)((above[0] + above[1] + below[0] + below[1] + 2) >> 2);
}

typedef int64_t real_total;
SPB_INLINE real_total real_total_zero(void) { return 0; }
SPB_INLINE real_total real_total_add(real_total sum, real_vector x) { return sum + x; }
SPB_INLINE real_total real_total_join(real_total a, real_total b) { return a + b; }
SPB_INLINE int64_t real_total_of(real_total sum) { return sum; }

SPB_INLINE real_scale real_scale_of(int16_t multiplier, int32_t bias, uint32_t shift) {
    real_scale s = {multiplier, bias, shift};
    return s;
}
SPB_INLINE real_vector real_requantize(const real_scale *s, real_vector sums) {
    uint32_t sum = (uint32_t)(s->multiplier * sums) + (uint32_t)s->bias; /* a hostile sum wraps */
    return spb_saturate((int32_t)sum >> s->shift);
}
enum { REAL_FOUR = 0 };
SPB_INLINE void real_store_four(const real_scale *s, const int32_t *sums, const int16_t *addend,
                                int16_t *to) {
    (void)s, (void)sums, (void)addend, (void)to;
}

typedef struct real_unfold {
    uint32_t surplus, down;
    int32_t turned;
} real_unfold;
SPB_INLINE real_unfold real_unfold_of(uint16_t surplus, uint32_t planes, int turned) {
    real_unfold u = {surplus, 16 - planes, turned ? -1 : 0};
    return u;
}
SPB_INLINE real_vector real_unfolded(const real_unfold *u, real_vector x, real_vector offset) {
    int16_t s = (int16_t)((uint16_t)x - u->surplus);
    return (int16_t)((((s >> u->down) * 2) ^ u->turned) + offset);
}
SPB_INLINE real_vector real_prelu(real_vector d, int16_t slope, int16_t after) {
    int32_t x = d >= 0 ? d : ((int32_t)slope * d + (1 << 13)) >> 14;
    return spb_saturate(x + after);
}
SPB_INLINE uint8_t real_at_least(const int16_t *p, int16_t limit) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 8; i++)
        bits |= (uint32_t)(p[i] >= limit) << i;
    return (uint8_t)bits;
}

#endif

#if !defined(REAL_WIDE_IS_TWO)
enum { REAL_WIDE = REAL_LANES };
typedef real_vector real_wide;
SPB_INLINE real_wide real_wide_load(const int16_t *p) { return real_load(p); }
SPB_INLINE void real_wide_store(int16_t *p, real_wide x) { real_store(p, x); }
SPB_INLINE real_wide real_wide_add(real_wide a, real_wide b) { return real_add(a, b); }
SPB_INLINE real_wide real_wide_max(real_wide a, real_wide b) { return real_max(a, b); }
#endif

/* The first `count` numbers, fewer than a vector has; 0 behind them. */
SPB_INLINE real_vector real_load_part(const int16_t *p, size_t count) {
    int16_t all[REAL_LANES] = {0};
    for (size_t i = 0; i < count; i++)
        all[i] = p[i];
    return real_load(all);
}
SPB_INLINE void real_store_part(int16_t *p, real_vector x, size_t count) {
    int16_t all[REAL_LANES];
    real_store(all, x);
    for (size_t i = 0; i < count; i++)
        p[i] = all[i];
}

/* Whether `count` numbers, with `left` of the same plane from there on, may be written as whole vectors: what
 * is behind them is written later. */
static inline int real_fits(size_t count, size_t left) {
    return REAL_LANES == 1 || (count + REAL_LANES - 1) / REAL_LANES * REAL_LANES <= left;
}

#endif
