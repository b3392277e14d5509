/* A layer shared among workers. No kernel knows of it: each worker runs one on a layer of its own, of fewer
 * output channels, with scratch of its own.
 *
 *     stem, dense, and what goes channel by channel
 *                         groups of 8 output channels; the kernel writes them where they belong
 *     tree                the nodes from one place of the table to another, as much work for each worker, and
 *                         the nodes before them whose sums they start from
 *     heads, concatenation
 *                         not shared: they are short
 *
 * A tree's share is a table of its own, copied from the whole one when the pool is set. Its output is private
 * too: plane 0 for nodes that are only calculated for their sums, behind it the worker's own channels, copied
 * to their places at the end, or there made reals. So no byte is written by two workers, and there is no
 * barrier inside a layer. What it costs: every worker prepares the planes, and some sums are calculated by
 * several.
 *
 * The layout of the memory: where all is, reckoned once; shares, [layer][worker]; scratch of the workers but
 * the first, which has the arena's; private outputs; where the steps of a table are, while it is shared out;
 * then for each tree its tables and lists of channels.
 */
#include <string.h>

#include "bundle.h"
#include "dense_shape.h"
#include "kernels/kernels.h"
#include "kernels/requantize.h"
#include "kernels/tree_word.h"
#include "little_endian.h"
#include "run_layer.h"
#include "step_tail.h"
#include "tap_table.h"

enum { CHANNELS_TOGETHER = 8, SLACK = 64 };
/* What a step takes, about: a word's loads and adders, a step's planes. */
enum { WORK_WORD = 10, WORK_STEP = 200 };

typedef struct share {
    uint64_t table, channels; /* bytes from the memory's beginning */
    uint32_t count;           /* channels of the worker's own */
} share;

typedef struct layout {
    uint64_t scratch, scratch_each, outputs, outputs_each, steps, tables, end;
} layout;

enum { SHARES_AT = (sizeof(layout) + 63) / 64 * 64 };

static uint64_t table_bytes(const spb_layer *l) { return spb_round_up(l->tables_bytes, 64) + SLACK; }

static uint64_t list_bytes(const spb_layer *l) { return spb_round_up(2 * (uint64_t)l->out.channels, 64); }

static layout layout_of(const spb_model *model, unsigned workers) {
    layout p;
    memset(&p, 0, sizeof p);
    uint64_t steps = 0, tables = 0;
    for (uint32_t i = 0; i < model->info.layer_count; i++) {
        spb_layer l;
        spb_layer_read(model->bundle, model->layer_offset, i, &l);
        if (l.scratch_bytes > p.scratch_each)
            p.scratch_each = l.scratch_bytes;
        if (l.op != SPB_OP_TREE)
            continue;
        uint64_t output = spb_output_bytes(&l, l.out.channels + 1u);
        uint64_t step_list = l.tables_bytes / SPB_STEP_HEADER_BYTES * sizeof(uint32_t);
        p.outputs_each = output > p.outputs_each ? output : p.outputs_each;
        steps = step_list > steps ? step_list : steps;
        tables += workers * (table_bytes(&l) + list_bytes(&l));
    }
    p.scratch_each = spb_round_up(p.scratch_each, 64) + SLACK;
    p.outputs_each = spb_round_up(p.outputs_each, 64) + SLACK;
    p.scratch = spb_round_up(SHARES_AT + (uint64_t)model->info.layer_count * workers * sizeof(share), 64);
    p.outputs = p.scratch + (workers - 1) * p.scratch_each;
    p.steps = p.outputs + workers * p.outputs_each;
    p.tables = p.steps + spb_round_up(steps, 64);
    p.end = p.tables + tables;
    return p;
}

static share *share_of(const spb_model *model, unsigned layer, unsigned worker) {
    share *first = (share *)(void *)(model->pool_memory + SHARES_AT);
    return first + (size_t)layer * model->pool.workers + worker;
}

/* --- Sharing out a tree, once --- */

typedef struct tree {
    const uint8_t *table;
    uint32_t *step; /* where the steps are, even numbers; bit 0: the worker needs it */
    uint32_t count, step_bytes, word_bytes;
} tree;

static uint32_t channel_of(const tree *t, uint32_t i) {
    return spb_u16(t->table + (t->step[i] & ~1u) + SPB_STEP_CHANNEL);
}

static uint32_t words_of(const tree *t, uint32_t i) {
    return spb_u16(t->table + (t->step[i] & ~1u) + SPB_STEP_WORDS);
}

static tree find_steps(const spb_layer *l, const uint8_t *table, uint32_t *step) {
    tree t = {table, step, 0, SPB_STEP_HEADER_BYTES + spb_tail_bytes(l), 0};
    uint32_t at = 0, flags;
    t.word_bytes = 2 * spb_lanes(&l->out, TREE_WORD_BYTES);
    do {
        flags = table[at + SPB_STEP_FLAGS];
        step[t.count] = at;
        at += t.step_bytes + words_of(&t, t.count) * t.word_bytes;
        t.count++;
    } while (!(flags & SPB_STEP_LAST) || flags & SPB_STEP_MORE);
    return t;
}

/* Worker w's own steps are cut[w] .. cut[w + 1] - 1: whole nodes. */
static void cut_work(const tree *t, unsigned workers, uint32_t *cut) {
    uint64_t total = 0, done = 0;
    for (uint32_t i = 0; i < t->count; i++)
        total += WORK_STEP + WORK_WORD * (uint64_t)words_of(t, i);
    memset(cut, 0, sizeof *cut * (workers + 1));
    for (uint32_t i = 0, next; i < t->count; i = next) {
        uint64_t work = 0;
        for (next = i; next < t->count && channel_of(t, next) == channel_of(t, i); next++)
            work += WORK_STEP + WORK_WORD * (uint64_t)words_of(t, next);
        cut[(done + work / 2) * workers / total + 1] = next;
        done += work;
    }
    for (unsigned w = 0; w < workers; w++)
        cut[w + 1] = cut[w + 1] < cut[w] ? cut[w] : cut[w + 1];
}

/* Marks the steps from `first` on, and those whose sums they start from: backwards, knowing which slots are
 * still to be filled. */
static void mark_needed(tree *t, uint32_t first, uint32_t end) {
    uint8_t wanted[256];
    memset(wanted, 0, sizeof wanted);
    for (uint32_t i = t->count; i-- > 0;) {
        const uint8_t *header = t->table + (t->step[i] &= ~1u);
        uint8_t source = header[SPB_STEP_SOURCE], slot = header[SPB_STEP_SLOT];
        if (i >= end || (i < first && !wanted[slot]))
            continue;
        t->step[i] |= 1;
        wanted[slot] = 0;
        if (source != SPB_NODE_ZERO)
            wanted[source] = 1;
    }
}

/* Copies the marked steps; returns how many channels are the worker's own, `channels` being their list. */
static uint32_t copy_share(const tree *t, uint32_t first, uint32_t end, uint8_t *to, uint8_t *channels) {
    uint32_t count = 0;
    uint8_t *last = NULL;
    for (uint32_t i = 0; i < end; i++) {
        if (!(t->step[i] & 1))
            continue;
        uint32_t bytes = t->step_bytes + words_of(t, i) * t->word_bytes;
        uint16_t place = 0, channel = (uint16_t)channel_of(t, i);
        if (i >= first && (i == first || channel_of(t, i - 1) != channel)) {
            memcpy(channels + 2 * (size_t)count, &channel, sizeof channel);
            count++;
        }
        if (i >= first)
            place = (uint16_t)count;
        memcpy(to, t->table + (t->step[i] & ~1u), bytes);
        memcpy(to + SPB_STEP_CHANNEL, &place, sizeof place);
        if (last)
            spb_step_before(last, to);
        last = to;
        to += bytes;
    }
    if (last)
        spb_step_before(last, NULL);
    return count;
}

static void share_tree(const spb_model *model, const spb_layer *l, const layout *p, uint64_t tables) {
    uint32_t cut[SPB_WORKERS_MAX + 1];
    uint32_t *steps = (uint32_t *)(void *)(model->pool_memory + p->steps);
    tree t = find_steps(l, model->arena + l->tables_arena, steps);
    cut_work(&t, model->pool.workers, cut);
    for (unsigned w = 0; w < model->pool.workers; w++) {
        share *s = share_of(model, l->index, w);
        s->table = tables;
        s->channels = tables + table_bytes(l);
        s->count = 0;
        tables = s->channels + list_bytes(l);
        if (cut[w] == cut[w + 1])
            continue; /* fewer nodes than workers */
        mark_needed(&t, cut[w], cut[w + 1]);
        s->count = copy_share(&t, cut[w], cut[w + 1], model->pool_memory + s->table,
                              model->pool_memory + s->channels);
    }
}

/* --- Running a share --- */

typedef struct job {
    const spb_model *model;
    const spb_layer *layer;
    const uint8_t *image;
    const layout *places;
} job;

/* A channel's sums as reals, its part of the second input added. */
static void finish(const spb_layer *l, uint32_t channel, const uint8_t *sums, uint8_t *to) {
    size_t pixels = (size_t)l->out.height * l->out.width;
    const int16_t *addend = l->addend ? l->addend + channel * pixels : NULL;
    spb_requantize(l, channel, (const int16_t *)(const void *)sums, pixels, addend, (int16_t *)(void *)to);
}

static void run_tree(const job *j, unsigned worker, uint8_t *scratch) {
    const spb_model *model = j->model;
    const share *s = share_of(model, j->layer->index, worker);
    uint8_t *memory = model->pool_memory,
            *own = memory + j->places->outputs + worker * j->places->outputs_each;
    if (s->count == 0)
        return;
    spb_layer l = *j->layer;
    l.out.channels = s->count + 1;
    l.real = 0; /* sums, which are finished behind */
    spb_tree_conv(&l, model->arena + l.in_arena, own, scratch, memory + s->table);
    size_t bytes = (size_t)spb_output_bytes(&l, 1);
    for (uint32_t c = 0; c < s->count; c++) {
        uint32_t channel = spb_u16(memory + s->channels + 2 * (size_t)c);
        uint8_t *to = model->arena + l.out_arena + channel * bytes, *from = own + (c + 1) * bytes;
        if (j->layer->real) {
            finish(j->layer, channel, from, to);
        } else {
            memcpy(to, from, bytes);
        }
    }
}

/* Whether each output channel is made of the input's one. */
static int is_by_channel(spb_op op) {
    return op == SPB_OP_POOL || op == SPB_OP_SIGN || op == SPB_OP_PRELU || op == SPB_OP_AVG_POOL ||
           op == SPB_OP_ADD;
}

/* Bytes of weights of `rows` output channels, a multiple of CHANNELS_TOGETHER. */
static size_t weights_of(const spb_layer *l, size_t rows) {
    switch (l->op) {
    case SPB_OP_STEM:
        return rows * l->kernel_h * l->kernel_w * l->in.channels;
    case SPB_OP_DENSE:
        return rows * spb_dense_shape_of(l).channel_bytes;
    case SPB_OP_REAL_CONV:
        return rows * l->in.channels * sizeof(int16_t);
    case SPB_OP_PRELU:
        return rows * sizeof(int16_t);
    default:
        return rows / 8; /* a bit a channel, of a pool */
    }
}

/* The layer from output channel `first` on; a multiple of CHANNELS_TOGETHER. */
static spb_layer part_of(const spb_layer *layer, uint32_t first, uint32_t count) {
    spb_layer l = *layer;
    l.out.channels = count;
    if (is_by_channel(l.op))
        l.in.channels = count;
    l.weights += weights_of(layer, first);
    if (l.op == SPB_OP_STEM)
        l.weight_rows -= first; /* what lies behind all rows, lies behind these; else: behind as many */
    if (l.threshold)
        l.threshold += first, l.compare += first;
    if (l.shift)
        l.bias += first, l.shift += first;
    if (l.multiplier)
        l.multiplier += first;
    if (l.addend)
        l.addend += first * (size_t)l.out.height * l.out.width;
    return l;
}

static void run_share(void *context, unsigned worker) {
    const job *j = context;
    const spb_layer *layer = j->layer;
    uint8_t *arena = j->model->arena, *scratch = arena + layer->scratch_arena;
    unsigned workers = j->model->pool.workers;
    if (worker >= workers)
        return;
    if (worker)
        scratch = j->model->pool_memory + j->places->scratch + (worker - 1) * j->places->scratch_each;
    if (layer->op == SPB_OP_TREE) {
        run_tree(j, worker, scratch);
        return;
    }
    uint32_t channels = layer->out.channels;
    uint32_t groups = (channels + CHANNELS_TOGETHER - 1) / CHANNELS_TOGETHER;
    uint32_t first = groups * worker / workers * CHANNELS_TOGETHER;
    uint32_t end = groups * (worker + 1) / workers * CHANNELS_TOGETHER;
    end = end < channels ? end : channels;
    if (first >= end)
        return;
    spb_layer l = part_of(layer, first, end - first);
    size_t skipped = is_by_channel(l.op) ? (size_t)spb_input_bytes(&l, first) : 0;
    const spb_operands at = {.image = j->image,
                             .in = arena + l.in_arena + skipped,
                             .out = arena + l.out_arena + spb_output_bytes(&l, first),
                             .scratch = scratch};
    spb_run_layer(&l, &at);
}

/* 0: this layer is not shared. */
static int run_shared(const spb_model *model, unsigned index, const uint8_t *image) {
    spb_layer layer;
    spb_layer_read(model->bundle, model->layer_offset, index, &layer);
    if (spb_is_head(layer.op) || layer.op == SPB_OP_CONCAT)
        return 0;
    spb_layer_place(&layer, model->arena);
    job j = {model, &layer, image, (const layout *)(const void *)model->pool_memory};
    model->pool.run(model->pool.user, run_share, &j);
    return 1;
}

spb_status spb_pool_bytes(const spb_model *model, unsigned workers, size_t *bytes) {
    if (!model || !model->bundle || !bytes)
        return SPB_ERR_NULL;
    if (workers < 1 || workers > SPB_WORKERS_MAX)
        return SPB_ERR_WORKERS;
    uint64_t needed = workers > 1 ? layout_of(model, workers).end : 0;
    *bytes = needed < SIZE_MAX ? (size_t)needed : SIZE_MAX; /* which no caller has */
    return SPB_OK;
}

spb_status spb_model_set_pool(spb_model *model, const spb_pool *pool, void *memory, size_t bytes) {
    size_t needed = 0;
    if (!model || !model->bundle || (pool && !pool->run))
        return SPB_ERR_NULL;
    spb_status status = pool ? spb_pool_bytes(model, pool->workers, &needed) : SPB_OK;
    if (status)
        return status;
    if (needed && !memory)
        return SPB_ERR_NULL;
    if (needed && (bytes < needed || (uintptr_t)memory % SPB_ARENA_ALIGN))
        return SPB_ERR_POOL_MEMORY;
    model->run_shared = NULL;
    if (!needed)
        return SPB_OK;
    model->pool = *pool;
    model->pool_memory = memory;
    const layout p = layout_of(model, pool->workers);
    memcpy(memory, &p, sizeof p);
    uint64_t tables = p.tables;
    for (uint32_t i = 0; i < model->info.layer_count; i++) {
        spb_layer l;
        spb_layer_read(model->bundle, model->layer_offset, i, &l);
        if (l.op != SPB_OP_TREE)
            continue;
        share_tree(model, &l, &p, tables);
        tables += pool->workers * (table_bytes(&l) + list_bytes(&l));
    }
    model->run_shared = run_shared;
    return SPB_OK;
}
