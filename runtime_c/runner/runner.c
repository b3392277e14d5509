/* spb_runner: what a board is asked to do (docs/runner.md). Reads files, checks the golden records,
 * classifies and times, and prints one JSON object; tables and percentiles are made on the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "affinity.h"
#include "arch.h"
#include "counters.h"
#include "errands.h"
#include "files.h"
#include "json.h"
#include "options.h"
#include "spanbit.h"
#include "spanbit_pool.h"
#include "timing.h"

/* The linker's: where this program begins, and where its code ends. */
extern const char __executable_start, etext;

enum { EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_BUNDLE = 4, EXIT_MEMORY = 5, EXIT_GOLDEN = 8 };

/* All that is opened; freed in one place. */
typedef struct session {
    options wanted;
    file_bytes bundle, images, labels;
    uint8_t *arena, *pool_memory;
    spb_threads *threads;
    float *logits;
    spb_model model;
    size_t image_bytes, image_count;
    uint32_t *predictions; /* [image_count] */
    timing_plan plan;
    timing times;
    counters counting;
} session;

typedef struct failure {
    int exit_code, layer;
    spb_status status;
    const char *text, *where;
} failure;

static failure fail(int exit_code, spb_status status, const char *text, const char *where, int layer) {
    failure f = {exit_code, layer, status, text, where};
    return f;
}

static const failure NONE = {0, -1, SPB_OK, "", ""};

static failure out_of_memory(const char *where) {
    return fail(EXIT_MEMORY, SPB_OK, "out of memory", where, -1);
}

static failure of_status(spb_status status, const char *where, int layer) {
    int golden = status == SPB_ERR_GOLDEN_LAYER || status == SPB_ERR_GOLDEN_LOGITS;
    return fail(golden ? EXIT_GOLDEN : EXIT_BUNDLE, status, spb_status_text(status), where, layer);
}

static failure read_file(const char *path, file_bytes *file) {
    switch (read_whole_file(path, file)) {
    case FILE_READ:
        return NONE;
    case FILE_NO_MEMORY:
        return out_of_memory(path);
    default:
        return fail(EXIT_FILE, SPB_OK, strerror(errno), path, -1);
    }
}

static failure open_model(session *s) {
    spb_info info;
    int layer = -1;
    const char *path = s->wanted.bundle;
    failure f = read_file(path, &s->bundle);
    if (f.exit_code)
        return f;
    spb_status status = spb_bundle_info(s->bundle.data, s->bundle.count, &info);
    if (status)
        return of_status(status, path, -1);
    s->arena = aligned_bytes(info.arena_bytes);
    s->logits = malloc(sizeof(float) * info.output_count);
    if (!s->arena || !s->logits)
        return out_of_memory(path);
    status =
        spb_model_init_at(&s->model, s->bundle.data, s->bundle.count, s->arena, info.arena_bytes, &layer);
    s->image_bytes = (size_t)info.height * info.width * info.channels;
    return status ? of_status(status, path, layer) : NONE;
}

static failure start_threads(session *s) {
    size_t bytes;
    unsigned workers = (unsigned)s->wanted.threads;
    if (workers == 1)
        return NONE;
    spb_status status = spb_pool_bytes(&s->model, workers, &bytes);
    if (status)
        return of_status(status, "--threads", -1);
    s->pool_memory = aligned_bytes(bytes);
    s->threads = spb_threads_create(workers);
    if (!s->pool_memory || !s->threads)
        return out_of_memory("--threads");
    spb_pool pool = spb_threads_pool(s->threads);
    status = spb_model_set_pool(&s->model, &pool, s->pool_memory, bytes);
    return status ? of_status(status, "--threads", -1) : NONE;
}

static failure check_golden(session *s) {
    for (unsigned i = 0; i < s->model.info.golden_count; i++) {
        int layer = -1;
        spb_status status =
            spb_model_check_golden(&s->model, i, &layer, s->logits, s->model.info.output_count);
        if (status)
            return of_status(status, s->wanted.bundle, layer);
    }
    return NONE;
}

/* Both files are read and measured before anything runs. */
static failure open_images(session *s) {
    if (!s->wanted.images)
        return NONE;
    failure f = read_file(s->wanted.images, &s->images);
    if (f.exit_code)
        return f;
    s->image_count = s->images.count / s->image_bytes;
    if (s->image_count == 0 || s->images.count % s->image_bytes)
        return fail(EXIT_FILE, SPB_OK, "the file is not a whole number of images", s->wanted.images, -1);
    if (s->wanted.labels && s->model.info.output_count != s->model.info.class_count) {
        return fail(EXIT_USAGE, SPB_OK, "the network delivers a class for each pixel: no labels for images",
                    s->wanted.labels, -1);
    }
    if (s->wanted.labels) {
        f = read_file(s->wanted.labels, &s->labels);
        if (f.exit_code)
            return f;
        if (s->labels.count != s->image_count)
            return fail(EXIT_FILE, SPB_OK, "one label byte an image is needed", s->wanted.labels, -1);
    }
    if (s->model.info.output_count != s->model.info.class_count)
        return NONE; /* a class for each pixel: nothing is said of an image */
    s->predictions = malloc(sizeof *s->predictions * s->image_count);
    return s->predictions ? NONE : out_of_memory(s->wanted.images);
}

static failure classify(session *s) {
    for (size_t i = 0; i < s->image_count && s->predictions; i++) {
        spb_status status = spb_model_run(&s->model, s->images.data + i * s->image_bytes, s->image_bytes,
                                          s->logits, s->model.info.output_count);
        if (status)
            return of_status(status, s->wanted.images, -1);
        uint32_t best = 0;
        for (uint32_t c = 1; c < s->model.info.class_count; c++) {
            if (s->logits[c] > s->logits[best])
                best = c;
        }
        s->predictions[i] = best;
    }
    return NONE;
}

/* What is timed. */
static failure find_subject(session *s, timing_subject *subject) {
    const uint8_t *image = s->images.data;
    if (s->model.info.golden_count > 0) {
        spb_model_golden_image(&s->model, 0, &image);
    } else if (!image) {
        return fail(EXIT_USAGE, SPB_OK, "the bundle has no golden image: --rounds needs --images",
                    s->wanted.bundle, -1);
    }
    const timing_subject found = {&s->model, image, s->image_bytes, s->logits};
    *subject = found;
    return NONE;
}

/* The very first run before all others: memory that nothing has touched yet, and cold caches. */
static failure measure(session *s, int first) {
    timing_subject subject;
    if (s->wanted.rounds == 0)
        return NONE;
    failure f = find_subject(s, &subject);
    if (f.exit_code)
        return f;
    spb_status status =
        first ? timing_first(&s->times, &subject) : timing_run(&s->times, &subject, &s->plan, &s->counting);
    return status ? of_status(status, s->wanted.bundle, -1) : NONE;
}

static failure work(session *s) {
    if (s->wanted.cpus && !affinity_set(s->wanted.cpus))
        return fail(EXIT_USAGE, SPB_OK, "no such processors here", s->wanted.cpus, -1);
    failure f = open_model(s);
    if (f.exit_code || s->wanted.info)
        return f;
    s->plan.rounds = s->wanted.rounds;
    s->plan.warmup = s->wanted.warmup;
    s->plan.seconds = s->wanted.seconds;
    f = open_images(s);
    if (f.exit_code)
        return f;
    if (!timing_alloc(&s->times, &s->model, &s->plan))
        return out_of_memory("the times of --rounds");
    s->counting = counters_open();
    f = start_threads(s);
    if (!f.exit_code)
        f = measure(s, 1);
    if (!f.exit_code)
        f = check_golden(s);
    if (!f.exit_code)
        f = classify(s);
    if (!f.exit_code)
        f = measure(s, 0);
    return f;
}

static void print_times(json *out, const char *key, const int64_t *ns, long rounds) {
    json_list(out, key);
    for (long i = 0; i < rounds; i++)
        json_number(out, NULL, ns[i]);
    json_close(out, ']');
}

/* -1 stands for: cannot be had. */
static void print_count(json *out, const char *key, int64_t count) {
    if (count >= 0)
        json_number(out, key, count);
}

static void print_counters(json *out, const session *s) {
    json_object(out, "counters");
    for (int kind = 0; kind < COUNT_KINDS; kind++)
        print_count(out, counter_name[kind], s->times.counted[kind]);
    if (s->counting.error)
        json_text(out, "absent", strerror(s->counting.error));
    json_close(out, '}');
}

static void print_place(json *out) {
    int cpu[AFFINITY_MOST], count = affinity_get(cpu);
    struct rusage usage;
    json_list(out, "cpus");
    for (int i = 0; i < count; i++)
        json_number(out, NULL, cpu[i]);
    json_close(out, ']');
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        json_number(out, "peak_rss_bytes", (int64_t)usage.ru_maxrss * 1024);
    json_number(out, "code_bytes", (int64_t)(&etext - &__executable_start));
}

static void print_layers(json *out, const session *s) {
    json_list(out, "layers");
    for (unsigned i = 0; i < s->model.info.layer_count; i++) {
        spb_layer_info layer;
        long rounds = s->times.layer_ns ? s->times.rounds : 0; /* --info has none */
        spb_model_layer(&s->model, i, &layer);
        json_object(out, NULL);
        json_text(out, "name", layer.name);
        json_number(out, "op", layer.op);
        json_number(out, "taps", layer.tap_count);
        print_times(out, "ns", rounds ? s->times.layer_ns + (long)i * s->times.most : NULL, rounds);
        if (rounds)
            print_count(out, "instructions", s->times.layer_instructions[i]);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void print_classified(json *out, const session *s) {
    int64_t correct = 0;
    json_object(out, "classified");
    json_number(out, "count", (int64_t)s->image_count);
    for (size_t i = 0; s->labels.data && i < s->image_count; i++)
        correct += s->predictions[i] == s->labels.data[i];
    if (s->labels.data)
        json_number(out, "correct", correct);
    json_list(out, "predictions");
    for (size_t i = 0; i < s->image_count; i++)
        json_number(out, NULL, s->predictions[i]);
    json_close(out, ']');
    json_close(out, '}');
}

static void print_result(json *out, const session *s) {
    const spb_info *info = &s->model.info;
    json_text(out, "isa", spb_isa());
    json_text(out, "arch", RUNNER_ARCH);
    json_number(out, "threads", s->wanted.threads);
    json_number(out, "cores", spb_threads_cores());
    json_text(out, "name", info->name);
    json_text(out, "target", info->target);
    json_number(out, "arena_bytes", (int64_t)info->arena_bytes);
    print_place(out);
    print_layers(out, s);
    if (!s->wanted.info) { /* they hold, or we would not be here */
        json_object(out, "golden");
        json_number(out, "count", info->golden_count);
        json_bool(out, "ok", 1);
        json_close(out, '}');
    }
    if (s->predictions)
        print_classified(out, s);
    json_number(out, "rounds", s->times.rounds);
    if (s->times.rounds) {
        json_number(out, "first_ns", s->times.first_ns);
        print_counters(out, s);
    }
    print_times(out, "total_ns", s->times.total_ns, s->times.rounds);
}

static void print_failure(json *out, const session *s, const failure *f) {
    spb_layer_info layer;
    memset(&layer, 0, sizeof layer);
    if (f->layer >= 0) /* no name where the bundle was refused: its fields are not to be trusted */
        spb_model_layer(&s->model, (unsigned)f->layer, &layer);
    json_object(out, "error");
    json_number(out, "status", f->status);
    json_text(out, "text", f->text);
    json_number(out, "layer", f->layer);
    json_text(out, "layer_name", layer.name);
    json_text(out, "where", f->where);
    json_close(out, '}');
}

int main(int argc, char **argv) {
    session s;
    const char *where = "";
    int exit_code;
    if (errand_done(argc, argv, &exit_code))
        return exit_code;
    memset(&s, 0, sizeof s);
    for (int kind = 0; kind < COUNT_KINDS; kind++)
        s.counting.fd[kind] = -1;
    const char *usage = options_read(&s.wanted, argc, argv, &where);
    failure f = usage ? fail(EXIT_USAGE, SPB_OK, usage, where, -1) : work(&s);
    json out = json_begin(stdout);
    json_number(&out, "runner", RUNNER_PROTOCOL);
    if (f.exit_code) {
        print_failure(&out, &s, &f);
    } else {
        print_result(&out, &s);
    }
    json_end(&out);
    counters_close(&s.counting);
    timing_free(&s.times);
    spb_threads_destroy(s.threads);
    free(s.predictions);
    free(s.logits);
    free(s.pool_memory);
    free(s.arena);
    free(s.labels.data);
    free(s.images.data);
    free(s.bundle.data);
    if (fflush(stdout) && !f.exit_code)
        return EXIT_FILE; /* a full disk must not look like success */
    return f.exit_code;
}
