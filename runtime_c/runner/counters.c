#define _GNU_SOURCE /* syscall */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#endif

const char *const counter_name[COUNT_KINDS] = {"cycles", "instructions", "cache_misses", "branch_misses"};

#if defined(__linux__) && defined(SYS_perf_event_open)
static int open_one(uint64_t config) {
    struct perf_event_attr asked;
    memset(&asked, 0, sizeof asked);
    asked.type = PERF_TYPE_HARDWARE;
    asked.size = sizeof asked;
    asked.config = config;
    asked.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    asked.inherit = 1;
    asked.exclude_kernel = 1;
    asked.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &asked, 0, -1, -1, 0);
}

counters counters_open(void) {
    static const uint64_t config[COUNT_KINDS] = {PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS,
                                                 PERF_COUNT_HW_CACHE_MISSES, PERF_COUNT_HW_BRANCH_MISSES};
    counters c = {.error = 0};
    for (int kind = 0; kind < COUNT_KINDS; kind++) {
        c.fd[kind] = open_one(config[kind]);
        if (c.fd[kind] < 0 && !c.error)
            c.error = errno;
    }
    return c;
}
#else
counters counters_open(void) {
    counters c = {.error = ENOSYS};
    for (int kind = 0; kind < COUNT_KINDS; kind++)
        c.fd[kind] = -1;
    return c;
}
#endif

void counters_close(counters *c) {
    for (int kind = 0; kind < COUNT_KINDS; kind++) {
        if (c->fd[kind] >= 0)
            close(c->fd[kind]);
        c->fd[kind] = -1;
    }
}

int64_t counters_read(const counters *c, int kind) {
    int64_t value[3]; /* count, ns enabled, ns running */
    if (c->fd[kind] < 0 || read(c->fd[kind], value, sizeof value) != (ssize_t)sizeof value)
        return -1;
    return value[1] == value[2] ? value[0] : -1;
}
