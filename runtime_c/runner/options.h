/* The command line: spb_runner BUNDLE [--images FILE [--labels FILE]] [--rounds N] [--warmup N] [--seconds N]
 * [--threads N] [--cpus LIST] [--info] */
#ifndef SPB_OPTIONS_H
#define SPB_OPTIONS_H

typedef struct options {
    const char *bundle, *images, *labels, *cpus; /* NULL where not given */
    long rounds, warmup, seconds, threads;
    int info;
} options;

/* NULL, or what is wrong; *where is then the argument to blame. */
const char *options_read(options *o, int argc, char **argv, const char **where);

#endif
