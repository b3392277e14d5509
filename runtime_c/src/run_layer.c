#include "run_layer.h"

#include "kernels/kernels.h"

/* Whether the last windows of a 2x2 pool have pixels outside. */
static int leaves_image(const spb_layer *layer) {
    return 2 * layer->out.height > layer->in.height || 2 * layer->out.width > layer->in.width;
}

void spb_run_layer(const spb_layer *layer, const spb_operands *at) {
    const int16_t *reals = (const int16_t *)(const void *)at->in;
    int16_t *out_reals = (int16_t *)(void *)at->out;
    int32_t *sums = (int32_t *)(void *)at->out;
    switch (layer->op) {
    case SPB_OP_STEM:
        spb_stem_conv(layer, at->image, at->out, at->scratch);
        break;
    case SPB_OP_TREE:
        spb_tree_conv(layer, at->in, at->out, at->scratch, at->tables);
        break;
    case SPB_OP_DENSE:
        spb_dense_conv(layer, at->in, at->out, at->scratch);
        break;
    case SPB_OP_POOL:
        if (layer->real) {
            spb_real_pool(layer, reals, out_reals);
        } else if (layer->kernel_h != 2 || layer->stride != 2 || layer->padding || leaves_image(layer)) {
            spb_any_pool(layer, at->in, at->out);
        } else {
            spb_max_pool(layer, at->in, at->out);
        }
        break;
    case SPB_OP_HEAD:
        spb_head(layer, at->in, at->scratch, sums, at->logits);
        break;
    case SPB_OP_SIGN:
        spb_sign(layer, reals, at->out);
        break;
    case SPB_OP_PRELU:
        spb_prelu(layer, reals, out_reals);
        break;
    case SPB_OP_AVG_POOL:
        spb_avg_pool(layer, reals, out_reals);
        break;
    case SPB_OP_REAL_CONV:
        spb_real_conv(layer, reals, out_reals);
        break;
    case SPB_OP_REAL_HEAD:
        spb_real_head(layer, reals, sums, at->logits);
        break;
    case SPB_OP_CONCAT:
        spb_concat(layer, at->in, (const uint8_t *)layer->addend, at->out);
        break;
    case SPB_OP_ADD:
        spb_add(layer, reals, layer->addend, out_reals);
        break;
    }
}
