#include "bundle.h"

#include <string.h>

#include "crc32.h"
#include "dense_shape.h"
#include "little_endian.h"
#include "spanbit.h"
#include "step_tail.h"
#include "tap_stream.h"
#include "tap_table.h"

enum { MAX_LAYERS = 256, MAX_CHANNELS = 4096, MAX_SIDE = 1024, MAX_KERNEL = 7 };
enum { MAX_HEAD_INPUTS = 1 << 22 }; /* 127 * 2^22 fits int32 sums */

uint64_t spb_golden_bytes(const spb_info *info) {
    return (uint64_t)info->channels * info->height * info->width + 4u * info->layer_count +
           4ull * info->output_count;
}

/* Of a layer record. */
static spb_output output_of(const uint8_t *record) {
    return record[0] == SPB_OP_HEAD ? SPB_OUTPUT_FLOAT32
                                    : (spb_output)((record[1] & SPB_FLAG_OUTPUT) >> SPB_OUTPUT_SHIFT);
}

static void copy_text(char *to, const uint8_t *from, size_t bytes) {
    memcpy(to, from, bytes);
    to[bytes] = 0;
}

spb_status spb_header_read(const void *bundle, size_t bundle_bytes, spb_header *header) {
    const uint8_t *p = bundle;
    if (!bundle || !header)
        return SPB_ERR_NULL;
    if ((uintptr_t)bundle % 16)
        return SPB_ERR_BUNDLE_ALIGN;
    if (bundle_bytes < 6)
        return SPB_ERR_TRUNCATED;
    if (memcmp(p, "SPNB", 4) != 0)
        return SPB_ERR_MAGIC;
    if (spb_u16(p + 4) != SPB_VERSION_MAJOR)
        return SPB_ERR_VERSION;
    if (bundle_bytes < SPB_HEADER_BYTES)
        return SPB_ERR_TRUNCATED;
    spb_info *info = &header->info;
    header->file_bytes = spb_u32(p + 8);
    info->arena_bytes = spb_u32(p + 16);
    info->layer_count = spb_u16(p + 20);
    info->class_count = spb_u16(p + 22);
    info->channels = spb_u16(p + 24);
    info->height = spb_u16(p + 26);
    info->width = spb_u16(p + 28);
    info->golden_count = spb_u16(p + 30);
    header->layer_offset = spb_u32(p + 32);
    header->golden_offset = spb_u32(p + 36);
    header->tables_bytes = spb_u32(p + 40);
    header->tables_arena = spb_u32(p + 44);
    copy_text(info->name, p + 48, 32);
    copy_text(info->target, p + 80, 16);
    if (bundle_bytes < header->file_bytes)
        return SPB_ERR_TRUNCATED;
    if (bundle_bytes != header->file_bytes || header->file_bytes < SPB_HEADER_BYTES)
        return SPB_ERR_HEADER;
    if (spb_crc32(0, p + 16, header->file_bytes - 16) != spb_u32(p + 12))
        return SPB_ERR_CRC;
    if (info->arena_bytes % SPB_ARENA_ALIGN || info->layer_count < 1 || info->layer_count > MAX_LAYERS ||
        info->class_count < 1 || info->class_count > MAX_CHANNELS || info->channels < 1 ||
        info->channels > 4 || info->height < 1 || info->height > MAX_SIDE || info->width < 1 ||
        info->width > MAX_SIDE || header->layer_offset % 16 || header->golden_offset % 16 ||
        header->tables_arena % SPB_ARENA_ALIGN) {
        return SPB_ERR_HEADER;
    }
    uint64_t layers_end = (uint64_t)header->layer_offset + (uint64_t)info->layer_count * SPB_LAYER_BYTES;
    if (header->layer_offset < SPB_HEADER_BYTES || layers_end > header->file_bytes)
        return SPB_ERR_HEADER;
    const uint8_t *last = p + layers_end - SPB_LAYER_BYTES;
    info->output = output_of(last);
    info->out_height = spb_u16(last + 14);
    info->out_width = spb_u16(last + 16);
    uint64_t outputs = (uint64_t)info->class_count * info->out_height * info->out_width;
    if (outputs < 1 || outputs > UINT32_MAX / sizeof(float))
        return SPB_ERR_HEADER;
    info->output_count = (uint32_t)outputs;
    uint64_t golden_end =
        (uint64_t)header->golden_offset + (uint64_t)info->golden_count * spb_golden_bytes(info);
    return golden_end <= header->file_bytes ? SPB_OK : SPB_ERR_HEADER;
}

void spb_layer_name(const uint8_t *bundle, uint32_t layer_offset, uint32_t index, char name[33]) {
    copy_text(name, bundle + layer_offset + index * (uint32_t)SPB_LAYER_BYTES + 64, 32);
}

static spb_tensor tensor_of(const uint8_t *p) {
    spb_tensor t = {.channels = spb_u16(p), .height = spb_u16(p + 2), .width = spb_u16(p + 4)};
    t.row_bytes = spb_row_bytes(t.width);
    t.plane_bytes = spb_plane_bytes(t.height, t.row_bytes);
    return t;
}

void spb_layer_read(const uint8_t *bundle, uint32_t layer_offset, uint32_t index, spb_layer *layer) {
    const uint8_t *p = bundle + layer_offset + index * (uint32_t)SPB_LAYER_BYTES;
    memset(layer, 0, sizeof *layer);
    layer->op = (spb_op)p[0];
    layer->index = index;
    layer->pad_bit = (p[1] & SPB_FLAG_PADDING) == SPB_PADDING_ONE;
    layer->zero_pad = (p[1] & SPB_FLAG_PADDING) == SPB_PADDING_ZERO;
    layer->binary = p[1] & SPB_FLAG_BINARY ? 1 : 0;
    layer->output = output_of(p);
    layer->kernel_h = p[2];
    layer->kernel_w = p[3];
    layer->stride = p[4];
    layer->padding = p[5];
    layer->in = tensor_of(p + 6);
    layer->out = tensor_of(p + 12);
    layer->weight_rows = layer->out.channels;
    layer->slot_count = spb_u16(p + 18);
    layer->in_arena = spb_u32(p + 20);
    layer->out_arena = spb_u32(p + 24);
    layer->scratch_arena = spb_u32(p + 28);
    layer->scratch_bytes = spb_u32(p + 32);
    layer->weights = bundle + spb_u32(p + 36);
    layer->weight_bytes = spb_u32(p + 40);
    uint32_t threshold = spb_u32(p + 44);
    if ((layer->op == SPB_OP_STEM || layer->op == SPB_OP_DENSE) && !layer->output) {
        layer->threshold = (const int32_t *)(const void *)(bundle + threshold);
        layer->compare = bundle + threshold + 4u * layer->out.channels;
    }
    if (layer->op == SPB_OP_TREE) {
        layer->nodes = bundle + spb_u32(p + 48);
        layer->tables_arena = spb_u32(p + 52);
        layer->tap_count = spb_u32(p + 56);
        layer->planes = p[60];
        layer->strip_rows = spb_u16(p + 62);
        layer->tables_bytes = threshold; /* a tree's thresholds are in its nodes */
    }
    if (layer->op == SPB_OP_TREE && layer->output == SPB_OUTPUT_FLOAT32)
        layer->scales = layer->nodes + layer->out.channels * (size_t)SPB_NODE_BYTES;
    if (layer->op == SPB_OP_DENSE && layer->output == SPB_OUTPUT_FLOAT32)
        layer->scales = bundle + threshold;
}

/* ---- checks ---- */

typedef struct region {
    uint64_t begin, bytes;
} region;

static int inside(uint64_t begin, uint64_t bytes, uint64_t limit) {
    return begin <= limit && bytes <= limit - begin;
}

static int apart(region a, region b) {
    return a.bytes == 0 || b.bytes == 0 || a.begin + a.bytes <= b.begin || b.begin + b.bytes <= a.begin;
}

static uint64_t tensor_bytes(const spb_tensor *t) { return (uint64_t)t->channels * t->plane_bytes; }

static int is_conv(spb_op op) { return op == SPB_OP_STEM || op == SPB_OP_TREE || op == SPB_OP_DENSE; }

static spb_status check_shape(const spb_layer *layer) {
    const spb_tensor *in = &layer->in, *out = &layer->out;
    if (in->channels < 1 || in->channels > MAX_CHANNELS || out->channels < 1 ||
        out->channels > MAX_CHANNELS || in->height < 1 || in->height > MAX_SIDE || in->width < 1 ||
        in->width > MAX_SIDE) {
        return SPB_ERR_LAYER;
    }
    if (is_conv(layer->op)) {
        uint32_t kernel_max = layer->kernel_h > layer->kernel_w ? layer->kernel_h : layer->kernel_w;
        if (layer->kernel_h < 1 || layer->kernel_w < 1 || kernel_max > MAX_KERNEL || layer->stride < 1 ||
            layer->stride > 2 || layer->padding >= kernel_max) {
            return SPB_ERR_LAYER;
        }
        uint32_t height = in->height + 2 * layer->padding, width = in->width + 2 * layer->padding;
        if (height < layer->kernel_h || width < layer->kernel_w)
            return SPB_ERR_SHAPE;
        if (out->height != (height - layer->kernel_h) / layer->stride + 1 ||
            out->width != (width - layer->kernel_w) / layer->stride + 1) {
            return SPB_ERR_SHAPE;
        }
    } else if (layer->op == SPB_OP_POOL) {
        if (in->height < 2 || in->width < 2 || out->channels != in->channels ||
            out->height != in->height / 2 || out->width != in->width / 2) {
            return SPB_ERR_SHAPE;
        }
    } else {
        if (out->height != 1 || out->width != 1 ||
            (uint64_t)in->channels * in->height * in->width > MAX_HEAD_INPUTS) {
            return SPB_ERR_SHAPE;
        }
    }
    return SPB_OK;
}

static uint64_t scratch_needed(const spb_layer *layer) {
    const spb_tensor *in = &layer->in, *out = &layer->out;
    uint64_t height = in->height + 2 * layer->padding, width = in->width + 2 * layer->padding;
    switch (layer->op) {
    case SPB_OP_STEM:
        return spb_round_up(in->channels * height * width * 2, 64) + spb_round_up(out->width, 16) * 4 + 64;
    case SPB_OP_DENSE:
        return spb_dense_scratch_bytes(layer);
    case SPB_OP_TREE: {
        uint64_t slots = (uint64_t)layer->slot_count * layer->planes * SPB_PLANE_ALIGN;
        uint64_t run = spb_prepared_bytes(layer) + slots + spb_round_up(out->plane_bytes, 64) +
                       spb_tree_border_bytes(layer);
        uint64_t load = spb_tap_stream_scratch(layer);
        return run > load ? run : load;
    }
    case SPB_OP_HEAD:
        return spb_round_up(spb_head_bytes(in), 64);
    default:
        return 0;
    }
}

static uint64_t weights_needed(const spb_layer *layer, const uint8_t *weights) {
    uint64_t in = layer->in.channels, out = layer->out.channels,
             kernel = (uint64_t)layer->kernel_h * layer->kernel_w;
    switch (layer->op) {
    case SPB_OP_STEM:
        return out * in * kernel + in;
    case SPB_OP_DENSE:
        return out * spb_dense_shape_of(layer).channel_bytes * (layer->binary ? 1 : 2);
    case SPB_OP_POOL:
        return (in + 7) / 8;
    case SPB_OP_HEAD:
        return 16 + out * weights[0] * spb_head_bytes(&layer->in) + out * 12;
    default:
        return 0;
    }
}

static spb_status check_blobs(const spb_layer *layer, const uint8_t *record, uint64_t file_bytes) {
    uint32_t at = spb_u32(record + 36);
    if (at % 16 || !inside(at, layer->weight_bytes, file_bytes))
        return SPB_ERR_BLOB;
    if (layer->op == SPB_OP_HEAD) {
        if (layer->weight_bytes < 16 || layer->weights[0] < 2 || layer->weights[0] > 8)
            return SPB_ERR_BLOB;
    }
    if (weights_needed(layer, layer->weights) > layer->weight_bytes)
        return SPB_ERR_BLOB;
    if (layer->threshold) {
        uint32_t threshold = spb_u32(record + 44);
        if (threshold % 16 || !inside(threshold, 5ull * layer->out.channels, file_bytes))
            return SPB_ERR_BLOB;
        for (uint32_t c = 0; c < layer->out.channels; c++) {
            if (layer->compare[c] > SPB_COMPARE_ALWAYS)
                return SPB_ERR_BLOB;
        }
    }
    if (layer->op == SPB_OP_TREE) {
        uint32_t nodes = spb_u32(record + 48);
        uint64_t each = SPB_NODE_BYTES + (layer->scales ? 8u : 0u);
        if (nodes % 16 || !inside(nodes, layer->out.channels * each, file_bytes))
            return SPB_ERR_BLOB;
    } else if (layer->scales) {
        uint32_t scales = spb_u32(record + 44);
        if (scales % 16 || !inside(scales, 8ull * layer->out.channels, file_bytes))
            return SPB_ERR_BLOB;
    }
    return SPB_OK;
}

/* Every channel once, every source written before, distances as the layer says. */
static spb_status check_tree(const spb_layer *layer) {
    uint8_t seen[MAX_CHANNELS / 8] = {0};
    uint8_t written[256 / 8] = {0};
    uint32_t taps = layer->in.channels * layer->kernel_h * layer->kernel_w;
    uint64_t total = 0;
    if (layer->slot_count < 1 || layer->slot_count > 255 || layer->planes < 1 ||
        layer->planes > SPB_PLANES_MAX || taps > 0xFFFF)
        return SPB_ERR_TREE;
    const spb_border border = spb_border_of(layer);
    if (layer->zero_pad && spb_border_count(&border) > SPB_BORDER_CLASSES_MAX)
        return SPB_ERR_TREE;
    int strip_fits =
        layer->strip_rows >= layer->out.height ||
        (layer->strip_rows > 0 && layer->strip_rows * layer->out.row_bytes % SPB_PLANE_ALIGN == 0);
    if (!strip_fits || !spb_window_channels(layer))
        return SPB_ERR_TREE;
    for (uint32_t i = 0; i < layer->out.channels; i++) {
        const uint8_t *node = layer->nodes + i * (size_t)SPB_NODE_BYTES;
        uint32_t channel = spb_u16(node + SPB_NODE_CHANNEL), distance = spb_u16(node + SPB_NODE_DISTANCE);
        uint32_t source = node[SPB_NODE_SOURCE], slot = node[SPB_NODE_SLOT];
        int32_t value = spb_i32(node + SPB_NODE_VALUE);
        if (channel >= layer->out.channels || seen[channel / 8] >> channel % 8 & 1)
            return SPB_ERR_TREE;
        seen[channel / 8] = (uint8_t)(seen[channel / 8] | 1u << channel % 8);
        if (distance > taps || slot >= layer->slot_count)
            return SPB_ERR_TREE;
        if (source != SPB_NODE_ZERO &&
            (source >= layer->slot_count || !(written[source / 8] >> source % 8 & 1)))
            return SPB_ERR_TREE;
        if (node[SPB_NODE_COMPARE] > SPB_COMPARE_ALWAYS)
            return SPB_ERR_TREE;
        if (node[SPB_NODE_COMPARE] <= SPB_COMPARE_LE && (value < -0xFFFF || value > 0xFFFF))
            return SPB_ERR_TREE;
        written[slot / 8] = (uint8_t)(written[slot / 8] | 1u << slot % 8);
        total += distance;
    }
    return total == layer->tap_count ? SPB_OK : SPB_ERR_TREE;
}

static spb_status check_regions(const spb_layer *layer, const spb_header *header) {
    uint64_t limit = header->info.arena_bytes;
    region tables = {header->tables_arena, header->tables_bytes};
    region in = {layer->in_arena, layer->op == SPB_OP_STEM ? 0 : tensor_bytes(&layer->in)};
    region out = {layer->out_arena, layer->output ? spb_sum_bytes(layer->output) * spb_sum_count(layer)
                                                  : tensor_bytes(&layer->out)};
    region scratch = {layer->scratch_arena, layer->scratch_bytes};
    const region all[4] = {in, out, scratch, tables};
    if (limit < SPB_ARENA_SLACK)
        return SPB_ERR_REGION;
    for (int i = 0; i < 4; i++) {
        if (all[i].begin % SPB_ARENA_ALIGN && all[i].bytes)
            return SPB_ERR_REGION;
        if (all[i].bytes && !inside(all[i].begin, all[i].bytes, limit - SPB_ARENA_SLACK))
            return SPB_ERR_REGION;
        for (int j = 0; j < i; j++) {
            if (!apart(all[i], all[j]))
                return SPB_ERR_REGION;
        }
    }
    return layer->scratch_bytes < scratch_needed(layer) ? SPB_ERR_REGION : SPB_OK;
}

static spb_status check_layer(const uint8_t *bundle, const spb_header *header, const spb_layer *layer) {
    const uint8_t *record = bundle + header->layer_offset + layer->index * (uint32_t)SPB_LAYER_BYTES;
    int first = layer->index == 0, last = layer->index + 1u == header->info.layer_count;
    if (record[0] < SPB_OP_STEM || record[0] > SPB_OP_HEAD ||
        record[1] > (SPB_FLAG_PADDING | SPB_FLAG_BINARY | SPB_FLAG_OUTPUT) ||
        (record[1] & SPB_FLAG_PADDING) > SPB_PADDING_ZERO) {
        return SPB_ERR_LAYER;
    }
    int binary_conv = layer->op == SPB_OP_TREE || layer->op == SPB_OP_DENSE;
    if (record[1] & SPB_FLAG_OUTPUT && !binary_conv)
        return SPB_ERR_LAYER;
    if (first != (layer->op == SPB_OP_STEM) || last != (layer->output != SPB_OUTPUT_BITS) ||
        (last && layer->out.channels != header->info.class_count)) {
        return SPB_ERR_SHAPE;
    }
    spb_status status = check_shape(layer);
    if (!status)
        status = check_blobs(layer, record, header->file_bytes);
    if (!status && layer->op == SPB_OP_TREE)
        status = check_tree(layer);
    if (!status)
        status = check_regions(layer, header);
    return status;
}

spb_status spb_layers_check(const uint8_t *bundle, const spb_header *header, int *failed_layer) {
    const spb_info *info = &header->info;
    spb_tensor before = {.channels = info->channels, .height = info->height, .width = info->width};
    uint32_t before_arena = 0;
    uint64_t tables_end = header->tables_arena;
    for (uint32_t i = 0; i < info->layer_count; i++) {
        spb_layer layer;
        *failed_layer = (int)i;
        spb_layer_read(bundle, header->layer_offset, i, &layer);
        if (layer.in.channels != before.channels || layer.in.height != before.height ||
            layer.in.width != before.width || (i > 0 && layer.in_arena != before_arena)) {
            return SPB_ERR_SHAPE;
        }
        spb_status status = check_layer(bundle, header, &layer);
        if (status)
            return status;
        if (layer.op == SPB_OP_TREE) { /* tables follow each other: none may overwrite another */
            if (layer.tables_arena % SPB_ARENA_ALIGN || layer.tables_arena < tables_end)
                return SPB_ERR_REGION;
            tables_end = (uint64_t)layer.tables_arena + layer.tables_bytes;
            if (tables_end > (uint64_t)header->tables_arena + header->tables_bytes)
                return SPB_ERR_REGION;
        }
        before = layer.out;
        before_arena = layer.out_arena;
    }
    *failed_layer = -1;
    return SPB_OK;
}
