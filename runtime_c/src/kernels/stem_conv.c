/* The first layer: int8 weights on the 8-bit image, then the threshold.
 *
 * The image [H][W][C] becomes padded planes of int16 in scratch, so that a tap is one offset for a whole row
 * of pixels. For stride 2 a row keeps its even columns first and its odd ones after them: tap kx of output x
 * is column 2x + kx, which is element x + kx / 2 of one half, and loads stay consecutive.
 *
 * All taps of a tile are summed in registers (stem_tile.h), compared and packed to bits. A tile reads past
 * the end of a row, into the next one or into the scratch that follows: such sums are masked off.
 */
#include <string.h>

#include "kernels.h"
#include "limit.h"
#include "stem_tile.h"

typedef struct taps {
    uint32_t count; /* even */
    uint32_t offsets[STEM_MAX_TAPS + 1];
    int16_t weights[(STEM_MAX_TAPS + 1) * TILE_CHANNELS];
} taps;

/* Elements of a padded row, and where its odd columns begin. */
static uint32_t padded_width(const spb_layer *layer) { return layer->in.width + 2 * layer->padding; }

static uint32_t column_at(const spb_layer *layer, uint32_t x) {
    if (layer->stride == 1)
        return x;
    return x / 2 + (x % 2 ? (padded_width(layer) + 1) / 2 : 0);
}

static void pad_image(const spb_layer *layer, const uint8_t *image, const uint8_t *pad_value,
                      int16_t *padded) {
    uint32_t channels = layer->in.channels, width = padded_width(layer), padding = layer->padding;
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t y = 0; y < layer->in.height + 2 * padding; y++, padded += width) {
            if (y < padding || y >= padding + layer->in.height) {
                for (uint32_t x = 0; x < width; x++)
                    padded[x] = pad_value[c];
                continue;
            }
            const uint8_t *row = image + (size_t)(y - padding) * layer->in.width * channels + c;
            for (uint32_t x = 0; x < padding; x++) {
                padded[column_at(layer, x)] = pad_value[c];
                padded[column_at(layer, width - 1 - x)] = pad_value[c];
            }
            for (uint32_t x = 0; x < layer->in.width; x++)
                padded[column_at(layer, x + padding)] = row[x * channels];
        }
    }
}

static void set_offsets(const spb_layer *layer, taps *t) {
    uint32_t plane = (layer->in.height + 2 * layer->padding) * padded_width(layer);
    t->count = 0;
    for (uint32_t c = 0; c < layer->in.channels; c++) {
        for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
            for (uint32_t kx = 0; kx < layer->kernel_w; kx++)
                t->offsets[t->count++] = c * plane + ky * padded_width(layer) + column_at(layer, kx);
        }
    }
    if (t->count % 2)
        t->offsets[t->count++] = 0;
}

/* Weights of TILE_CHANNELS channels from `first` on, by tap; 0 for a channel or a tap that does not exist. */
static void set_weights(const spb_layer *layer, taps *t, uint32_t first) {
    uint32_t real = layer->in.channels * layer->kernel_h * layer->kernel_w;
    for (uint32_t k = 0; k < t->count; k++) {
        for (uint32_t i = 0; i < TILE_CHANNELS; i++) {
            uint32_t c = first + i;
            int exists = k < real && c < layer->out.channels;
            t->weights[k * TILE_CHANNELS + i] = exists ? (int8_t)layer->weights[c * real + k] : (int8_t)0;
        }
    }
}

static void put_bits(const spb_tensor *out, uint8_t *row, uint32_t x, uint32_t bits) {
    uint32_t left = out->width - x;
    if (left < TILE_PIXELS)
        bits &= (1u << left) - 1;
    row[x / 8] = (uint8_t)bits;
    if (TILE_PIXELS > 8 && x / 8 + 1 < out->row_bytes)
        row[x / 8 + 1] = (uint8_t)(bits >> 8);
}

void spb_stem_conv(const spb_layer *layer, const uint8_t *image, uint8_t *out, uint8_t *scratch) {
    const spb_tensor *to = &layer->out;
    uint32_t real = layer->in.channels * layer->kernel_h * layer->kernel_w;
    int16_t *padded = (int16_t *)(void *)scratch;
    taps t;
    pad_image(layer, image, layer->weights + (size_t)to->channels * real, padded);
    set_offsets(layer, &t);
    memset(out, 0, (size_t)to->channels * to->plane_bytes);
    for (uint32_t first = 0; first < to->channels; first += TILE_CHANNELS) {
        int32_t limit[TILE_CHANNELS];
        uint32_t invert[TILE_CHANNELS], bits[TILE_CHANNELS], count = to->channels - first;
        if (count > TILE_CHANNELS)
            count = TILE_CHANNELS;
        set_weights(layer, &t, first);
        for (uint32_t i = 0; i < TILE_CHANNELS; i++) {
            uint32_t c = first + (i < count ? i : 0);
            spb_limit l = spb_sum_limit(layer->threshold[c], layer->compare[c]);
            limit[i] = l.limit;
            invert[i] = l.invert ? (1u << TILE_PIXELS) - 1 : 0;
        }
        for (uint32_t y = 0; y < to->height; y++) {
            const int16_t *row = padded + (size_t)y * layer->stride * padded_width(layer);
            uint8_t *to_row = out + (size_t)first * to->plane_bytes + y * to->row_bytes;
            for (uint32_t x = 0; x < to->width; x += TILE_PIXELS) {
                stem_tile(row + x, t.offsets, t.weights, t.count, limit, bits);
                for (uint32_t i = 0; i < count; i++)
                    put_bits(to, to_row + (size_t)i * to->plane_bytes, x, bits[i] ^ invert[i]);
            }
        }
    }
}
