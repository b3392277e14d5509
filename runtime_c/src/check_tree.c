/* A tree's node records: every channel once, every source written before, distances as the layer says. */
#include "layer_check.h"
#include "little_endian.h"
#include "step_tail.h"
#include "tap_table.h"

spb_status spb_check_tree(const spb_layer *layer) {
    uint8_t seen[SPB_CHANNELS_MAX / 8] = {0};
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
