#define _GNU_SOURCE /* sched_setaffinity */
#include "affinity.h"

#include <stdlib.h>

#if defined(__linux__)
#include <sched.h>

static int read_number(const char **text, long *value) {
    char *end;
    *value = strtol(*text, &end, 10);
    if (end == *text || **text < '0' || **text > '9' || *value >= AFFINITY_MOST)
        return 0;
    *text = end;
    return 1;
}

int affinity_set(const char *list) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (;;) {
        long first, last;
        if (!read_number(&list, &first))
            return 0;
        last = first;
        if (*list == '-') {
            list++;
            if (!read_number(&list, &last))
                return 0;
        }
        for (; first <= last; first++)
            CPU_SET((size_t)first, &set);
        if (*list == 0)
            return sched_setaffinity(0, sizeof set, &set) == 0;
        if (*list++ != ',')
            return 0;
    }
}

int affinity_get(int *place) {
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (int cpu = 0; cpu < AFFINITY_MOST; cpu++) {
        if (CPU_ISSET((size_t)cpu, &set))
            place[count++] = cpu;
    }
    return count;
}
#else
int affinity_set(const char *list) {
    (void)list;
    return 0;
}

int affinity_get(int *place) {
    (void)place;
    return 0;
}
#endif
