/* Writes expanded tables: nodes become steps (tap_table.h). */
#include "tap_table.h"

#include <string.h>

#include "kernels/tree_word.h"
#include "little_endian.h"
#include "step_tail.h"

enum { STAGES = 6, BLOCK_STAGE = 5, BLOCK_WORDS = 32 }; /* pieces of 1, 2, 4, 8, 16 words; blocks */

uint16_t spb_tap_offset(const spb_layer *layer, uint32_t k) {
    uint32_t kernel = layer->kernel_h * layer->kernel_w;
    uint32_t c = k / kernel, ky = k % kernel / layer->kernel_w, kx = k % layer->kernel_w;
    c %= spb_window_channels(layer);
    uint32_t copy = (c * layer->kernel_w + kx) * layer->stride + ky % layer->stride;
    return (uint16_t)(copy * spb_copy_bytes(layer) + ky / layer->stride * layer->out.row_bytes);
}

void spb_step_before(uint8_t *step, const uint8_t *next) {
    uint8_t flags = step[SPB_STEP_FLAGS] & (uint8_t) ~(SPB_STEP_LAST | SPB_STEP_MORE);
    if (!next)
        flags |= SPB_STEP_LAST;
    else if (spb_u16(step + SPB_STEP_WINDOW) != spb_u16(next + SPB_STEP_WINDOW))
        flags |= SPB_STEP_LAST | SPB_STEP_MORE;
    step[SPB_STEP_FLAGS] = flags;
}

/* Words of one stage of a step, to add (0) or to take away (1). */
static uint32_t stage_words(const uint8_t *step, int stage, int subtract) {
    if (stage == BLOCK_STAGE)
        return BLOCK_WORDS * (subtract ? step[SPB_STEP_BLOCKS] >> 4 : step[SPB_STEP_BLOCKS] & 15u);
    return spb_u16(step + SPB_STEP_PIECES) >> (2 * stage + subtract) & 1u ? 1u << stage : 0;
}

static uint8_t *step_end(const spb_table_writer *w, uint8_t *step) {
    return step + SPB_STEP_HEADER_BYTES + spb_u16(step + SPB_STEP_WORDS) * w->lanes * sizeof(uint16_t) +
           w->tail_bytes;
}

/* Where the next tap of the list goes: the run of the step that comes next, or of the next step. */
static void next_run(const spb_table_writer *w, spb_table_cursor *cursor, int subtract) {
    do {
        if (++cursor->stage == STAGES) {
            cursor->step = step_end(w, cursor->step);
            cursor->stage = 0;
        }
        uint32_t before = 0;
        for (int stage = 0; stage < cursor->stage; stage++)
            before += stage_words(cursor->step, stage, 0) + stage_words(cursor->step, stage, 1);
        if (subtract)
            before += stage_words(cursor->step, cursor->stage, 0);
        cursor->at = cursor->step + SPB_STEP_HEADER_BYTES + before * w->lanes * sizeof(uint16_t);
        cursor->left = stage_words(cursor->step, cursor->stage, subtract) * w->lanes;
    } while (cursor->left == 0);
}

void spb_table_put(spb_table_writer *w, int list, uint16_t offset) {
    spb_table_cursor *cursor = &w->cursor[list];
    if (cursor->left == 0)
        next_run(w, cursor, list & 1);
    memcpy(cursor->at, &offset, sizeof offset);
    cursor->at += sizeof offset;
    cursor->left--;
}

void spb_table_begin(spb_table_writer *w, const spb_layer *layer, uint8_t *table, uint32_t table_bytes) {
    memset(w, 0, sizeof *w);
    w->layer = layer;
    w->at = table;
    w->end = table + table_bytes;
    w->lanes = spb_lanes(&layer->out, TREE_WORD_BYTES);
    w->tail_bytes = spb_tail_bytes(layer);
}

/* An empty step at the table's end; NULL: there is no room for it and so many words. */
static uint8_t *new_step(spb_table_writer *w, uint32_t window, uint8_t flags, uint32_t words) {
    const uint8_t *node = w->node;
    uint8_t *step = w->at, source = (uint8_t)w->source;
    uint64_t bytes = SPB_STEP_HEADER_BYTES + (uint64_t)words * w->lanes * sizeof(uint16_t) + w->tail_bytes;
    if (bytes > (uint64_t)(w->end - step))
        return NULL;
    memset(step, 0, SPB_STEP_HEADER_BYTES);
    step[SPB_STEP_SOURCE] = source;
    step[SPB_STEP_SLOT] = node[SPB_NODE_SLOT];
    step[SPB_STEP_FLAGS] = source == SPB_NODE_ZERO ? flags | SPB_STEP_FROM_ZERO : flags;
    memcpy(step + SPB_STEP_CHANNEL, node + SPB_NODE_CHANNEL, sizeof(uint16_t));
    step[SPB_STEP_WORDS] = (uint8_t)words;
    step[SPB_STEP_WORDS + 1] = (uint8_t)(words >> 8);
    step[SPB_STEP_WINDOW] = (uint8_t)window;
    step[SPB_STEP_WINDOW + 1] = (uint8_t)(window >> 8);
    if (w->last)
        spb_step_before(w->last, step);
    if (source != SPB_NODE_ZERO)
        w->writer[source][SPB_STEP_FLAGS] |= SPB_STEP_KEEP;
    w->writer[node[SPB_NODE_SLOT]] = step;
    uint16_t zero = (uint16_t)spb_copies_bytes(w->layer);
    for (uint32_t i = 0; i < words * w->lanes; i++)
        memcpy(step + SPB_STEP_HEADER_BYTES + i * sizeof zero, &zero, sizeof zero);
    w->at += bytes;
    w->last = step;
    w->source = node[SPB_NODE_SLOT];
    if (w->tail_bytes)
        memset(w->at - w->tail_bytes, 0, w->tail_bytes);
    if (w->layer->output)
        step[SPB_STEP_FLAGS] |= SPB_STEP_KEEP; /* the sum is what is wanted */
    return step;
}

/* The steps for taps of one weight, `count` of them to add and to take away. */
static spb_status lay_out(spb_table_writer *w, uint32_t window, const uint32_t count[2], uint8_t flags,
                          spb_table_cursor *cursors) {
    uint32_t words[2], blocks[2], pieces = 0;
    for (int sub = 0; sub < 2; sub++) {
        words[sub] = (count[sub] + w->lanes - 1) / w->lanes;
        blocks[sub] = words[sub] / BLOCK_WORDS;
        for (int stage = 0; stage < BLOCK_STAGE; stage++)
            pieces |= (words[sub] >> stage & 1u) << (2 * stage + sub);
        cursors[sub].stage = -1;
    }
    uint32_t rest = words[0] % BLOCK_WORDS + words[1] % BLOCK_WORDS;
    do {
        uint32_t add = blocks[0] < SPB_STEP_BLOCKS_MAX ? blocks[0] : SPB_STEP_BLOCKS_MAX;
        uint32_t room = SPB_STEP_BLOCKS_MAX - add, take = blocks[1] < room ? blocks[1] : room;
        uint8_t *step = new_step(w, window, flags, rest + (add + take) * BLOCK_WORDS);
        if (!step)
            return SPB_ERR_REGION;
        step[SPB_STEP_PIECES] = (uint8_t)pieces;
        step[SPB_STEP_PIECES + 1] = (uint8_t)(pieces >> 8);
        step[SPB_STEP_BLOCKS] = (uint8_t)(add | take << 4);
        for (int sub = 0; sub < 2; sub++) {
            if (!cursors[sub].step)
                cursors[sub].step = step;
        }
        blocks[0] -= add;
        blocks[1] -= take;
        pieces = rest = 0;
    } while (blocks[0] + blocks[1]);
    w->constant[w->node[SPB_NODE_SLOT]] += words[1] * w->lanes << (flags & SPB_STEP_SHIFT ? 1 : 0);
    return SPB_OK;
}

/* The comparison as the kernel's carry chain wants it. */
static void put_comparison(const spb_layer *layer, const uint8_t *node, uint32_t constant, uint8_t *step) {
    uint32_t kind = node[SPB_NODE_COMPARE], top = layer->planes - 1;
    uint32_t value = spb_u32(node + SPB_NODE_VALUE) + constant;
    if (kind >= SPB_COMPARE_NEVER) {
        step[SPB_STEP_FLAGS] |= SPB_STEP_FIXED;
        step[SPB_STEP_FLIP] = kind == SPB_COMPARE_ALWAYS ? 0xFF : 0;
        return;
    }
    value += kind == SPB_COMPARE_LE; /* S <= v is not S >= v + 1 */
    for (uint32_t j = 0; j < top; j++)
        step[SPB_STEP_MASKS + j] = value >> j & 1u ? 0 : 0xFF;
    step[SPB_STEP_FLIP] = (value >> top & 1u) != (kind == SPB_COMPARE_LE) ? 0xFF : 0;
}

void spb_table_node(spb_table_writer *w, const uint8_t *node) {
    w->node = node;
    w->source = node[SPB_NODE_SOURCE];
    w->constant[node[SPB_NODE_SLOT]] = w->source == SPB_NODE_ZERO ? 0 : w->constant[w->source];
    w->begun = w->at;
}

spb_status spb_table_part(spb_table_writer *w, uint32_t window, const uint32_t count[4]) {
    spb_status status = SPB_OK;
    memset(w->cursor, 0, sizeof w->cursor);
    int twice = count[SPB_ADD2] + count[SPB_SUB2] > 0, once = count[SPB_ADD1] + count[SPB_SUB1] > 0;
    if (twice)
        status = lay_out(w, window, count + SPB_ADD2, SPB_STEP_SHIFT, w->cursor + SPB_ADD2);
    if (!status && (once || !twice))
        status = lay_out(w, window, count + SPB_ADD1, 0, w->cursor + SPB_ADD1);
    return status;
}

spb_status spb_table_node_end(spb_table_writer *w, const int32_t *sums) {
    const uint32_t none[4] = {0, 0, 0, 0}, slot = w->node[SPB_NODE_SLOT];
    if (w->at == w->begun) { /* it is its parent, but for the comparison */
        spb_status status = spb_table_part(w, w->last ? spb_u16(w->last + SPB_STEP_WINDOW) : 0, none);
        if (status)
            return status;
    }
    if (w->layer->output || w->layer->zero_pad) {
        spb_put_tail(w->layer, w->node, w->constant[slot], sums, w->last, w->at - w->tail_bytes);
    } else {
        put_comparison(w->layer, w->node, w->constant[slot], w->last);
    }
    return SPB_OK;
}

void spb_table_end(spb_table_writer *w) { spb_step_before(w->last, NULL); }
