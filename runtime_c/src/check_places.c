/* Where a layer's tensors and its scratch are in the arena: inside, apart from each other, and its inputs
 * whole when it runs. */
#include "dense_shape.h"
#include "layer_check.h"
#include "step_tail.h"
#include "tap_stream.h"
#include "tap_table.h"

typedef struct region {
    uint64_t begin, bytes;
} region;

enum { INPUT, SECOND, OUTPUT, SCRATCH, TABLES, REGIONS };

static int apart(region a, region b) {
    return a.bytes == 0 || b.bytes == 0 || a.begin + a.bytes <= b.begin || b.begin + b.bytes <= a.begin;
}

static int same(region a, region b) { return a.begin == b.begin && a.bytes == b.bytes; }

static uint64_t scratch_needed(const spb_layer *layer) {
    const spb_tensor *in = &layer->in, *out = &layer->out;
    uint64_t height = spb_padded_side(in->height, out->height, layer->kernel_h, layer);
    uint64_t width = spb_padded_side(in->width, out->width, layer->kernel_w, layer);
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

/* The second input has the output's shape, but for a concatenation, where it is what the output has more. */
static uint64_t second_bytes(const spb_layer *layer) {
    if (layer->second == SPB_NO_LAYER)
        return 0;
    uint64_t all = spb_output_bytes(layer, layer->out.channels);
    return layer->op == SPB_OP_CONCAT ? all - spb_output_bytes(layer, layer->in.channels) : all;
}

/* What may lie in one place: an output that is written where its own number was read before, and one tensor
 * that is read twice. */
static int may_share(const spb_layer *layer, int one, int other) {
    int in_place = one == SECOND && other == OUTPUT;
    int reading = one == INPUT && other == SECOND;
    switch (layer->op) {
    case SPB_OP_TREE:
    case SPB_OP_DENSE:
        return in_place;
    case SPB_OP_PRELU:
        return one == INPUT && other == OUTPUT;
    case SPB_OP_CONCAT:
        return reading;
    case SPB_OP_ADD:
        return in_place || reading || (one == INPUT && other == OUTPUT);
    default:
        return 0;
    }
}

/* Whether no layer behind `source` and before this one writes into the region that `source` delivered. */
static int is_whole(const uint8_t *bundle, const spb_header *header, const spb_layer *layer, uint32_t source,
                    region input) {
    for (uint32_t i = source + 1; i < layer->index; i++) {
        spb_layer between;
        spb_layer_read(bundle, header->layer_offset, i, &between);
        region out = {between.out_arena, spb_output_bytes(&between, between.out.channels)};
        region scratch = {between.scratch_arena, between.scratch_bytes};
        if (!apart(input, out) || !apart(input, scratch))
            return 0;
    }
    return 1;
}

spb_status spb_check_places(const uint8_t *bundle, const spb_header *header, const spb_layer *layer) {
    uint64_t limit = header->info.arena_bytes;
    const region all[REGIONS] = {
        [INPUT] = {layer->in_arena,
                   layer->op == SPB_OP_STEM ? 0 : spb_input_bytes(layer, layer->in.channels)},
        [SECOND] = {layer->second_arena, second_bytes(layer)},
        [OUTPUT] = {layer->out_arena, spb_output_bytes(layer, layer->out.channels)},
        [SCRATCH] = {layer->scratch_arena, layer->scratch_bytes},
        [TABLES] = {header->tables_arena, header->tables_bytes}};
    if (limit < SPB_ARENA_SLACK)
        return SPB_ERR_REGION;
    for (int i = 0; i < REGIONS; i++) {
        if (all[i].begin % SPB_ARENA_ALIGN && all[i].bytes)
            return SPB_ERR_REGION;
        if (all[i].bytes && !spb_fits(all[i].begin, all[i].bytes, limit - SPB_ARENA_SLACK))
            return SPB_ERR_REGION;
        for (int j = 0; j < i; j++) {
            if (!apart(all[i], all[j]) && !(same(all[i], all[j]) && may_share(layer, j, i)))
                return SPB_ERR_REGION;
        }
    }
    if (layer->op != SPB_OP_STEM && !is_whole(bundle, header, layer, layer->source, all[INPUT]))
        return SPB_ERR_REGION;
    if (layer->second != SPB_NO_LAYER && !is_whole(bundle, header, layer, layer->second, all[SECOND]))
        return SPB_ERR_REGION;
    return layer->scratch_bytes < scratch_needed(layer) ? SPB_ERR_REGION : SPB_OK;
}
