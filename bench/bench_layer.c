/* Runs one layer of a bundle again and again: the object of `make bench`.
 *
 *     bench_layer BUNDLE LAYER ROUNDS [BUNDLE LAYER]...
 *
 * Fills the layer's input with fixed pseudo-random bits, runs it ROUNDS times and prints one JSON object a
 * layer with the fastest and the median time and a checksum of the output. With several layers the rounds are
 * interleaved, so that a noisy machine hits all of them alike. Instruction counts come from running this
 * under an emulator with a counting plugin, at two values of ROUNDS; the clock is read outside the layer.
 */
#include <time.h>

#include "../runtime_c/src/crc32.h"
#include "../runtime_c/src/kernels/kernels.h"
#include "bench_bundle.h"

typedef struct subject {
    spb_model model;
    spb_layer layer;
    uint8_t *arena;
    double *ns;
} subject;

static void open_subject(subject *s, const char *path, unsigned layer, long rounds) {
    spb_info info = open_model(&s->model, path);
    s->arena = s->model.arena;
    if (layer >= info.layer_count)
        die("no such layer", path);
    spb_layer_read(s->model.bundle, s->model.layer_offset, layer, &s->layer);
    if (s->layer.op != SPB_OP_TREE && s->layer.op != SPB_OP_DENSE)
        die("not a binary convolution", path);
    fill(&s->layer.in, s->arena + s->layer.in_arena);
    s->ns = malloc(sizeof(double) * (size_t)(rounds > 0 ? rounds : 1));
}

static void run(subject *s) {
    const uint8_t *in = s->arena + s->layer.in_arena;
    uint8_t *out = s->arena + s->layer.out_arena, *scratch = s->arena + s->layer.scratch_arena;
    if (s->layer.op == SPB_OP_TREE) {
        spb_tree_conv(&s->layer, in, out, scratch, s->arena + s->layer.tables_arena);
    } else {
        spb_dense_conv(&s->layer, in, out, scratch);
    }
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    enum { MAX_SUBJECTS = 16 };
    static subject subjects[MAX_SUBJECTS];
    if (argc < 4 || argc % 2 || (argc - 2) / 2 > MAX_SUBJECTS)
        die("BUNDLE LAYER ROUNDS [BUNDLE LAYER]...", "usage");
    long rounds = strtol(argv[3], NULL, 10);
    int count = 0;
    for (int i = 1; i < argc; i += i == 1 ? 3 : 2, count++) {
        open_subject(&subjects[count], argv[i], (unsigned)strtoul(argv[i + 1], NULL, 10), rounds);
    }
    int timed = getenv("BENCH_NO_CLOCK") == NULL; /* the clock's own path varies: not while counting */
    for (long r = 0; r < rounds; r++) {
        for (int i = 0; i < count; i++) {
            double begin = timed ? now_ns() : 0;
            run(&subjects[i]);
            subjects[i].ns[r] = timed ? now_ns() - begin : 0;
        }
    }
    printf("[");
    for (int i = 0; i < count; i++) {
        subject *s = &subjects[i];
        uint32_t crc = spb_crc32(0, s->arena + s->layer.out_arena,
                                 (size_t)s->layer.out.channels * s->layer.out.plane_bytes);
        if (rounds > 0)
            qsort(s->ns, (size_t)rounds, sizeof(double), ascending);
        printf("%s{\"isa\": \"%s\", \"op\": %d, \"taps\": %u, \"crc\": %u", i ? ", " : "", spb_isa(),
               (int)s->layer.op, s->layer.tap_count, crc);
        if (timed && rounds > 0)
            printf(", \"min_ns\": %.0f, \"median_ns\": %.0f", s->ns[0], s->ns[rounds / 2]);
        printf("}");
    }
    printf("]\n");
    return 0;
}
