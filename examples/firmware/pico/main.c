/* Checks the golden image again and again, and says how long one takes. */
#include <stdio.h>

#include "digits.h"
#include "pico/stdlib.h"

static DIGITS_ALIGNED unsigned char arena[DIGITS_ARENA_BYTES];

int main(void) {
    static digits_output output[DIGITS_OUTPUTS];
    stdio_init_all();
    for (;;) {
        uint64_t begin = time_us_64();
        int status = digits_check(arena, output);
        unsigned us = (unsigned)(time_us_64() - begin);
        printf("%s, %u us with all checksums\n", status == DIGITS_OK ? "right" : "wrong", us);
        sleep_ms(1000);
    }
}
