/* Runs a bundle shared among workers and counts one worker's part of one layer (see count_layer.c):
 *
 *     qemu-aarch64 -plugin ./libinsn.so,out=insn.json count_share BUNDLE WORKERS WORKER LAYER
 *
 * The workers run one after the other, since instructions are counted, not time. A layer that is not shared
 * is the first worker's, and is not between the markers: count_layer counts it.
 */
#include "bench_bundle.h"

#if defined(__aarch64__)
#define BEGIN() __asm__ volatile("mov x12, x12" ::: "memory")
#define END() __asm__ volatile("mov x13, x13" ::: "memory")
#else
#define BEGIN() (void)0
#define END() (void)0
#endif

typedef struct counted {
    unsigned workers, worker, layer, now;
} counted;

static void run(void *user, spb_task task, void *context) {
    const counted *c = user;
    for (unsigned w = 0; w < c->workers; w++) {
        if (w == c->worker && c->now == c->layer) {
            BEGIN();
            task(context, w);
            END();
        } else {
            task(context, w);
        }
    }
}

static void next_layer(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    (void)info, (void)output;
    ((counted *)user)->now = layer + 1;
}

int main(int argc, char **argv) {
    if (argc != 5)
        die("BUNDLE WORKERS WORKER LAYER", "usage");
    spb_model model;
    spb_info info = open_model(&model, argv[1]);
    size_t image_bytes = (size_t)info.channels * info.height * info.width, bytes;
    uint8_t *image = aligned(image_bytes);
    float *logits = aligned(sizeof(float) * info.output_count);
    uint32_t state = 7;
    for (size_t i = 0; i < image_bytes; i++)
        image[i] = (uint8_t)next_random(&state);
    counted c = {(unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), 0};
    const spb_pool pool = {c.workers, run, &c};
    spb_status status = spb_pool_bytes(&model, c.workers, &bytes);
    if (!status)
        status = spb_model_set_pool(&model, &pool, aligned(bytes), bytes);
    spb_model_set_hook(&model, next_layer, &c);
    if (!status)
        status = spb_model_run(&model, image, image_bytes, logits, info.output_count);
    if (status)
        die(spb_status_text(status), "workers");
    return 0;
}
