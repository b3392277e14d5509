/* What the programs of the benchmarks share: a bundle from a file, memory for it, repeatable input. */
#ifndef BENCH_BUNDLE_H
#define BENCH_BUNDLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime_c/src/bundle.h"

static inline void die(const char *what, const char *where) {
    fprintf(stderr, "bench: %s: %s\n", where, what);
    exit(2);
}

static inline void *aligned(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p)
        die("out of memory", "aligned_alloc");
    return p;
}

static inline uint8_t *read_bundle(const char *path, size_t *bytes) {
    FILE *f = fopen(path, "rb");
    if (!f)
        die("cannot open", path);
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *bundle = aligned(*bytes);
    if (fread(bundle, 1, *bytes, f) != *bytes)
        die("cannot read", path);
    fclose(f);
    return bundle;
}

/* The bundle at `path` as a model, in memory that is never freed. */
static inline spb_info open_model(spb_model *model, const char *path) {
    size_t bytes;
    uint8_t *bundle = read_bundle(path, &bytes);
    spb_info info;
    spb_status status = spb_bundle_info(bundle, bytes, &info);
    if (!status)
        status = spb_model_init(model, bundle, bytes, aligned(info.arena_bytes), info.arena_bytes);
    if (status)
        die(spb_status_text(status), path);
    return info;
}

static inline uint32_t next_random(uint32_t *state) {
    return (*state = *state * 1664525u + 1013904223u) >> 24;
}

/* Fixed pseudo-random bits. Bits that are no pixel stay 0, as every kernel may rely on. */
static inline void fill(const spb_tensor *t, uint8_t *data) {
    uint32_t state = 1;
    memset(data, 0, (size_t)t->channels * t->plane_bytes);
    for (uint32_t c = 0; c < t->channels; c++) {
        for (uint32_t y = 0; y < t->height; y++) {
            uint8_t *row = data + (size_t)c * t->plane_bytes + (size_t)y * t->row_bytes;
            for (uint32_t x = 0; x < t->width; x++)
                row[x / 8] = (uint8_t)(row[x / 8] | (next_random(&state) >> 7) << x % 8);
        }
    }
}

#endif
