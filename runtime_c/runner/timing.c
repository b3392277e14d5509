#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "timing.h"

#include <stdlib.h>
#include <time.h>

typedef struct stopwatch {
    timing *times;
    const counters *counting; /* NULL: the clock */
    long round;
    int64_t last;
} stopwatch;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int timing_alloc(timing *t, const spb_model *model, const timing_plan *plan) {
    long most = plan->seconds > 0 && plan->rounds < TIMING_MOST ? TIMING_MOST : plan->rounds;
    size_t count = most > 0 ? (size_t)most : 1, layers = model->info.layer_count;
    t->most = most;
    t->total_ns = calloc(count, sizeof *t->total_ns);
    t->layer_ns = calloc(count * layers, sizeof *t->layer_ns);
    t->layer_instructions = calloc(layers, sizeof *t->layer_instructions);
    return t->total_ns && t->layer_ns && t->layer_instructions;
}

void timing_free(timing *t) {
    free(t->total_ns);
    free(t->layer_ns);
    free(t->layer_instructions);
}

/* Reading the clock at the end again leaves the hook's own work out of the next layer. */
static void lap(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    stopwatch *watch = user;
    (void)info, (void)output;
    watch->times->layer_ns[(long)layer * watch->times->most + watch->round] = now_ns() - watch->last;
    watch->last = now_ns();
}

static void count(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    stopwatch *watch = user;
    (void)info, (void)output;
    watch->times->layer_instructions[layer] =
        counters_read(watch->counting, COUNT_INSTRUCTIONS) - watch->last;
    watch->last = counters_read(watch->counting, COUNT_INSTRUCTIONS);
}

static spb_status run(const timing_subject *s) {
    return spb_model_run(s->model, s->image, s->image_bytes, s->logits, s->model->info.output_count);
}

spb_status timing_first(timing *t, const timing_subject *subject) {
    int64_t begin = now_ns();
    spb_status status = run(subject);
    t->first_ns = now_ns() - begin;
    return status;
}

static spb_status totals(timing *t, const timing_subject *subject, const timing_plan *plan,
                         const counters *counting) {
    spb_status status = SPB_OK;
    int64_t before[COUNT_KINDS], start = now_ns(), enough = (int64_t)plan->seconds * 1000000000;
    for (int kind = 0; kind < COUNT_KINDS; kind++)
        before[kind] = counters_read(counting, kind);
    while (!status && t->rounds < t->most && (t->rounds < plan->rounds || now_ns() - start < enough)) {
        int64_t begin = now_ns();
        status = run(subject);
        t->total_ns[t->rounds++] = now_ns() - begin;
    }
    for (int kind = 0; kind < COUNT_KINDS; kind++) {
        int64_t after = counters_read(counting, kind);
        t->counted[kind] = before[kind] < 0 || after < 0 ? -1 : after - before[kind];
    }
    return status;
}

static spb_status layers(timing *t, const timing_subject *subject, const counters *counting) {
    spb_status status = SPB_OK;
    stopwatch watch = {t, NULL, 0, 0};
    spb_model_set_hook(subject->model, lap, &watch);
    for (; watch.round < t->rounds && !status; watch.round++) {
        watch.last = now_ns();
        status = run(subject);
    }
    watch.counting = counting;
    watch.last = counters_read(counting, COUNT_INSTRUCTIONS);
    if (!status && watch.last >= 0) {
        spb_model_set_hook(subject->model, count, &watch);
        status = run(subject);
    } else {
        for (unsigned i = 0; i < subject->model->info.layer_count; i++)
            t->layer_instructions[i] = -1;
    }
    spb_model_set_hook(subject->model, NULL, NULL);
    return status;
}

spb_status timing_run(timing *t, const timing_subject *subject, const timing_plan *plan,
                      const counters *counting) {
    spb_status status = SPB_OK;
    for (long i = 0; i < plan->warmup && !status; i++)
        status = run(subject);
    if (!status)
        status = totals(t, subject, plan, counting);
    return status ? status : layers(t, subject, counting);
}
