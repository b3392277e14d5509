/* 1x1 convolution of reals: y = sat((sum_k w[o][k] x[k] + bias[o]) >> shift[o]), sums of int32 that the
 * loader knows to be enough.
 *
 *     for 4 channels
 *       for 8 pixels (AVX2: 16)        with stride 1 they run on over the ends of rows
 *         for k                        a load of the pixels, 8 multiply-adds of 4 products each
 *
 * The limit on AArch64: SMLAL makes 4 products, so 1/4 of an instruction each; beside 32 of them stand 4
 * loads of pixels and 4 of weights.
 */
#include "kernels.h"
#include "real_vector.h"

#if !defined(SPB_FORCE_SCALAR) && defined(__ARM_NEON)

enum { TILE_CHANNELS = 4, TILE_PIXELS = 8, TILE_INPUTS = 4 };
typedef int32x4x2_t tile_sums;

/* Pixels `stride` apart, 1 or 2. */
SPB_INLINE int16x8_t tile_pixels(const int16_t *p, size_t stride) {
    return stride == 1 ? vld1q_s16(p) : vld2q_s16(p).val[0];
}
SPB_INLINE tile_sums tile_start(int32_t bias) {
    tile_sums s = {{vdupq_n_s32(bias), vdupq_n_s32(bias)}};
    return s;
}
SPB_INLINE void tile_inputs(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                            const int16_t *const *weights, size_t k) {
    int16x4_t w[TILE_CHANNELS];
    for (int c = 0; c < TILE_CHANNELS; c++)
        w[c] = vld1_s16(weights[c] + k);
#define INPUT(i)                                                                                             \
    {                                                                                                        \
        int16x8_t x = tile_pixels(in + (i)*plane, stride);                                                   \
        for (int c = 0; c < TILE_CHANNELS; c++) {                                                            \
            sums[c].val[0] = vmlal_lane_s16(sums[c].val[0], vget_low_s16(x), w[c], i);                       \
            sums[c].val[1] = vmlal_lane_s16(sums[c].val[1], vget_high_s16(x), w[c], i);                      \
        }                                                                                                    \
    }
    INPUT(0)
    INPUT(1)
    INPUT(2)
    INPUT(3)
#undef INPUT
}
/* The last `count` inputs, fewer than TILE_INPUTS. */
SPB_INLINE void tile_rest(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                          const int16_t *const *weights, size_t k, size_t count) {
    for (size_t i = 0; i < count; i++, in += plane) {
        int16x8_t x = tile_pixels(in, stride);
        for (int c = 0; c < TILE_CHANNELS; c++) {
            sums[c].val[0] = vmlal_n_s16(sums[c].val[0], vget_low_s16(x), weights[c][k + i]);
            sums[c].val[1] = vmlal_n_s16(sums[c].val[1], vget_high_s16(x), weights[c][k + i]);
        }
    }
}
SPB_INLINE real_vector tile_result(const tile_sums *s, uint32_t shift) {
    int32x4_t down = vdupq_n_s32(-(int32_t)shift);
    return vcombine_s16(vqmovn_s32(vshlq_s32(s->val[0], down)), vqmovn_s32(vshlq_s32(s->val[1], down)));
}

#elif !defined(SPB_FORCE_SCALAR) && defined(__AVX2__)

/* Two inputs side by side, as VPMADDWD takes them; VPACKSSDW brings the halves back into order. */
enum { TILE_CHANNELS = 4, TILE_PIXELS = 16, TILE_INPUTS = 2 };
typedef struct tile_sums {
    __m256i low, high;
} tile_sums;

SPB_INLINE __m256i tile_pixels(const int16_t *p, size_t stride) {
    int16_t even[TILE_PIXELS];
    if (stride == 1)
        return real_load(p);
    for (int i = 0; i < TILE_PIXELS; i++)
        even[i] = p[2 * i];
    return real_load(even);
}
SPB_INLINE tile_sums tile_start(int32_t bias) {
    tile_sums s = {_mm256_set1_epi32(bias), _mm256_set1_epi32(bias)};
    return s;
}
SPB_INLINE void tile_pair(tile_sums *sums, __m256i x, __m256i y, int c, int16_t v, int16_t w) {
    __m256i both = _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)v | (uint32_t)(uint16_t)w << 16));
    sums[c].low = _mm256_add_epi32(sums[c].low, _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), both));
    sums[c].high = _mm256_add_epi32(sums[c].high, _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), both));
}
SPB_INLINE void tile_inputs(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                            const int16_t *const *weights, size_t k) {
    __m256i x = tile_pixels(in, stride), y = tile_pixels(in + plane, stride);
    for (int c = 0; c < TILE_CHANNELS; c++)
        tile_pair(sums, x, y, c, weights[c][k], weights[c][k + 1]);
}
SPB_INLINE void tile_rest(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                          const int16_t *const *weights, size_t k, size_t count) {
    (void)plane;
    for (int c = 0; c < TILE_CHANNELS && count; c++)
        tile_pair(sums, tile_pixels(in, stride), _mm256_setzero_si256(), c, weights[c][k], 0);
}
SPB_INLINE real_vector tile_result(const tile_sums *s, uint32_t shift) {
    __m128i down = _mm_cvtsi32_si128((int)shift);
    return _mm256_packs_epi32(_mm256_sra_epi32(s->low, down), _mm256_sra_epi32(s->high, down));
}

#else

enum { TILE_CHANNELS = 4, TILE_PIXELS = 1, TILE_INPUTS = 1 };
typedef int32_t tile_sums;

SPB_INLINE tile_sums tile_start(int32_t bias) { return bias; }
SPB_INLINE void tile_inputs(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                            const int16_t *const *weights, size_t k) {
    (void)plane, (void)stride;
    for (int c = 0; c < TILE_CHANNELS; c++)
        sums[c] += weights[c][k] * *in;
}
SPB_INLINE void tile_rest(tile_sums *sums, const int16_t *in, size_t plane, size_t stride,
                          const int16_t *const *weights, size_t k, size_t count) {
    (void)sums, (void)in, (void)plane, (void)stride, (void)weights, (void)k, (void)count;
}
SPB_INLINE real_vector tile_result(const tile_sums *s, uint32_t shift) { return spb_saturate(*s >> shift); }

#endif

typedef struct group {
    const int16_t *weights[TILE_CHANNELS]; /* behind the last channel, the last one again: not written */
    uint32_t first, count;
} group;

/* `pixels` of the output from `out` on, their inputs from `in` on, in every channel of the group. */
SPB_INLINE void run(const spb_layer *layer, const group *g, const int16_t *in, size_t plane, size_t stride,
                    size_t pixels, int16_t *out, size_t out_plane) {
    size_t inputs = layer->in.channels, whole = inputs / TILE_INPUTS * TILE_INPUTS;
    for (size_t p = 0; p < pixels; p += TILE_PIXELS) {
        size_t left = pixels - p;
        const int16_t *x = in + p * stride;
        tile_sums sums[TILE_CHANNELS];
        for (uint32_t c = 0; c < TILE_CHANNELS; c++)
            sums[c] = tile_start(layer->bias[g->first + (c < g->count ? c : g->count - 1)]);
        for (size_t k = 0; k < whole; k += TILE_INPUTS, x += TILE_INPUTS * plane)
            tile_inputs(sums, x, plane, stride, g->weights, k);
        tile_rest(sums, x, plane, stride, g->weights, whole, inputs - whole);
        for (uint32_t c = 0; c < g->count; c++) {
            real_vector y = tile_result(&sums[c], layer->shift[g->first + c]);
            if (left >= TILE_PIXELS) {
                real_store(out + c * out_plane + p, y);
            } else {
                real_store_part(out + c * out_plane + p, y, left);
            }
        }
    }
}

void spb_real_conv(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    const int16_t *weights = (const int16_t *)(const void *)layer->weights;
    size_t plane = (size_t)from->height * from->width, out_plane = (size_t)to->height * to->width;
    for (uint32_t c = 0; c < to->channels; c += TILE_CHANNELS, out += TILE_CHANNELS * out_plane) {
        group g = {.first = c, .count = to->channels - c < TILE_CHANNELS ? to->channels - c : TILE_CHANNELS};
        for (uint32_t i = 0; i < TILE_CHANNELS; i++)
            g.weights[i] = weights + (c + (i < g.count ? i : g.count - 1)) * (size_t)from->channels;
        if (layer->stride == 1) {
            run(layer, &g, in, plane, 1, plane, out, out_plane);
            continue;
        }
        for (uint32_t y = 0; y < to->height; y++)
            run(layer, &g, in + 2 * (size_t)y * from->width, plane, 2, to->width, out + y * (size_t)to->width,
                out_plane);
    }
}
