/* A pool of POSIX threads.
 *
 * A layer takes tens of microseconds, about what it takes to wake a thread. So a thread that has nothing to
 * do looks for work for a while, and only then sleeps: within a network it never does. The thread that waits
 * for the others does the same. `round` and `busy` are what they look at; both are only changed, and slept
 * for, so that no wake-up can be missed: under the lock, or before it is taken to wake.
 */
#define _POSIX_C_SOURCE 200809L
#include "spanbit_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOKS = 2000, LOOKS_BETWEEN_YIELDS = 100 };

typedef struct thread {
    spb_threads *all;
    unsigned worker;
    pthread_t id;
} thread;

struct spb_threads {
    unsigned workers, started;
    atomic_uint round, busy; /* odd jobs done so far; threads at work */
    atomic_int end;
    spb_task task;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    thread each[SPB_WORKERS_MAX];
};

/* Whether *value became something else than `than` while looking for a while. Yielding lets the others on
 * where there are more threads than cores. */
static int changes(atomic_uint *value, unsigned than) {
    for (int i = 1; i <= LOOKS; i++) {
        if (atomic_load_explicit(value, memory_order_acquire) != than)
            return 1;
        if (i % LOOKS_BETWEEN_YIELDS == 0)
            sched_yield();
    }
    return 0;
}

static void finish(spb_threads *t) {
    if (atomic_fetch_sub_explicit(&t->busy, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->lock);
}

static void *thread_main(void *argument) {
    const thread *self = argument;
    spb_threads *t = self->all;
    for (unsigned seen = 0;; seen++) {
        if (!changes(&t->round, seen)) {
            pthread_mutex_lock(&t->lock);
            while (atomic_load(&t->round) == seen)
                pthread_cond_wait(&t->work, &t->lock);
            pthread_mutex_unlock(&t->lock);
        }
        if (atomic_load(&t->end))
            return NULL;
        t->task(t->context, self->worker);
        finish(t);
    }
}

static void begin(spb_threads *t) {
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->round, 1);
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
}

static void run(void *user, spb_task task, void *context) {
    spb_threads *t = user;
    t->task = task;
    t->context = context;
    atomic_store(&t->busy, t->started);
    begin(t);
    task(context, 0);
    for (unsigned left; (left = atomic_load_explicit(&t->busy, memory_order_acquire)) != 0;) {
        if (changes(&t->busy, left))
            continue;
        pthread_mutex_lock(&t->lock);
        while (atomic_load(&t->busy) != 0)
            pthread_cond_wait(&t->done, &t->lock);
        pthread_mutex_unlock(&t->lock);
    }
}

spb_threads *spb_threads_create(unsigned workers) {
    if (workers < 1 || workers > SPB_WORKERS_MAX)
        return NULL;
    spb_threads *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->workers = workers;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->work, NULL);
    pthread_cond_init(&t->done, NULL);
    for (unsigned w = 1; w < workers; w++) {
        thread *each = &t->each[w];
        each->all = t;
        each->worker = w;
        if (pthread_create(&each->id, NULL, thread_main, each)) {
            spb_threads_destroy(t);
            return NULL;
        }
        t->started++;
    }
    return t;
}

void spb_threads_destroy(spb_threads *threads) {
    if (!threads)
        return;
    atomic_store(&threads->end, 1);
    begin(threads);
    for (unsigned w = 1; w <= threads->started; w++)
        pthread_join(threads->each[w].id, NULL);
    pthread_cond_destroy(&threads->work);
    pthread_cond_destroy(&threads->done);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

spb_pool spb_threads_pool(spb_threads *threads) {
    spb_pool pool = {threads->workers, run, threads};
    return pool;
}

unsigned spb_threads_cores(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (unsigned)cores : 1;
}
