/* 1x1 convolution of reals: y = sat((sum_k w[o][k] x[k] + bias[o]) >> shift[o]), sums of int32 that the
 * loader knows to be enough. */
#include "kernels.h"
#include "real_vector.h"

enum { TILE_CHANNELS = 4, TILE_PIXELS = 8 };

/* The pixels of a tile that a row of the output has, `stride` apart in the input. */
SPB_INLINE void tile(const spb_layer *layer, const int16_t *in, size_t plane, size_t stride, uint32_t first,
                     uint32_t channels, uint32_t pixels, int16_t *out, size_t out_plane) {
    int32_t sums[TILE_CHANNELS][TILE_PIXELS];
    const int16_t *weights = (const int16_t *)(const void *)layer->weights;
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t p = 0; p < pixels; p++)
            sums[c][p] = layer->bias[first + c];
    }
    for (uint32_t k = 0; k < layer->in.channels; k++, in += plane) {
        for (uint32_t c = 0; c < channels; c++) {
            int32_t w = weights[(first + c) * (size_t)layer->in.channels + k];
            for (uint32_t p = 0; p < pixels; p++)
                sums[c][p] += w * in[p * stride];
        }
    }
    for (uint32_t c = 0; c < channels; c++, out += out_plane) {
        for (uint32_t p = 0; p < pixels; p++)
            out[p] = spb_saturate(sums[c][p] >> layer->shift[first + c]);
    }
}

void spb_real_conv(const spb_layer *layer, const int16_t *in, int16_t *out) {
    const spb_tensor *from = &layer->in, *to = &layer->out;
    size_t plane = (size_t)from->height * from->width, out_plane = (size_t)to->height * to->width;
    for (uint32_t c = 0; c < to->channels; c += TILE_CHANNELS) {
        uint32_t channels = to->channels - c < TILE_CHANNELS ? to->channels - c : TILE_CHANNELS;
        for (uint32_t y = 0; y < to->height; y++) {
            const int16_t *row = in + (size_t)y * layer->stride * from->width;
            int16_t *out_row = out + c * out_plane + (size_t)y * to->width;
            for (uint32_t x = 0; x < to->width; x += TILE_PIXELS) {
                uint32_t pixels = to->width - x < TILE_PIXELS ? to->width - x : TILE_PIXELS;
                tile(layer, row + (size_t)x * layer->stride, plane, layer->stride, c, channels, pixels,
                     out_row + x, out_plane);
            }
        }
    }
}
