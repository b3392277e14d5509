/* The head against its definition: the exact sum, then one multiplication and one addition, each rounded to
 * float, compared bit by bit. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_OUT = 12 };

static int run_case(uint32_t index) {
    spb_layer l;
    memset(&l, 0, sizeof l);
    uint32_t wide = draw(4) == 0 ? 100 : 10;
    l.in = tensor(1 + draw(draw(3) ? 20 : 300), 1 + draw(10), 1 + draw(wide));
    if (draw(4) == 0)
        l.in = tensor(l.in.channels, 1, 1);
    l.out = tensor(1 + draw(MAX_OUT), 1, 1);
    uint32_t full = draw(8) == 0; /* every counter at its limit */
    if (full)
        l.in = tensor(40, 8, 32);
    uint32_t bits = 2 + draw(7), outputs = l.out.channels;
    int32_t limit = 1 << (bits - 1);
    size_t set = (size_t)spb_head_bytes(&l.in), bytes = 16 + outputs * bits * set + 12 * (size_t)outputs;
    uint8_t *weights = garbage(bytes), *in = random_bits(&l.in);
    memset(weights, 0, bytes);
    if (full)
        memset(in, 0xFF, tensor_bytes(&l.in));
    weights[0] = (uint8_t)bits;
    uint8_t *tail = weights + 16 + outputs * bits * set;
    int32_t want[MAX_OUT] = {0}, sums[MAX_OUT];
    float logits[MAX_OUT], expected[MAX_OUT];
    for (uint32_t o = 0; o < outputs; o++) {
        int32_t weight_sum = 0;
        for (uint32_t c = 0; c < l.in.channels; c++) {
            for (uint32_t i = 0; i < l.in.height * l.in.width; i++) {
                uint32_t y = i / l.in.width, x = i % l.in.width;
                int32_t w = full ? -1 : (int32_t)draw(2 * (uint32_t)limit) - limit;
                weight_sum += w;
                want[o] += w * (bit_of(&l.in, in, c, y, x) ? 1 : -1);
                uint32_t k = c * l.in.height * l.in.width + i;
                for (uint32_t j = 0; j < bits; j++) {
                    uint8_t *byte = weights + 16 + (o * bits + j) * set + k / 8;
                    *byte = (uint8_t)(*byte | ((uint32_t)w >> j & 1) << k % 8);
                }
            }
        }
        float scale = (float)((int32_t)draw(20001) - 10000) / 7777.0f;
        float bias = (float)((int32_t)draw(2001) - 1000) / 333.0f;
        memcpy(tail + 4 * o, &scale, 4);
        memcpy(tail + 4 * (outputs + o), &bias, 4);
        memcpy(tail + 4 * (2 * outputs + o), &weight_sum, 4);
        /* In double the product of a float and such an integer is exact: two roundings, no more. */
        volatile float product = (float)((double)scale * (double)want[o]);
        volatile float sum = (float)((double)product + (double)bias);
        expected[o] = sum;
    }
    l.weights = weights;
    uint8_t *scratch = garbage(set);
    spb_head(&l, in, scratch, sums, logits);

    uint32_t wrong = 0;
    for (uint32_t o = 0; o < outputs; o++)
        wrong += sums[o] != want[o] || memcmp(&logits[o], &expected[o], 4) != 0;
    if (wrong)
        describe_case(index, wrong, &l);
    free(weights), free(in), free(scratch);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 300, run_case); }
