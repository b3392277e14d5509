/* The pool against its definition: OR (AND) of four bits; odd rows and columns dropped. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_CHANNELS = 20 };

static int run_case(uint32_t index) {
    spb_layer l;
    memset(&l, 0, sizeof l);
    uint32_t wide = draw(5) == 0 ? 300 : draw(2) ? 70 : 33;
    l.in = tensor(1 + draw(MAX_CHANNELS), 2 + draw(40), 2 + draw(wide));
    if (index % 3 == 0) { /* the sizes that networks have */
        uint32_t side = 4u << draw(5);
        l.in = tensor(l.in.channels, side, side);
    }
    l.out = tensor(l.in.channels, l.in.height / 2, l.in.width / 2);
    l.kernel_h = l.kernel_w = l.stride = 2;
    uint8_t *in = random_bits(&l.in), *out = garbage(tensor_bytes(&l.out));
    uint8_t take_min[(MAX_CHANNELS + 7) / 8];
    for (size_t i = 0; i < sizeof take_min; i++)
        take_min[i] = (uint8_t)draw(256);
    l.weights = take_min;
    spb_max_pool(&l, in, out);

    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l.out.channels; c++) {
        for (uint32_t y = 0; y < l.out.plane_bytes / l.out.row_bytes; y++) {
            for (uint32_t x = 0; x < l.out.row_bytes * 8; x++) {
                int want = 0;
                if (y < l.out.height && x < l.out.width) {
                    int count = bit_of(&l.in, in, c, 2 * y, 2 * x) + bit_of(&l.in, in, c, 2 * y, 2 * x + 1) +
                                bit_of(&l.in, in, c, 2 * y + 1, 2 * x) +
                                bit_of(&l.in, in, c, 2 * y + 1, 2 * x + 1);
                    want = take_min[c / 8] >> c % 8 & 1 ? count == 4 : count > 0;
                }
                wrong += bit_of(&l.out, out, c, y, x) != want;
            }
        }
    }
    if (wrong)
        describe_case(index, wrong, &l);
    free(in), free(out);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 600, run_case); }
