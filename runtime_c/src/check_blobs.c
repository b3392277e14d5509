/* What a layer reads from the file: it is there, aligned, and its numbers keep their limits. */
#include "dense_shape.h"
#include "layer_check.h"
#include "little_endian.h"
#include "tap_table.h"

enum { MAX_SHIFT = 31, MAX_REAL_TAPS = 0x7FFF, MAX_BIAS = 1 << 30, MAX_HEAD_ROW = 0xFFFF };

static uint64_t weights_needed(const spb_layer *layer) {
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
        return 16 + out * layer->weights[0] * spb_head_bytes(&layer->in) + out * 12;
    case SPB_OP_PRELU:
        return 3 * sizeof(int16_t) * in;
    case SPB_OP_REAL_CONV:
        return out * in * sizeof(int16_t);
    case SPB_OP_REAL_HEAD:
        return spb_real_head_bytes(layer) + out * 8;
    default:
        return 0;
    }
}

static spb_status check_thresholds(const spb_layer *layer, uint32_t at, uint64_t file_bytes) {
    if (at % 16 || !spb_fits(at, 5ull * layer->out.channels, file_bytes))
        return SPB_ERR_BLOB;
    for (uint32_t c = 0; c < layer->out.channels; c++) {
        if (layer->compare[c] > SPB_COMPARE_ALWAYS)
            return SPB_ERR_BLOB;
    }
    return SPB_OK;
}

/* Sum of |w|. */
static uint64_t size_of_row(const uint8_t *weights, uint64_t count) {
    uint64_t sum = 0;
    for (uint64_t k = 0; k < count; k++) {
        int32_t w = (int16_t)spb_u16(weights + 2 * k);
        sum += (uint32_t)(w < 0 ? -w : w);
    }
    return sum;
}

/* The numbers that make sums reals: nothing may pass int32 but a stem's product. */
static spb_status check_scales(const spb_layer *layer, uint32_t at, uint64_t file_bytes) {
    int real_conv = layer->op == SPB_OP_REAL_CONV;
    uint32_t in = layer->in.channels;
    if (at % 16 || !spb_fits(at, (real_conv ? 5ull : 7ull) * layer->out.channels, file_bytes))
        return SPB_ERR_BLOB;
    if (spb_is_binary_conv(layer->op) && (uint64_t)in * layer->kernel_h * layer->kernel_w > MAX_REAL_TAPS)
        return SPB_ERR_LAYER;
    for (uint32_t c = 0; c < layer->out.channels; c++) {
        int64_t bias = layer->bias[c];
        uint64_t size = (uint64_t)(bias < 0 ? -bias : bias);
        if (layer->shift[c] > MAX_SHIFT || (!real_conv && size > MAX_BIAS))
            return SPB_ERR_BLOB;
        if (real_conv && (size_of_row(layer->weights + 2ull * c * in, in) << 15) + size > INT32_MAX)
            return SPB_ERR_BLOB;
    }
    return SPB_OK;
}

static spb_status check_real_head(const spb_layer *layer) {
    uint64_t inputs = (uint64_t)layer->in.channels * layer->in.height * layer->in.width;
    for (uint32_t o = 0; o < layer->out.channels; o++) {
        if (size_of_row(layer->weights + 2 * inputs * o, inputs) > MAX_HEAD_ROW)
            return SPB_ERR_BLOB;
    }
    return SPB_OK;
}

spb_status spb_check_blobs(const spb_layer *layer, const uint8_t *record, uint64_t file_bytes) {
    uint32_t at = spb_u32(record + 36), threshold = spb_u32(record + 44), nodes = spb_u32(record + 48);
    spb_status status = SPB_OK;
    if (at % 16 || !spb_fits(at, layer->weight_bytes, file_bytes))
        return SPB_ERR_BLOB;
    if (layer->op == SPB_OP_HEAD) {
        if (layer->weight_bytes < 16 || layer->weights[0] < 2 || layer->weights[0] > 8)
            return SPB_ERR_BLOB;
    }
    if (weights_needed(layer) > layer->weight_bytes)
        return SPB_ERR_BLOB;
    if (layer->threshold)
        status = check_thresholds(layer, threshold, file_bytes);
    if (!status && layer->shift)
        status = check_scales(layer, spb_u32(record + 104), file_bytes);
    if (!status && layer->op == SPB_OP_REAL_HEAD)
        status = check_real_head(layer);
    if (status)
        return status;
    if (layer->op == SPB_OP_TREE) {
        uint64_t each = SPB_NODE_BYTES + (layer->scales ? 8u : 0u);
        if (nodes % 16 || !spb_fits(nodes, layer->out.channels * each, file_bytes))
            return SPB_ERR_BLOB;
    } else if (layer->scales) {
        if (threshold % 16 || !spb_fits(threshold, 8ull * layer->out.channels, file_bytes))
            return SPB_ERR_BLOB;
    }
    return SPB_OK;
}
