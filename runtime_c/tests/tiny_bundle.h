/* A whole bundle by hand, for tests and as a fuzzer's seed where no compiler is at hand: stem, tree, pool,
 * dense, tree with stride 2, head, with random weights. Its trees are stars around the zero vertex, the one
 * shape whose tap stream is plain bits. The golden record is empty until tiny_bundle_seal. */
#ifndef SPB_TINY_BUNDLE_H
#define SPB_TINY_BUNDLE_H

#include "../src/bundle.h"
#include "../src/crc32.h"
#include "../src/dense_shape.h"
#include "check.h"

enum { TINY_LAYERS = 6, TINY_CLASSES = 5, TINY_MAX = 1 << 18 };

typedef struct tiny_bundle {
    uint8_t *data; /* aligned to 64, free it */
    uint32_t count, arena, golden, image_bytes, tables_bytes;
} tiny_bundle;

static inline void tiny_put16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static inline void tiny_put32(uint8_t *p, uint32_t v) { tiny_put16(p, v), tiny_put16(p + 2, v >> 16); }

static inline void tiny_align(tiny_bundle *b) { b->count = (b->count + 15) / 16 * 16; }

static inline uint32_t tiny_random(tiny_bundle *b, uint32_t count) {
    uint32_t at = b->count;
    for (uint32_t i = 0; i < count; i++)
        b->data[b->count++] = (uint8_t)draw(256);
    return at;
}

static inline void tiny_thresholds(tiny_bundle *b, uint8_t *record, uint32_t channels, int32_t spread) {
    tiny_align(b);
    tiny_put32(record + 44, b->count);
    for (uint32_t c = 0; c < channels; c++, b->count += 4)
        tiny_put32(b->data + b->count, (uint32_t)((int32_t)draw((uint32_t)spread) - spread / 2));
    for (uint32_t c = 0; c < channels; c++)
        b->data[b->count++] = (uint8_t)draw(4);
}

/* One node a channel, each a child of zero with `taps` differing taps. */
static inline void tiny_tree(tiny_bundle *b, uint8_t *record, const spb_tensor *out, uint32_t taps) {
    uint32_t channels = out->channels, planes = taps < 1024 ? 12 : 18;
    tiny_align(b);
    tiny_put32(record + 36, tiny_random(b, (channels * taps + 7) / 8));
    tiny_put32(record + 40, (channels * taps + 7) / 8);
    if (channels * taps % 8)
        b->data[b->count - 1] &= (uint8_t)((1u << channels * taps % 8) - 1);
    tiny_align(b);
    tiny_put32(record + 48, b->count);
    for (uint32_t c = 0; c < channels; c++, b->count += 16) {
        uint8_t *node = b->data + b->count;
        tiny_put16(node, c);
        tiny_put16(node + 2, taps);
        node[4] = 255;
        node[6] = (uint8_t)draw(4);
        tiny_put32(node + 8, (uint32_t)((int32_t)draw(taps) - (int32_t)(taps / 2)));
    }
    tiny_put16(record + 18, 1);
    tiny_put32(record + 52, b->tables_bytes);
    tiny_put32(record + 56, channels * taps);
    record[60] = (uint8_t)planes;
    tiny_put16(record + 62, out->height);
    record[1] |= SPB_FLAG_BINARY;
    /* Steps of at least 192 words, but for a node's last; two lists, each filled up to two whole words. */
    uint32_t lanes = spb_lanes(out, 32), steps = taps / 192 + 2;
    uint32_t tail = planes + 1; /* with zero padding: a byte a plane, for up to nine border classes */
    uint32_t bytes = channels * ((SPB_STEP_HEADER_BYTES + tail) * steps + 2 * (taps + 2 * 2 * lanes));
    bytes = (bytes + 63) / 64 * 64;
    tiny_put32(record + 44, bytes);
    b->tables_bytes += bytes;
}

static inline spb_dense_shape tiny_dense_shape(const spb_tensor *in, const spb_tensor *out, uint32_t kernel) {
    spb_layer layer = {.kernel_h = kernel, .kernel_w = kernel, .in = *in, .out = *out};
    return spb_dense_shape_of(&layer);
}

/* A dense convolution of 3x3: 0 in the bits that no weight has, and no sign where a weight is 0. Channels are
 * few, so each place is one or two bytes. */
static inline void tiny_clear_unused(uint8_t *weights, spb_dense_shape shape, uint32_t bytes,
                                     uint32_t channels) {
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t at = i % shape.channel_bytes, first = at % shape.pixel_bytes * 8, left = channels - first;
        uint32_t used = at >= 9 * shape.pixel_bytes || first >= channels ? 0
                        : left >= 8                                      ? 0xFF
                                                                         : (1u << left) - 1;
        weights[i] = (uint8_t)(weights[i] & used);
    }
    for (uint32_t i = 0; i < bytes / 2; i++)
        weights[i] = (uint8_t)(weights[i] & weights[bytes / 2 + i]);
}

static inline tiny_bundle tiny_bundle_make(uint32_t seed) {
    static const uint8_t ops[TINY_LAYERS][5] = {/* op, kernel, stride, padding, output channels */
                                                {1, 3, 1, 1, 8},  {2, 3, 1, 1, 12},
                                                {4, 2, 2, 0, 12}, {3, 3, 1, 1, 10},
                                                {2, 3, 2, 1, 9},  {5, 0, 0, 0, TINY_CLASSES}};
    tiny_bundle b = {garbage(TINY_MAX), SPB_HEADER_BYTES + SPB_LAYER_BYTES * TINY_LAYERS, 0, 0, 0, 0};
    spb_tensor in = tensor(3, 9, 14);
    check_state = seed;
    memset(b.data, 0, TINY_MAX);
    b.image_bytes = 3 * 9 * 14;
    for (uint32_t i = 0; i < TINY_LAYERS; i++) {
        uint8_t *record = b.data + SPB_HEADER_BYTES + SPB_LAYER_BYTES * i;
        uint32_t op = ops[i][0], k = ops[i][1], stride = ops[i][2], padding = ops[i][3], channels = ops[i][4];
        spb_tensor out = op == 5 ? tensor(channels, 1, 1)
                                 : tensor(channels, (in.height + 2 * padding - k) / stride + 1,
                                          (in.width + 2 * padding - k) / stride + 1);
        uint32_t taps = in.channels * k * k, bytes = 0;
        record[0] = (uint8_t)op;
        record[1] = (uint8_t)draw(3);
        record[2] = record[3] = (uint8_t)k, record[4] = (uint8_t)stride, record[5] = (uint8_t)padding;
        tiny_put16(record + 6, in.channels), tiny_put16(record + 8, in.height),
            tiny_put16(record + 10, in.width);
        tiny_put16(record + 12, out.channels), tiny_put16(record + 14, out.height);
        tiny_put16(record + 16, out.width);
        tiny_align(&b);
        if (op == 1 || op == 3)
            tiny_thresholds(&b, record, channels, op == 1 ? 20000 : 20);
        if (op == 1)
            bytes = channels * taps + in.channels;
        if (op == 3)
            bytes = 2 * channels * tiny_dense_shape(&in, &out, k).channel_bytes;
        if (op == 4)
            bytes = (channels + 7) / 8;
        if (op == 5)
            bytes = 16 + channels * 3 * (uint32_t)spb_head_bytes(&in) + 12 * channels;
        if (op == 2) {
            tiny_tree(&b, record, &out, taps);
        } else {
            tiny_align(&b);
            tiny_put32(record + 40, bytes);
            tiny_put32(record + 36, tiny_random(&b, bytes));
        }
        if (op == 3)
            tiny_clear_unused(b.data + b.count - bytes, tiny_dense_shape(&in, &out, k), bytes, in.channels);
        if (op == 5) {
            uint8_t *weights = b.data + b.count - bytes;
            memset(weights, 0, 16), weights[0] = 3;
            for (uint32_t o = 0; o < 2 * channels; o++) {
                float value = (float)draw(1000) / 999.0f;
                memcpy(b.data + b.count - 12 * channels + 4 * o, &value, 4);
            }
        }
        tiny_put16(record + 96, i ? i - 1 : SPB_NO_LAYER), tiny_put16(record + 98, SPB_NO_LAYER);
        memcpy(record + 64, "layer", 5), record[69] = (uint8_t)('0' + i);
        in = out;
    }
    /* Arena: tables, two tensors taking turns, scratch: roomy, since this is no memory plan. */
    enum { TENSOR = 1 << 13, SCRATCH = 1 << 15 };
    for (uint32_t i = 0; i < TINY_LAYERS; i++) {
        uint8_t *record = b.data + SPB_HEADER_BYTES + SPB_LAYER_BYTES * i;
        tiny_put32(record + 20, b.tables_bytes + (i % 2 ? TENSOR : 0));
        tiny_put32(record + 24, b.tables_bytes + (i % 2 ? 0 : TENSOR));
        tiny_put32(record + 28, b.tables_bytes + 2 * TENSOR);
        tiny_put32(record + 32, SCRATCH);
    }
    b.arena = b.tables_bytes + 2 * TENSOR + SCRATCH + 64;
    tiny_align(&b);
    b.golden = b.count;
    tiny_random(&b, b.image_bytes);
    b.count += 4 * TINY_LAYERS + 4 * TINY_CLASSES;
    memcpy(b.data, "SPNB", 4);
    tiny_put16(b.data + 4, 1);
    tiny_put32(b.data + 8, b.count);
    tiny_put32(b.data + 16, b.arena);
    tiny_put16(b.data + 20, TINY_LAYERS), tiny_put16(b.data + 22, TINY_CLASSES);
    tiny_put16(b.data + 24, 3), tiny_put16(b.data + 26, 9), tiny_put16(b.data + 28, 14);
    tiny_put16(b.data + 30, 1);
    tiny_put32(b.data + 32, 96);
    tiny_put32(b.data + 36, b.golden);
    tiny_put32(b.data + 40, b.tables_bytes);
    memcpy(b.data + 48, "tiny \"net\"", 10);
    memcpy(b.data + 80, "host", 4);
    return b;
}

static inline void tiny_fix_crc(tiny_bundle *b) {
    tiny_put32(b->data + 12, spb_crc32(0, b->data + 16, b->count - 16));
}

static inline void tiny_record(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    uint32_t crc = 0;
    const uint8_t *plane = output;
    for (uint32_t c = 0; c < info->out_channels && info->op != SPB_OP_HEAD; c++, plane += info->plane_bytes)
        crc = spb_crc32(crc, plane, (size_t)info->out_height * info->row_bytes);
    if (info->op == SPB_OP_HEAD)
        crc = spb_crc32(0, output, 4u * info->out_channels);
    tiny_put32((uint8_t *)user + 4 * layer, crc);
}

/* Runs the network once and writes what came out into the golden record. */
static inline spb_status tiny_bundle_seal(tiny_bundle *b) {
    spb_model model;
    float logits[TINY_CLASSES];
    uint8_t *arena = garbage(b->arena), *image = b->data + b->golden, *crcs = image + b->image_bytes;
    uint8_t copy[4 * TINY_LAYERS];
    tiny_fix_crc(b);
    spb_status status = spb_model_init(&model, b->data, b->count, arena, b->arena);
    if (!status) {
        spb_model_set_hook(&model, tiny_record, copy);
        status = spb_model_run(&model, image, b->image_bytes, logits, TINY_CLASSES);
        memcpy(crcs, copy, sizeof copy);
        memcpy(crcs + 4 * TINY_LAYERS, logits, sizeof logits);
        tiny_fix_crc(b);
    }
    free(arena);
    return status;
}

#endif
