#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "timing.h"

#include <stdlib.h>
#include <time.h>

typedef struct stopwatch {
    timing *times;
    long round;
    int64_t last;
} stopwatch;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int timing_alloc(timing *t, const spb_model *model, long rounds) {
    size_t count = rounds > 0 ? (size_t)rounds : 1;
    t->rounds = rounds;
    t->total_ns = calloc(count, sizeof *t->total_ns);
    t->layer_ns = calloc(count * model->info.layer_count, sizeof *t->layer_ns);
    return t->total_ns && t->layer_ns;
}

void timing_free(timing *t) {
    free(t->total_ns);
    free(t->layer_ns);
}

/* Reading the clock at the end again leaves the hook's own work out of the next layer. */
static void lap(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    stopwatch *watch = user;
    (void)info, (void)output;
    watch->times->layer_ns[(long)layer * watch->times->rounds + watch->round] = now_ns() - watch->last;
    watch->last = now_ns();
}

spb_status timing_run(timing *t, spb_model *model, const uint8_t *image, size_t image_bytes, float *logits,
                      long warmup) {
    spb_status status = SPB_OK;
    for (long i = 0; i < warmup && !status; i++)
        status = spb_model_run(model, image, image_bytes, logits, model->info.output_count);
    for (long i = 0; i < t->rounds && !status; i++) {
        int64_t begin = now_ns();
        status = spb_model_run(model, image, image_bytes, logits, model->info.output_count);
        t->total_ns[i] = now_ns() - begin;
    }
    stopwatch watch = {t, 0, 0};
    spb_model_set_hook(model, lap, &watch);
    for (long i = 0; i < t->rounds && !status; i++) {
        watch.round = i;
        watch.last = now_ns();
        status = spb_model_run(model, image, image_bytes, logits, model->info.output_count);
    }
    spb_model_set_hook(model, NULL, NULL);
    return status;
}
