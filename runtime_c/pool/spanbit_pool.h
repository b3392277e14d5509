/* Threads for spb_model_set_pool. Beside the library, which needs none of it.
 *
 *     spb_threads *threads = spb_threads_create(4);
 *     spb_pool pool = spb_threads_pool(threads);
 *     spb_pool_bytes(&model, pool.workers, &bytes);
 *     spb_model_set_pool(&model, &pool, memory, bytes);
 *     ...                        runs, from one thread at a time
 *     spb_threads_destroy(threads);
 */
#ifndef SPANBIT_POOL_H
#define SPANBIT_POOL_H

#include "spanbit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spb_threads spb_threads;

/* `workers`: 1 .. SPB_WORKERS_MAX, the thread that runs the model being the first. NULL: out of memory or
 * threads, or another number. */
spb_threads *spb_threads_create(unsigned workers);

/* May be NULL. No model may be running. */
void spb_threads_destroy(spb_threads *threads);

spb_pool spb_threads_pool(spb_threads *threads);

/* Processors of this machine, at least 1. */
unsigned spb_threads_cores(void);

#ifdef __cplusplus
}
#endif
#endif
