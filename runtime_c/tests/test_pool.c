/* A network shared among workers: every layer's bytes equal those of one worker, for 1 to 8 threads, and for
 * workers that run one after the other in any order. Built with -fsanitize=thread it says that no two workers
 * touch the same byte. */
#include "spanbit_pool.h"
#include "tiny_bundle.h"

enum { OUTPUT_BYTES = 1 << 13 };

typedef struct trace {
    uint8_t bytes[TINY_LAYERS][OUTPUT_BYTES];
} trace;

static void keep(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    trace *t = user;
    size_t bytes = info->output ? 4u * info->out_channels : (size_t)info->out_channels * info->plane_bytes;
    memset(t->bytes[layer], 0, OUTPUT_BYTES);
    memcpy(t->bytes[layer], output, bytes);
}

/* Workers one after the other, from a drawn one on, forwards or backwards. */
static void in_any_order(void *user, spb_task task, void *context) {
    unsigned workers = *(const unsigned *)user, first = draw(workers), back = draw(2);
    for (unsigned i = 0; i < workers; i++)
        task(context, (first + (back ? workers - i : i)) % workers);
}

static int same(spb_model *model, const tiny_bundle *b, const spb_pool *pool, const trace *expected) {
    size_t bytes;
    float logits[2 * TINY_CLASSES];
    trace *found = malloc(sizeof *found);
    if (spb_pool_bytes(model, pool->workers, &bytes))
        abort();
    uint8_t *memory = garbage(bytes);
    int ok = pool->workers == 1 || spb_model_set_pool(model, pool, memory, bytes - 1) == SPB_ERR_POOL_MEMORY;
    ok &= spb_model_set_pool(model, pool, memory, bytes) == SPB_OK;
    spb_model_set_hook(model, keep, found);
    for (int again = 0; again < 3 && ok; again++) { /* the memory is full of the last run's values */
        ok = spb_model_run(model, b->data + b->golden, b->image_bytes, logits, TINY_CLASSES) == SPB_OK;
        ok &= memcmp(expected, found, sizeof *found) == 0;
        spb_model_set_hook(model, again ? NULL : keep, found);
    }
    uint8_t *images = garbage(2 * (size_t)b->image_bytes); /* another image, then the one that is known */
    memcpy(images + b->image_bytes, b->data + b->golden, b->image_bytes);
    ok &= spb_model_run_batch(model, images, 2 * b->image_bytes, 2, logits, 2 * TINY_CLASSES) == SPB_OK;
    ok &= memcmp(logits + TINY_CLASSES, b->data + b->golden + b->image_bytes + 4 * TINY_LAYERS,
                 sizeof(float) * TINY_CLASSES) == 0;
    ok &= spb_model_run_batch(model, images, 2 * b->image_bytes, 1, logits, TINY_CLASSES) ==
          SPB_ERR_IMAGE_BYTES;
    spb_model_set_pool(model, NULL, NULL, 0);
    free(images), free(memory), free(found);
    return ok;
}

static int run_case(uint32_t index) {
    tiny_bundle b = tiny_bundle_make(index + 1);
    spb_model model;
    float logits[TINY_CLASSES];
    trace *expected = malloc(sizeof *expected);
    uint8_t *arena = garbage(b.arena);
    int ok = tiny_bundle_seal(&b) == SPB_OK && expected;
    ok = ok && spb_model_init(&model, b.data, b.count, arena, b.arena) == SPB_OK;
    if (ok) {
        spb_model_set_hook(&model, keep, expected);
        ok = spb_model_run(&model, b.data + b.golden, b.image_bytes, logits, TINY_CLASSES) == SPB_OK;
        for (unsigned workers = 1; workers <= SPB_WORKERS_MAX && ok; workers++) {
            const spb_pool sequential = {workers, in_any_order, &workers};
            ok = same(&model, &b, &sequential, expected);
        }
        unsigned threads = 1 + index % SPB_WORKERS_MAX;
        spb_threads *t = spb_threads_create(threads);
        const spb_pool pool = spb_threads_pool(t);
        ok = ok && same(&model, &b, &pool, expected);
        spb_threads_destroy(t);
        const spb_pool many = {SPB_WORKERS_MAX + 1, in_any_order, NULL};
        ok &= spb_model_set_pool(&model, &many, arena, 0) == SPB_ERR_WORKERS;
    }
    ok &= spb_threads_create(0) == NULL && spb_threads_create(SPB_WORKERS_MAX + 1) == NULL;
    free(arena), free(b.data), free(expected);
    return ok;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 40, run_case); }
