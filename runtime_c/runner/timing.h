/* Rounds over one image: the whole network's time without a hook, each layer's with one. */
#ifndef SPB_TIMING_H
#define SPB_TIMING_H

#include <stdint.h>

#include "counters.h"
#include "spanbit.h"

typedef struct timing {
    long rounds, most;            /* done, and room for */
    int64_t first_ns;             /* the very first run of this process */
    int64_t *total_ns;            /* [most] */
    int64_t *layer_ns;            /* [layer][most] */
    int64_t *layer_instructions;  /* [layer], of one round; -1 where they cannot be counted */
    int64_t counted[COUNT_KINDS]; /* over the rounds of total_ns; -1 likewise */
} timing;

typedef struct timing_plan {
    long rounds, warmup; /* timed, at least; before them */
    long seconds;        /* to go on for at least, until TIMING_MOST rounds */
} timing_plan;

enum { TIMING_MOST = 10000 };

typedef struct timing_subject {
    spb_model *model;
    const uint8_t *image;
    size_t image_bytes;
    float *logits;
} timing_subject;

/* 0 where there is no memory. */
int timing_alloc(timing *t, const spb_model *model, const timing_plan *plan);
void timing_free(timing *t);
/* Before anything else has run. */
spb_status timing_first(timing *t, const timing_subject *subject);
spb_status timing_run(timing *t, const timing_subject *subject, const timing_plan *plan,
                      const counters *counting);

#endif
