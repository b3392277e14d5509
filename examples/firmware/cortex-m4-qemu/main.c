/* Checks the golden image, then classifies an image of its own. */
#include "digits.h"
#include "semihosting.h"

static DIGITS_ALIGNED unsigned char arena[DIGITS_ARENA_BYTES];
static uint8_t image[DIGITS_IMAGE_BYTES];

int main(void) {
    digits_output output[DIGITS_OUTPUTS];
    if (digits_check(arena, output) != DIGITS_OK) {
        print("the golden image is wrong\n");
        return 1;
    }
    for (int row = 1; row < DIGITS_HEIGHT - 1; row++) /* a bar: a one */
        image[row * DIGITS_WIDTH + DIGITS_WIDTH / 2] = 255;
    if (digits_run(arena, image, output) != DIGITS_OK)
        return 1;
    char best[] = "class 0\n";
    for (int i = 1, largest = 0; i < DIGITS_OUTPUTS; i++) {
        if (output[i] > output[largest])
            largest = i, best[6] = (char)('0' + i);
    }
    print("the golden image is right\n");
    print(best);
    return 0;
}
