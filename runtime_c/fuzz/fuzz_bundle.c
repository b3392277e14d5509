/* Any bytes as a bundle: they are refused with a status, or they load and run, and nothing else.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude fuzz/fuzz_bundle.c ...  (see README.md)
 *
 * The checksum and the size field are put right first: a fuzzer cannot guess a CRC, and what is behind it is
 * what must hold. One input in sixteen keeps its own, so that those checks are met too.
 */
#include "../src/crc32.h"
#include "fuzz.h"
#include "spanbit.h"

enum { MAX_ARENA = 1 << 22, MAX_WORK = 1 << 24 };

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Additions that a run may take; what is slow is not a find. */
static int is_small(const spb_model *model) {
    double work = 0;
    for (unsigned i = 0; i < model->info.layer_count; i++) {
        spb_layer_info l;
        spb_model_layer(model, i, &l);
        int head = l.op == SPB_OP_HEAD || l.op == SPB_OP_REAL_HEAD;
        double side = head ? (double)l.in_height * l.in_width : (double)l.out_height * l.out_width * 49;
        work += l.op == SPB_OP_POOL ? side : side * l.out_channels * l.in_channels;
        if (l.op == SPB_OP_AVG_POOL) /* windows of up to the image's size */
            work += (double)l.out_height * l.out_width * l.out_channels * l.in_height * l.in_width;
    }
    return work < MAX_WORK;
}

/* Workers, one after the other: what they read and write is the same as of threads. */
static void run_in_turn(void *user, spb_task task, void *context) {
    for (unsigned w = 0; w < *(unsigned *)user; w++)
        task(context, w);
}

/* Once more with workers, whose shares of the tables are made of the bundle too. NULL: none. */
static uint8_t *set_workers(spb_model *model, unsigned *workers) {
    size_t bytes;
    const spb_pool pool = {*workers, run_in_turn, workers};
    if (spb_pool_bytes(model, *workers, &bytes) || bytes > MAX_ARENA)
        return NULL;
    uint8_t *memory = fuzz_memory(bytes);
    if (spb_model_set_pool(model, &pool, memory, bytes))
        abort();
    return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    spb_info info;
    spb_model model;
    int layer;
    if (size > 1 << 20)
        return 0;
    uint8_t *bundle = fuzz_memory(size);
    if (size)
        memcpy(bundle, data, size);
    if (size >= 96 && data[size - 1] % 16 != 15) {
        put32(bundle + 8, (uint32_t)size);
        put32(bundle + 12, spb_crc32(0, bundle + 16, size - 16));
    }
    if (!spb_bundle_info(bundle, size, &info) && info.arena_bytes <= MAX_ARENA) {
        uint8_t *arena = fuzz_memory(info.arena_bytes);
        size_t image_bytes = (size_t)info.height * info.width * info.channels;
        if (!spb_model_init_at(&model, bundle, size, arena, info.arena_bytes, &layer) && is_small(&model)) {
            uint8_t *image = fuzz_memory(image_bytes);
            float *logits = malloc(sizeof(float) * info.output_count);
            memset(image, data[size / 2], image_bytes);
            spb_model_run(&model, image, image_bytes, logits, info.output_count);
            if (info.golden_count)
                spb_model_check_golden(&model, info.golden_count - 1u, &layer, logits, info.output_count);
            unsigned workers = 2 + data[size / 2] % 3;
            uint8_t *memory = set_workers(&model, &workers);
            if (memory)
                spb_model_run(&model, image, image_bytes, logits, info.output_count);
            free(memory);
            free(logits);
            free(image);
        }
        free(arena);
    }
    free(bundle);
    return 0;
}
