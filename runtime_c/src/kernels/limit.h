/* A channel's comparison in the form that kernels want: bit = (value > limit) ^ invert.
 *
 * The stem compares P itself. The dense kernel has d, the number of taps that differ, with P = n - 2 d, where
 * n is the number of taps that are not zero, or the offset that zero padding makes of it (dense_conv.c):
 *
 *     P >= t   <=>   d <= floor((n - t) / 2)       <=>   not (d > floor((n - t) / 2))
 *     P <= t   <=>   d >= ceil((n - t) / 2)        <=>   d > floor((n - t - 1) / 2)
 */
#ifndef SPB_LIMIT_H
#define SPB_LIMIT_H

#include "../layer.h"

typedef struct spb_limit {
    int32_t limit;
    uint32_t invert; /* 0 or 1 */
} spb_limit;

enum { SPB_LIMIT_MAX = 1 << 30 }; /* beyond what any layer can reach */

static inline spb_limit spb_limit_of(int64_t limit, uint32_t invert) {
    limit = limit > SPB_LIMIT_MAX ? SPB_LIMIT_MAX : limit < -SPB_LIMIT_MAX ? -SPB_LIMIT_MAX : limit;
    spb_limit r = {(int32_t)limit, invert};
    return r;
}

static inline int64_t spb_floor_half(int64_t n) { return n >= 0 ? n / 2 : -((1 - n) / 2); }

/* Of P. */
static inline spb_limit spb_sum_limit(int32_t threshold, uint32_t compare) {
    switch (compare) {
    case SPB_COMPARE_GE:
        return spb_limit_of((int64_t)threshold - 1, 0);
    case SPB_COMPARE_LE:
        return spb_limit_of(threshold, 1);
    default:
        return spb_limit_of(SPB_LIMIT_MAX, compare == SPB_COMPARE_ALWAYS);
    }
}

/* Of d, where `offset` is n. */
static inline spb_limit spb_difference_limit(int32_t threshold, uint32_t compare, int32_t offset) {
    int64_t room = (int64_t)offset - threshold;
    switch (compare) {
    case SPB_COMPARE_GE:
        return spb_limit_of(spb_floor_half(room), 1);
    case SPB_COMPARE_LE:
        return spb_limit_of(spb_floor_half(room - 1), 0);
    default:
        return spb_limit_of(SPB_LIMIT_MAX, compare == SPB_COMPARE_ALWAYS);
    }
}

#endif
