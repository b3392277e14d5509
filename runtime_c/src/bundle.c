#include "bundle.h"

#include <string.h>

#include "crc32.h"
#include "little_endian.h"
#include "spanbit.h"
#include "tap_table.h"

enum { MAX_LAYERS = 256 };

uint64_t spb_golden_bytes(const spb_info *info) {
    return (uint64_t)info->channels * info->height * info->width + 4u * info->layer_count +
           4ull * info->output_count;
}

/* Of a layer record. */
static spb_output output_of(const uint8_t *record) {
    return spb_is_head((spb_op)record[0]) ? SPB_OUTPUT_FLOAT32
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
        info->class_count < 1 || info->class_count > SPB_CHANNELS_MAX || info->channels < 1 ||
        info->channels > 4 || info->height < 1 || info->height > SPB_SIDE_MAX || info->width < 1 ||
        info->width > SPB_SIDE_MAX || header->layer_offset % 16 || header->golden_offset % 16 ||
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
    layer->real = p[1] & SPB_FLAG_REAL ? 1 : 0;
    layer->fraction = p[61];
    layer->source = spb_u16(p + 96);
    layer->second = spb_u16(p + 98);
    layer->second_arena = spb_u32(p + 100);
    layer->in_arena = spb_u32(p + 20);
    layer->out_arena = spb_u32(p + 24);
    layer->scratch_arena = spb_u32(p + 28);
    layer->scratch_bytes = spb_u32(p + 32);
    layer->weights = bundle + spb_u32(p + 36);
    layer->weight_bytes = spb_u32(p + 40);
    uint32_t threshold = spb_u32(p + 44);
    int compares = layer->op == SPB_OP_STEM || layer->op == SPB_OP_DENSE || layer->op == SPB_OP_SIGN;
    if (compares && !layer->output) {
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
    int scaled = layer->op == SPB_OP_STEM || spb_is_binary_conv(layer->op);
    if (layer->real && (scaled || layer->op == SPB_OP_REAL_CONV)) {
        const uint8_t *at = bundle + spb_u32(p + 104);
        layer->bias = (const int32_t *)(const void *)at;
        at += 4 * (size_t)layer->out.channels;
        if (scaled) {
            layer->multiplier = (const int16_t *)(const void *)at;
            at += 2 * (size_t)layer->out.channels;
        }
        layer->shift = at;
    }
}
