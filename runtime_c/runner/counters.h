/* The CPU's own counters through perf_event_open, where the kernel lets a user have them. */
#ifndef SPB_COUNTERS_H
#define SPB_COUNTERS_H

#include <stdint.h>

enum { COUNT_CYCLES, COUNT_INSTRUCTIONS, COUNT_CACHE_MISSES, COUNT_BRANCH_MISSES, COUNT_KINDS };

typedef struct counters {
    int fd[COUNT_KINDS]; /* -1: not to be had */
    int error;           /* errno of the first that is not */
} counters;

extern const char *const counter_name[COUNT_KINDS];

/* Before threads are started: they are counted too. Only what runs in user mode. */
counters counters_open(void);
void counters_close(counters *c);

/* So far; -1 where it cannot be had, or did not run all the time since it shares a register of the CPU. */
int64_t counters_read(const counters *c, int kind);

#endif
