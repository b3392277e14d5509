/* The tree convolution against its definition, bit by bit: P = sum w a over random layers, then the
 * threshold. Prints "N passed, N failed". The tree here is a random one (any spanning tree must give the same
 * bits). */
#include "../src/kernels/kernels.h"
#include "../src/step_tail.h"
#include "../src/tap_table.h"
#include "check.h"

/* Two's complement bits that hold low .. high. */
static uint32_t planes_for(int low, int high) {
    uint32_t planes = 1;
    while (low < -(1 << (planes - 1)) || high > (1 << (planes - 1)) - 1)
        planes++;
    return planes;
}

static void put32(uint8_t *p, int32_t v) { memcpy(p, &v, 4); }

enum { MAX_PLACES = 49, MAX_ROWS = 24 };

static int difference_of(const int8_t *row, const int8_t *parent, uint32_t k) {
    return row[k] - (parent ? parent[k] : 0);
}

static int list_of(int difference) {
    return difference == 1 ? SPB_ADD1 : difference == -1 ? SPB_SUB1 : difference == 2 ? SPB_ADD2 : SPB_SUB2;
}

/* A random tree over the rows and its node records; sets what the layer says of it. */
static void make_tree(spb_layer *layer, const int8_t *rows, uint32_t taps, int32_t *threshold,
                      uint8_t *compare, uint8_t *nodes) {
    uint32_t out = layer->out.channels, widest = 1;
    layer->slot_count = out;
    layer->nodes = nodes;
    for (uint32_t i = 0; i < out; i++) {
        const int8_t *row = rows + i * taps;
        uint32_t parent = i == 0 || draw(4) == 0 ? SPB_NODE_ZERO : draw(i);
        int low = 0, high = 0, sum = 0;
        for (uint32_t k = 0; k < taps; k++) {
            low += row[k] < 0 ? -1 : 0;
            high += row[k] > 0 ? 1 : 0;
            sum += row[k];
        }
        int32_t value = low + (int32_t)draw((uint32_t)(high - low + 1));
        uint8_t kind = (uint8_t)(draw(8) == 0 ? 2 + draw(2) : draw(2)), negated = 0;
        threshold[i] = 2 * value - sum; /* R >= value is P >= 2 value - sum */
        int32_t apart = value + (kind == SPB_COMPARE_LE);
        uint32_t planes = planes_for(low - apart, high - apart);
        if (layer->output) {
            kind = SPB_COMPARE_NEVER;
            negated = (uint8_t)draw(2);
            planes = planes_for(low, high);
        } else if (layer->zero_pad) { /* the node has the threshold on P itself */
            negated = (uint8_t)draw(2);
            threshold[i] = value = (int32_t)draw(2 * taps + 1) - (int32_t)taps;
            planes = planes_for(low - high - 1, high - low);
        }
        compare[i] = kind;
        if ((kind < SPB_COMPARE_NEVER || layer->output) && planes > widest)
            widest = planes;
        uint8_t *node = nodes + i * SPB_NODE_BYTES;
        memset(node, 0, SPB_NODE_BYTES);
        node[SPB_NODE_CHANNEL] = (uint8_t)i;
        node[SPB_NODE_SOURCE] = (uint8_t)parent;
        node[SPB_NODE_SLOT] = (uint8_t)i;
        node[SPB_NODE_COMPARE] = kind;
        node[SPB_NODE_NEGATED] = negated;
        put32(node + SPB_NODE_VALUE, value);
    }
    layer->planes = widest + draw(SPB_PLANES_MAX - widest + 1) * draw(2);
}

/* The expanded table; *bytes: of the memory that it was given, no more than it needs but for lanes. */
static uint8_t *make_table(const spb_layer *layer, const int8_t *rows, uint32_t taps, size_t *bytes) {
    uint32_t out = layer->out.channels;
    uint32_t windows = spb_window_count(layer);
    *bytes = ((size_t)SPB_STEP_HEADER_BYTES + spb_tail_bytes(layer)) * (2 * windows + 1 + taps / 192) * out;
    *bytes += 2 * ((size_t)taps + 4 * 2 * 8 * windows) * out;
    uint8_t *table = garbage(*bytes);
    spb_table_writer writer;
    spb_table_begin(&writer, layer, table, (uint32_t)*bytes);
    for (uint32_t i = 0; i < out; i++) {
        const uint8_t *node = layer->nodes + i * SPB_NODE_BYTES;
        const int8_t *row = rows + i * taps;
        const int8_t *parent =
            node[SPB_NODE_SOURCE] == SPB_NODE_ZERO ? NULL : rows + node[SPB_NODE_SOURCE] * taps;
        uint32_t kernel = layer->kernel_h * layer->kernel_w, each = spb_window_channels(layer) * kernel;
        int32_t sums[MAX_PLACES + 2] = {0};
        for (uint32_t k = 0; k < taps; k++) {
            sums[k % kernel] += row[k];
            sums[kernel] += row[k] > 0;
            sums[kernel + 1] += row[k] < 0;
        }
        spb_table_node(&writer, node);
        for (uint32_t w = 0; w < windows; w++) {
            uint32_t counts[4] = {0, 0, 0, 0}, end = (w + 1) * each < taps ? (w + 1) * each : taps;
            for (uint32_t k = w * each; k < end; k++) {
                if (difference_of(row, parent, k))
                    counts[list_of(difference_of(row, parent, k))]++;
            }
            if (counts[0] + counts[1] + counts[2] + counts[3] == 0)
                continue;
            if (spb_table_part(&writer, w, counts) != SPB_OK)
                abort();
            for (uint32_t k = w * each; k < end; k++) {
                int difference = difference_of(row, parent, k);
                if (difference)
                    spb_table_put(&writer, list_of(difference), spb_tap_offset(layer, k));
            }
        }
        if (spb_table_node_end(&writer, sums) != SPB_OK)
            abort();
    }
    spb_table_end(&writer);
    return table;
}

/* Wrong bits, or wrong sums. */
static uint32_t count_wrong(const spb_layer *l, const uint8_t *in, const int8_t *rows, uint32_t taps,
                            const int32_t *threshold, const uint8_t *compare, const check_scales *scales,
                            const uint8_t *out) {
    size_t pixel = 0;
    uint32_t wrong = 0, bits = l->output == SPB_OUTPUT_BITS;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        int sign = l->nodes[c * SPB_NODE_BYTES + SPB_NODE_NEGATED] ? -1 : 1;
        for (uint32_t y = 0; y < (bits ? l->out.plane_bytes / l->out.row_bytes : l->out.height); y++) {
            for (uint32_t x = 0; x < (bits ? l->out.row_bytes * 8 : l->out.width); x++, pixel++) {
                int inside = y < l->out.height && x < l->out.width;
                int32_t sum = inside ? sign * defined_sum(l, in, rows + c * taps, y, x) : 0;
                if (bits) {
                    int want = inside && compared(sum, threshold[c], compare[c]);
                    wrong += bit_of(&l->out, out, c, y, x) != want;
                } else if (l->real) {
                    int16_t want = finished_sum(scales, c, sum, pixel);
                    wrong += ((const int16_t *)(const void *)out)[pixel] != want;
                } else if (l->output == SPB_OUTPUT_INT16) {
                    wrong += ((const int16_t *)(const void *)out)[pixel] != sum;
                } else {
                    wrong += ((const int32_t *)(const void *)out)[pixel] != sum;
                }
            }
        }
    }
    return wrong;
}

static uint32_t windowed; /* layers of several windows */

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
    random_padding(&layer);
    layer.output = draw(4) ? SPB_OUTPUT_BITS : 1 + draw(3);
    uint32_t wide = draw(4) == 0 ? 140 : draw(2) ? 34 : 18;
    static const uint32_t full[] = {8, 16, 32, 64, 128}; /* widths that leave no bit of a row */
    uint32_t side = draw(4) ? larger + draw(wide) : full[draw(5)];
    layer.in = tensor(1 + draw(draw(3) ? 6 : 40), larger + draw(20), side);
    uint32_t rows_max = MAX_ROWS;
    if (index % 16 == 0) { /* several windows of planes, with lanes or without */
        layer.kernel_h = layer.kernel_w = larger = 3;
        layer.padding = draw(3);
        layer.in = draw(2) ? tensor(2200 + draw(2200), 8, 8) : tensor(130 + draw(200), 20, 33 + draw(30));
        rows_max = 6;
    }
    uint32_t height = (layer.in.height + 2 * layer.padding - layer.kernel_h) / layer.stride + 1;
    uint32_t width = (layer.in.width + 2 * layer.padding - layer.kernel_w) / layer.stride + 1;
    layer.out = tensor(1 + draw(rows_max), height, width);
    uint32_t unit = SPB_PLANE_ALIGN / (layer.out.row_bytes & (0u - layer.out.row_bytes));
    layer.strip_rows = draw(2) ? height : (1 + draw(3)) * (unit ? unit : 1);
    uint32_t taps = layer.in.channels * layer.kernel_h * layer.kernel_w;

    if (!spb_window_channels(&layer))
        layer.strip_rows = unit ? unit : 1;
    if (!spb_window_channels(&layer))
        return 1; /* not a layer for this kernel */
    windowed += spb_window_count(&layer) > 1;
    const spb_border border = spb_border_of(&layer);
    if (layer.zero_pad && spb_border_count(&border) > SPB_BORDER_CLASSES_MAX)
        layer.zero_pad = 0; /* nor this */
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
    size_t out_bytes = tensor_bytes(&layer.out);
    check_scales scales = {NULL, NULL, NULL, NULL};
    if (layer.output && draw(2))
        scales = random_scales(&layer, 25);
    if (layer.output)
        out_bytes = (layer.output == SPB_OUTPUT_INT16 ? 2u : 4u) * layer.out.channels * height * width;
    uint8_t *in = random_bits(&layer.in), *out = garbage(out_bytes);
    if (layer.real)
        random_addend(&layer, &scales, out);
    int32_t threshold[MAX_ROWS];
    uint8_t compare[MAX_ROWS], nodes[MAX_ROWS * SPB_NODE_BYTES];
    size_t table_bytes;
    make_tree(&layer, rows, taps, threshold, compare, nodes);
    uint8_t *table = make_table(&layer, rows, taps, &table_bytes);
    size_t slots = (size_t)layer.slot_count * layer.planes * SPB_PLANE_ALIGN;
    uint8_t *scratch = garbage(spb_prepared_bytes(&layer) + slots + spb_round_up(layer.out.plane_bytes, 64) +
                               spb_tree_border_bytes(&layer));
    spb_tree_conv(&layer, in, out, scratch, table);
    uint32_t wrong = count_wrong(&layer, in, rows, taps, threshold, compare, &scales, out);
    if (wrong)
        describe_case(index, wrong, &layer);
    free_scales(&scales);
    free(rows), free(in), free(out), free(table), free(scratch);
    return wrong == 0;
}

int main(int argc, char **argv) {
    int failed = run_cases(argc, argv, 300, run_case);
    if (windowed == 0)
        puts("no layer had several windows");
    return failed || windowed == 0;
}
