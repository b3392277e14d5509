/* What a layer may look like: the table of operators of docs/bundle-format.md, "Inputs and places". */
#include "layer_check.h"

enum { MAX_KERNEL = 7, MAX_AVG_SIDE = 255 };
enum { MAX_HEAD_INPUTS = 1 << 22 }; /* 127 * 2^22 fits int32 sums */

static int has_side(uint32_t side) { return side >= 1 && side <= SPB_SIDE_MAX; }

static int is_tensor(const spb_tensor *t) {
    return t->channels >= 1 && t->channels <= SPB_CHANNELS_MAX && has_side(t->height) && has_side(t->width);
}

/* (side + 2 padding - kernel) / stride + 1, rounded down or up, or 0 where the kernel does not fit. Rounded
 * up is not what would begin behind the image. */
static uint32_t windows(uint32_t side, uint32_t kernel, const spb_layer *layer, int up) {
    uint32_t room = side + 2 * layer->padding + (up ? layer->stride - 1 : 0);
    uint32_t count = room < kernel ? 0 : (room - kernel) / layer->stride + 1;
    return up && count && (count - 1) * layer->stride >= side + layer->padding ? count - 1 : count;
}

static spb_status check_windows(const spb_layer *layer, int up) {
    uint32_t height = windows(layer->in.height, layer->kernel_h, layer, up);
    uint32_t width = windows(layer->in.width, layer->kernel_w, layer, up);
    int fits = height && width && layer->out.height == height && layer->out.width == width;
    return fits ? SPB_OK : SPB_ERR_SHAPE;
}

/* Rows and columns both rounded down, or both up. */
static spb_status check_either(const spb_layer *layer) {
    return check_windows(layer, 0) ? check_windows(layer, 1) : SPB_OK;
}

static spb_status check_conv(const spb_layer *layer) {
    uint32_t kernel_max = layer->kernel_h > layer->kernel_w ? layer->kernel_h : layer->kernel_w;
    if (layer->kernel_h < 1 || layer->kernel_w < 1 || kernel_max > MAX_KERNEL || layer->stride < 1 ||
        layer->stride > 2 || layer->padding >= kernel_max) {
        return SPB_ERR_LAYER;
    }
    return layer->op == SPB_OP_STEM ? check_either(layer) : check_windows(layer, 0);
}

static int same_sides(const spb_layer *layer) {
    return layer->out.height == layer->in.height && layer->out.width == layer->in.width;
}

static spb_status check_max_pool(const spb_layer *layer) {
    if (layer->kernel_h != layer->kernel_w || layer->kernel_h < 2 || layer->kernel_h > MAX_KERNEL ||
        layer->stride < 1 || layer->stride > layer->kernel_h || layer->padding > layer->kernel_h / 2) {
        return SPB_ERR_LAYER;
    }
    return layer->out.channels == layer->in.channels ? check_either(layer) : SPB_ERR_SHAPE;
}

static spb_status check_avg_pool(const spb_layer *layer) {
    uint32_t lesser = layer->kernel_h < layer->kernel_w ? layer->kernel_h : layer->kernel_w;
    if (layer->kernel_h < 1 || layer->kernel_w < 1 || layer->kernel_h > MAX_AVG_SIDE ||
        layer->kernel_w > MAX_AVG_SIDE || layer->stride < 1 || layer->stride > lesser || layer->padding) {
        return SPB_ERR_LAYER;
    }
    if (layer->out.channels != layer->in.channels)
        return SPB_ERR_SHAPE;
    return check_either(layer);
}

static spb_status check_real_conv(const spb_layer *layer) {
    if (layer->kernel_h != 1 || layer->kernel_w != 1 || layer->stride < 1 || layer->stride > 2 ||
        layer->padding) {
        return SPB_ERR_LAYER;
    }
    return check_windows(layer, 0);
}

spb_status spb_check_shape(const spb_layer *layer) {
    const spb_tensor *in = &layer->in, *out = &layer->out;
    uint64_t inputs = (uint64_t)in->channels * in->height * in->width;
    if (!is_tensor(in) || !is_tensor(out))
        return SPB_ERR_LAYER;
    switch (layer->op) {
    case SPB_OP_STEM:
    case SPB_OP_TREE:
    case SPB_OP_DENSE:
        return check_conv(layer);
    case SPB_OP_POOL:
        return check_max_pool(layer);
    case SPB_OP_AVG_POOL:
        return check_avg_pool(layer);
    case SPB_OP_REAL_CONV:
        return check_real_conv(layer);
    case SPB_OP_HEAD:
    case SPB_OP_REAL_HEAD: /* whose rows have sums of their own */
        return out->height == 1 && out->width == 1 && inputs <= MAX_HEAD_INPUTS ? SPB_OK : SPB_ERR_SHAPE;
    case SPB_OP_CONCAT:
        return same_sides(layer) && out->channels > in->channels ? SPB_OK : SPB_ERR_SHAPE;
    case SPB_OP_SIGN:
    case SPB_OP_PRELU:
    case SPB_OP_ADD:
        return same_sides(layer) && out->channels == in->channels ? SPB_OK : SPB_ERR_SHAPE;
    }
    return SPB_ERR_LAYER;
}
