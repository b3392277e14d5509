#define _DEFAULT_SOURCE /* sync */
#include "errands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "counters.h"
#include "json.h"
#include "sha256.h"
#include "spanbit.h"

enum { CHUNK_BYTES = 1 << 14, EXIT_FAILED = 1 };

static int complain(const char *where) {
    fprintf(stderr, "spb_runner: %s: %s\n", where, strerror(errno));
    return EXIT_FAILED;
}

static int print_sum(const char *path) {
    uint8_t chunk[CHUNK_BYTES], digest[SHA256_BYTES];
    size_t count;
    sha256 sum;
    FILE *from = fopen(path, "rb");
    if (!from)
        return complain(path);
    sha256_begin(&sum);
    while ((count = fread(chunk, 1, sizeof chunk, from)) > 0)
        sha256_add(&sum, chunk, count);
    int result = ferror(from) ? complain(path) : 0;
    fclose(from);
    if (result)
        return result;
    sha256_end(&sum, digest);
    for (int i = 0; i < SHA256_BYTES; i++)
        printf("%02x", digest[i]);
    printf("  %s\n", path);
    return 0;
}

static int print_sums(int count, char **paths) {
    int result = 0;
    for (int i = 0; i < count; i++)
        result |= print_sum(paths[i]);
    return result;
}

/* Opened and read: a virtual machine may give one that does not count. */
static int print_counters(void) {
    counters c = counters_open();
    json out = json_begin(stdout);
    json_number(&out, "runner", RUNNER_PROTOCOL);
    json_text(&out, "isa", spb_isa());
    json_text(&out, "arch", RUNNER_ARCH);
    json_list(&out, "counters");
    for (int kind = 0; kind < COUNT_KINDS; kind++) {
        if (counters_read(&c, kind) >= 0)
            json_text(&out, NULL, counter_name[kind]);
    }
    json_close(&out, ']');
    if (c.error)
        json_text(&out, "absent", strerror(c.error));
    json_end(&out);
    counters_close(&c);
    return 0;
}

int errand_done(int argc, char **argv, int *exit_code) {
    const char *errand = argc > 1 ? argv[1] : "";
    if (strcmp(errand, "--sha256") == 0 && argc > 2)
        *exit_code = print_sums(argc - 2, argv + 2);
    else if (strcmp(errand, "--rename") == 0 && argc == 4)
        *exit_code = rename(argv[2], argv[3]) == 0 ? 0 : complain(argv[3]);
    else if (strcmp(errand, "--sync") == 0 && argc == 2)
        *exit_code = (sync(), 0);
    else if (strcmp(errand, "--counters") == 0 && argc == 2)
        *exit_code = print_counters();
    else
        return 0;
    if (fflush(stdout) || ferror(stdout))
        *exit_code = EXIT_FAILED; /* a full disk must not look like success */
    return 1;
}
