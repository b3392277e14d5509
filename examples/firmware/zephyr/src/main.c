/* Checks the golden image. */
#include <zephyr/kernel.h>

#include "digits.h"

static DIGITS_ALIGNED unsigned char arena[DIGITS_ARENA_BYTES];

int main(void) {
    static digits_output output[DIGITS_OUTPUTS];
    int status = digits_check(arena, output);
    printk("%s\n", status == DIGITS_OK ? "the golden image is right" : "the golden image is wrong");
    return 0;
}
