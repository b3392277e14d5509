/* Rounds over one image: the whole network's time without a hook, each layer's with one. */
#ifndef SPB_TIMING_H
#define SPB_TIMING_H

#include <stdint.h>

#include "spanbit.h"

typedef struct timing {
    long rounds;
    int64_t *total_ns; /* [rounds] */
    int64_t *layer_ns; /* [layer][rounds] */
} timing;

/* 0 where there is no memory. */
int timing_alloc(timing *t, const spb_model *model, long rounds);
void timing_free(timing *t);
spb_status timing_run(timing *t, spb_model *model, const uint8_t *image, size_t image_bytes, float *logits,
                      long warmup);

#endif
