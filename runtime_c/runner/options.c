#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spanbit.h"

enum { MAX_ROUNDS = 10000000 };

static int read_count(const char *text, long *value) {
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == 0 && *value >= 0 && *value <= MAX_ROUNDS;
}

const char *options_read(options *o, int argc, char **argv, const char **where) {
    const options defaults = {.warmup = 3, .threads = 1};
    *o = defaults;
    for (int i = 1; i < argc; i++) {
        *where = argv[i];
        if (strcmp(argv[i], "--info") == 0) {
            o->info = 1;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            const char **text = strcmp(argv[i], "--images") == 0   ? &o->images
                                : strcmp(argv[i], "--labels") == 0 ? &o->labels
                                : strcmp(argv[i], "--cpus") == 0   ? &o->cpus
                                                                   : NULL;
            long *count = strcmp(argv[i], "--rounds") == 0    ? &o->rounds
                          : strcmp(argv[i], "--warmup") == 0  ? &o->warmup
                          : strcmp(argv[i], "--seconds") == 0 ? &o->seconds
                          : strcmp(argv[i], "--threads") == 0 ? &o->threads
                                                              : NULL;
            if (!text && !count)
                return "unknown option";
            if (i + 1 >= argc)
                return "this option needs a value";
            i++;
            if (text)
                *text = argv[i];
            else if (!read_count(argv[i], count))
                return "a number from 0 to 10000000 is needed";
            if (o->threads < 1 || o->threads > SPB_WORKERS_MAX)
                return "--threads takes 1 to 8";
        } else if (o->bundle) {
            return "one bundle is enough";
        } else {
            o->bundle = argv[i];
        }
    }
    *where = "";
    if (!o->bundle) {
        return "usage: spb_runner BUNDLE [--images FILE [--labels FILE]] [--rounds N] [--warmup N] "
               "[--seconds N] [--threads N] [--cpus LIST] [--info]";
    }
    return o->labels && !o->images ? "--labels needs --images" : NULL;
}
