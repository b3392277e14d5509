/* The tree convolution against its definition, bit by bit: P = sum w a over random layers, then the
 * threshold. Prints "N passed, N failed". The tree here is a random one (any spanning tree must give the same
 * bits). */
#include "../src/kernels/kernels.h"
#include "../src/tap_stream.h"
#include "../src/word.h"
#include "check.h"

static int planes_for(int low, int high) {
    int planes = 1;
    while (low < -(1 << (planes - 1)) || high > (1 << (planes - 1)) - 1)
        planes++;
    return planes;
}

static void put32(uint8_t *p, int32_t v) { memcpy(p, &v, 4); }

enum { MAX_ROWS = 24 };

/* Rows, a random tree over them, node records and the expanded table; returns the table. */
static uint8_t *make_tree(spb_layer *layer, const int8_t *rows, uint32_t taps, int32_t *threshold,
                          uint8_t *compare, uint8_t *nodes) {
    uint32_t out = layer->out.channels, total = 0;
    uint32_t *lists[4];
    for (int i = 0; i < 4; i++)
        lists[i] = malloc(taps * sizeof(uint32_t));
    uint32_t lanes = spb_lanes(&layer->out, SPB_WORD_BYTES), zero = (uint32_t)spb_copies_bytes(layer);
    uint8_t *table = garbage(((size_t)SPB_TABLE_HEADER_BYTES + 4 * ((size_t)taps + 4 * lanes)) * out);
    uint8_t *header = table;
    uint32_t kernel = layer->kernel_h * layer->kernel_w;
    static const uint32_t plane_counts[] = {8, 10, 12, 14, 17}, lane_plane_counts[] = {12, 17};
    int widest = 1;
    layer->slot_count = out;
    for (uint32_t i = 0; i < out; i++) {
        const int8_t *row = rows + i * taps;
        uint32_t parent = i == 0 || draw(4) == 0 ? SPB_NODE_ZERO : draw(i);
        uint32_t count[4] = {0, 0, 0, 0};
        int low = 0, high = 0, sum = 0;
        for (uint32_t k = 0; k < taps; k++) {
            int before = parent == SPB_NODE_ZERO ? 0 : rows[parent * taps + k], difference = row[k] - before;
            uint32_t c = k / kernel, ky = k % kernel / layer->kernel_w, kx = k % layer->kernel_w;
            uint32_t copy = (c * layer->kernel_w + kx) * layer->stride + ky % layer->stride;
            uint32_t offset = copy * spb_copy_bytes(layer) + ky / layer->stride * layer->out.row_bytes;
            int list = difference == 1 ? 0 : difference == -1 ? 1 : difference == 2 ? 2 : 3;
            if (difference)
                lists[list][count[list]++] = offset;
            low += row[k] < 0 ? -1 : 0;
            high += row[k] > 0 ? 1 : 0;
            sum += row[k];
        }
        uint32_t *at = (uint32_t *)(void *)(header + SPB_TABLE_HEADER_BYTES);
        memset(header, 0, SPB_TABLE_HEADER_BYTES);
        header[SPB_TABLE_KEEP] = 1;
        for (int list = 0; list < 4; list++) {
            memcpy(at, lists[list], count[list] * 4);
            at += count[list];
            total += count[list];
            for (; count[list] % lanes; count[list]++)
                *at++ = zero; /* a lane without a tap */
            ((uint16_t *)(void *)header)[list] = (uint16_t)(count[list] / lanes);
        }
        header = (uint8_t *)at;
        if (planes_for(low, high) > widest)
            widest = planes_for(low, high);
        int32_t value = low + (int32_t)draw((uint32_t)(high - low + 1));
        uint8_t kind = (uint8_t)(draw(8) == 0 ? 2 + draw(2) : draw(2));
        threshold[i] = 2 * value - sum; /* R >= value is P >= 2 value - sum */
        compare[i] = kind;
        uint8_t *node = nodes + i * SPB_NODE_BYTES;
        memset(node, 0, SPB_NODE_BYTES);
        node[SPB_NODE_CHANNEL] = (uint8_t)i;
        node[SPB_NODE_SOURCE] = (uint8_t)parent;
        node[SPB_NODE_SLOT] = (uint8_t)i;
        node[SPB_NODE_COMPARE] = kind;
        put32(node + SPB_NODE_VALUE, value);
    }
    /* The narrowest kernel that holds every sum, or a wider one. */
    int small = spb_lane_bytes(&layer->out) < SPB_LANE_BYTES_MAX;
    const uint32_t *counts = small ? lane_plane_counts : plane_counts;
    uint32_t kind = 0, kinds = small ? 2 : 5;
    while (counts[kind] < (uint32_t)widest)
        kind++;
    layer->planes = counts[kind + draw(kinds - kind)];
    header = table;
    for (uint32_t i = 0; i < out; i++) {
        const uint16_t *count = (const uint16_t *)(const void *)header;
        spb_tap_stream_comparison(layer, nodes + i * SPB_NODE_BYTES, header);
        header += SPB_TABLE_HEADER_BYTES + 4u * lanes * ((uint32_t)count[0] + count[1] + count[2] + count[3]);
    }
    for (int i = 0; i < 4; i++)
        free(lists[i]);
    layer->nodes = nodes;
    layer->tap_count = total;
    return table;
}

static int expected_bit(const spb_layer *layer, const uint8_t *in, const int8_t *row, int32_t threshold,
                        uint8_t kind, uint32_t y, uint32_t x) {
    int32_t sum = 0;
    uint32_t k = 0;
    for (uint32_t c = 0; c < layer->in.channels; c++) {
        for (uint32_t ky = 0; ky < layer->kernel_h; ky++) {
            for (uint32_t kx = 0; kx < layer->kernel_w; kx++, k++) {
                int iy = (int)(y * layer->stride + ky) - (int)layer->padding;
                int ix = (int)(x * layer->stride + kx) - (int)layer->padding;
                int outside = iy < 0 || ix < 0 || iy >= (int)layer->in.height || ix >= (int)layer->in.width;
                int bit =
                    outside ? (int)layer->pad_bit : bit_of(&layer->in, in, c, (uint32_t)iy, (uint32_t)ix);
                sum += row[k] * (bit ? 1 : -1);
            }
        }
    }
    return compared(sum, threshold, kind);
}

static int run_case(uint32_t index) {
    static const uint32_t kernels[] = {1, 3, 3, 5, 7};
    spb_layer layer;
    memset(&layer, 0, sizeof layer);
    layer.op = SPB_OP_TREE;
    layer.kernel_h = kernels[draw(5)];
    layer.kernel_w = draw(5) ? layer.kernel_h : kernels[draw(5)];
    uint32_t larger = layer.kernel_h > layer.kernel_w ? layer.kernel_h : layer.kernel_w;
    layer.stride = 1 + draw(2);
    layer.padding = draw(larger);
    layer.pad_bit = draw(2);
    uint32_t wide = draw(4) == 0 ? 140 : draw(2) ? 34 : 18;
    static const uint32_t full[] = {8, 16, 32, 64, 128}; /* widths that leave no bit of a row */
    uint32_t side = draw(4) ? larger + draw(wide) : full[draw(5)];
    layer.in = tensor(1 + draw(draw(3) ? 6 : 40), larger + draw(20), side);
    uint32_t height = (layer.in.height + 2 * layer.padding - layer.kernel_h) / layer.stride + 1;
    uint32_t width = (layer.in.width + 2 * layer.padding - layer.kernel_w) / layer.stride + 1;
    layer.out = tensor(1 + draw(MAX_ROWS), height, width);
    uint32_t taps = layer.in.channels * layer.kernel_h * layer.kernel_w;

    int8_t *rows = malloc((size_t)taps * layer.out.channels);
    uint32_t style = draw(5); /* binary, ternary, sparse, all equal, complementary */
    for (uint32_t i = 0; i < taps * layer.out.channels; i++) {
        uint32_t r = i / taps;
        switch (style) {
        case 0:
            rows[i] = draw(2) ? 1 : -1;
            break;
        case 1:
            rows[i] = (int8_t)((int)draw(3) - 1);
            break;
        case 2:
            rows[i] = (int8_t)(draw(10) ? 0 : draw(2) ? 1 : -1);
            break;
        case 3:
            rows[i] = r == 0 ? (draw(2) ? 1 : -1) : rows[i - taps];
            break;
        default:
            rows[i] = (int8_t)(r == 0 ? (draw(2) ? 1 : -1) : -rows[i - taps]);
            break;
        }
    }
    uint8_t *in = random_bits(&layer.in), *out = garbage(tensor_bytes(&layer.out));
    int32_t threshold[MAX_ROWS];
    uint8_t compare[MAX_ROWS], nodes[MAX_ROWS * SPB_NODE_BYTES];
    uint8_t *table = make_tree(&layer, rows, taps, threshold, compare, nodes);
    size_t slots = (size_t)layer.slot_count * layer.planes * SPB_PLANE_ALIGN;
    uint8_t *scratch = garbage(spb_prepared_bytes(&layer) + slots + spb_round_up(layer.out.plane_bytes, 64));
    spb_tree_conv(&layer, in, out, scratch, table);

    uint32_t wrong = 0;
    for (uint32_t c = 0; c < layer.out.channels; c++) {
        for (uint32_t y = 0; y < layer.out.plane_bytes / layer.out.row_bytes; y++) {
            for (uint32_t x = 0; x < layer.out.row_bytes * 8; x++) {
                int pixel = y < height && x < width;
                int want = pixel && expected_bit(&layer, in, rows + c * taps, threshold[c], compare[c], y, x);
                wrong += bit_of(&layer.out, out, c, y, x) != want;
            }
        }
    }
    if (wrong)
        describe_case(index, wrong, &layer);
    free(rows), free(in), free(out), free(table), free(scratch);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 300, run_case); }
