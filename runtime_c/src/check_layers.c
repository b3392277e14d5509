/* All layer records of a bundle, in order: kinds and wires here, the rest in the other checks. */
#include "layer_check.h"

#include "little_endian.h"

/* Flags that the operator has, and what it delivers. */
static spb_status check_flags(const spb_layer *layer, const uint8_t *record) {
    enum { KNOWN = SPB_FLAG_PADDING | SPB_FLAG_BINARY | SPB_FLAG_OUTPUT | SPB_FLAG_REAL };
    uint32_t output = (uint32_t)(record[1] & SPB_FLAG_OUTPUT) >> SPB_OUTPUT_SHIFT;
    if (record[0] < SPB_OP_STEM || record[0] > SPB_OP_ADD || record[1] > KNOWN ||
        (record[1] & SPB_FLAG_PADDING) > SPB_PADDING_ZERO) {
        return SPB_ERR_LAYER;
    }
    if (layer->real && output != SPB_OUTPUT_INT16)
        return SPB_ERR_LAYER;
    switch (layer->op) {
    case SPB_OP_TREE:
    case SPB_OP_DENSE:
        return SPB_OK;
    case SPB_OP_STEM:
    case SPB_OP_POOL:
    case SPB_OP_CONCAT:
        return layer->real || !output ? SPB_OK : SPB_ERR_LAYER;
    case SPB_OP_HEAD:
    case SPB_OP_SIGN:
    case SPB_OP_REAL_HEAD:
        return output ? SPB_ERR_LAYER : SPB_OK;
    default:
        return layer->real ? SPB_OK : SPB_ERR_LAYER;
    }
}

/* Whether layer `source` delivers such a tensor, at such a place. */
static int delivers(const uint8_t *bundle, const spb_header *header, const spb_layer *layer, uint32_t source,
                    const spb_tensor *tensor, int reals, uint32_t arena) {
    spb_layer from;
    if (source >= layer->index)
        return 0;
    spb_layer_read(bundle, header->layer_offset, source, &from);
    return from.out.channels == tensor->channels && from.out.height == tensor->height &&
           from.out.width == tensor->width && (from.real != 0) == reals && from.out_arena == arena;
}

static spb_status check_inputs(const uint8_t *bundle, const spb_header *header, const spb_layer *layer) {
    const spb_info *info = &header->info;
    int reals = spb_takes_reals(layer);
    if (layer->op == SPB_OP_STEM) {
        if (layer->source != SPB_NO_LAYER || layer->in.channels != info->channels ||
            layer->in.height != info->height || layer->in.width != info->width) {
            return SPB_ERR_SHAPE;
        }
    } else if (!delivers(bundle, header, layer, layer->source, &layer->in, reals, layer->in_arena)) {
        return SPB_ERR_SHAPE;
    }
    int needed = layer->op == SPB_OP_CONCAT || layer->op == SPB_OP_ADD;
    if (layer->second == SPB_NO_LAYER)
        return needed || layer->second_arena ? SPB_ERR_SHAPE : SPB_OK;
    if (!needed && !(spb_is_binary_conv(layer->op) && layer->real))
        return SPB_ERR_SHAPE;
    spb_tensor second = layer->out;
    if (layer->op == SPB_OP_CONCAT)
        second.channels -= layer->in.channels;
    if (!delivers(bundle, header, layer, layer->second, &second, layer->real != 0, layer->second_arena))
        return SPB_ERR_SHAPE;
    return SPB_OK;
}

static spb_status check_layer(const uint8_t *bundle, const spb_header *header, const spb_layer *layer) {
    const uint8_t *record = bundle + header->layer_offset + layer->index * (uint32_t)SPB_LAYER_BYTES;
    int first = layer->index == 0, last = layer->index + 1u == header->info.layer_count;
    int ends = layer->output != SPB_OUTPUT_BITS && !layer->real;
    spb_status status = check_flags(layer, record);
    if (status)
        return status;
    if (first != (layer->op == SPB_OP_STEM) || last != ends ||
        (last && layer->out.channels != header->info.class_count)) {
        return SPB_ERR_SHAPE;
    }
    status = spb_check_shape(layer);
    if (!status)
        status = check_inputs(bundle, header, layer);
    if (!status)
        status = spb_check_blobs(layer, record, header->file_bytes);
    if (!status && layer->op == SPB_OP_TREE)
        status = spb_check_tree(layer);
    if (!status)
        status = spb_check_places(bundle, header, layer);
    return status;
}

spb_status spb_layers_check(const uint8_t *bundle, const spb_header *header, int *failed_layer) {
    uint64_t tables_end = header->tables_arena;
    for (uint32_t i = 0; i < header->info.layer_count; i++) {
        spb_layer layer;
        *failed_layer = (int)i;
        spb_layer_read(bundle, header->layer_offset, i, &layer);
        spb_status status = check_layer(bundle, header, &layer);
        if (status)
            return status;
        if (layer.op != SPB_OP_TREE)
            continue;
        /* Tables follow each other: none may overwrite another. */
        if (layer.tables_arena % SPB_ARENA_ALIGN || layer.tables_arena < tables_end)
            return SPB_ERR_REGION;
        tables_end = (uint64_t)layer.tables_arena + layer.tables_bytes;
        if (tables_end > (uint64_t)header->tables_arena + header->tables_bytes)
            return SPB_ERR_REGION;
    }
    *failed_layer = -1;
    return SPB_OK;
}
