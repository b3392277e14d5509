/* What the fuzzers share: memory as the library wants it, and a main that replays files where there is no
 * libFuzzer
 * (-DSPB_FUZZ_STANDALONE). */
#ifndef SPB_FUZZ_H
#define SPB_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly `size` bytes, so that one more is noticed. */
static inline uint8_t *fuzz_memory(size_t size) {
    void *p = NULL;
    if (posix_memalign(&p, 64, size ? size : 1))
        abort();
    return p;
}

#if defined(SPB_FUZZ_STANDALONE)
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f || fseek(f, 0, SEEK_END)) {
            fprintf(stderr, "%s: cannot read\n", argv[i]);
            return 2;
        }
        long size = ftell(f);
        rewind(f);
        uint8_t *data = fuzz_memory((size_t)size);
        if (fread(data, 1, (size_t)size, f) != (size_t)size)
            return 2;
        fclose(f);
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
    }
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
#endif

#endif
