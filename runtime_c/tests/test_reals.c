/* The operators on reals against their definitions (docs/bundle-format.md, "Reals"), number by number. */
#include "../src/kernels/kernels.h"
#include "check.h"

enum { MAX_CHANNELS = 20, KINDS = 6 };

static int64_t floor_division(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

static size_t pixels_of(const spb_tensor *t) { return (size_t)t->height * t->width; }

static size_t count_of(const spb_tensor *t) { return t->channels * pixels_of(t); }

static spb_tensor random_tensor(void) {
    static const uint32_t full[] = {7, 8, 14, 16, 28, 56, 64};
    if (draw(2))
        return tensor(1 + draw(MAX_CHANNELS), 1 + draw(12), 1 + draw(draw(3) ? 30 : 140));
    uint32_t side = full[draw(7)];
    return tensor(1 + draw(MAX_CHANNELS), side, side);
}

/* `weights` as a kernel gets them: exactly so many bytes. */
static int16_t *random_weights(size_t count) {
    int16_t *w = (int16_t *)(void *)garbage(2 * count);
    for (size_t i = 0; i < count; i++)
        w[i] = random_real();
    return w;
}

static uint32_t sign_case(spb_layer *l, const int16_t *in) {
    int32_t threshold[MAX_CHANNELS];
    uint8_t compare[MAX_CHANNELS];
    uint32_t wrong = 0;
    for (uint32_t c = 0; c < l->in.channels; c++) { /* around numbers that are there, and beyond all */
        static const int32_t far[] = {INT32_MIN, -32769, -32768, -32767, 32766, 32767, 32768, INT32_MAX};
        int32_t near = in[c * pixels_of(&l->in) + draw((uint32_t)pixels_of(&l->in))];
        threshold[c] = draw(3) ? near : far[draw(8)];
        compare[c] = (uint8_t)(draw(8) ? draw(2) : draw(4));
    }
    l->threshold = threshold, l->compare = compare;
    uint8_t *out = garbage(tensor_bytes(&l->out));
    spb_sign(l, in, out);
    for (uint32_t c = 0; c < l->out.channels; c++) {
        for (uint32_t y = 0; y < l->out.plane_bytes / l->out.row_bytes; y++) {
            for (uint32_t x = 0; x < l->out.row_bytes * 8; x++) {
                int want = 0;
                if (y < l->out.height && x < l->out.width)
                    want = compared(in[((size_t)c * l->in.height + y) * l->in.width + x], threshold[c],
                                    compare[c]);
                wrong += bit_of(&l->out, out, c, y, x) != want;
            }
        }
    }
    free(out);
    return wrong;
}

static uint32_t prelu_case(spb_layer *l, int16_t *in) {
    size_t channels = l->in.channels, count = count_of(&l->in);
    int16_t *w = random_weights(3 * channels), *out = (int16_t *)(void *)garbage(2 * count);
    uint32_t wrong = 0;
    if (draw(2))
        memset(w + channels, 0, 2 * channels); /* ReLU */
    if (draw(8) == 0)
        w[0] = w[channels] = w[2 * channels] = INT16_MIN;
    l->weights = (const uint8_t *)w;
    int16_t *before = (int16_t *)(void *)garbage(2 * count);
    memcpy(before, in, 2 * count);
    int in_place = draw(2) == 0;
    spb_prelu(l, in, in_place ? in : out);
    for (size_t i = 0; i < count; i++) {
        size_t c = i / pixels_of(&l->in);
        int64_t d = clamped((int64_t)before[i] + w[c]);
        int64_t below = (w[channels + c] * d + (1 << 13)) >> 14;
        int64_t want = clamped((d >= 0 ? d : below) + w[2 * channels + c]);
        wrong += (in_place ? in : out)[i] != want;
    }
    free(w), free(out), free(before);
    return wrong;
}

static uint32_t avg_pool_case(spb_layer *l, const int16_t *in) {
    uint32_t kind = draw(3), up = draw(2), wrong = 0;
    l->kernel_h = l->kernel_w = l->stride = 2;
    if (kind == 1)
        l->kernel_h = l->in.height, l->kernel_w = l->in.width, l->stride = 1;
    if (kind == 2) {
        l->kernel_h = 1 + draw(7), l->kernel_w = 1 + draw(7);
        l->stride = 1 + draw(l->kernel_h < l->kernel_w ? l->kernel_h : l->kernel_w);
    }
    uint32_t over = up ? l->stride - 1 : 0;
    if (l->in.height + over < l->kernel_h || l->in.width + over < l->kernel_w)
        l->kernel_h = l->kernel_w = l->stride = 1, over = 0;
    l->out = tensor(l->in.channels, (l->in.height + over - l->kernel_h) / l->stride + 1,
                    (l->in.width + over - l->kernel_w) / l->stride + 1);
    int16_t *out = (int16_t *)(void *)garbage(2 * count_of(&l->out));
    spb_avg_pool(l, in, out);
    for (size_t i = 0; i < count_of(&l->out); i++) {
        size_t c = i / pixels_of(&l->out), y = i / l->out.width % l->out.height, x = i % l->out.width;
        int64_t sum = 0, count = 0;
        for (size_t iy = y * l->stride; iy < y * l->stride + l->kernel_h && iy < l->in.height; iy++) {
            for (size_t ix = x * l->stride; ix < x * l->stride + l->kernel_w && ix < l->in.width; ix++) {
                sum += in[(c * l->in.height + iy) * l->in.width + ix];
                count++;
            }
        }
        wrong += out[i] != floor_division(2 * sum + count, 2 * count);
    }
    free(out);
    return wrong;
}

/* Rows of weights whose sum of |w| is at most `most`: often just that. */
static int16_t *random_rows(size_t rows, size_t columns, uint32_t most) {
    int16_t *w = random_weights(rows * columns);
    for (size_t r = 0; r < rows; r++) {
        uint32_t left = most;
        for (size_t k = 0; k < columns; k++) {
            uint32_t part = k + 1 == columns || draw(4) == 0 ? left : draw(left / 2 + 1);
            part = part > 32767 ? 32767 : part;
            left -= part;
            w[r * columns + k] = (int16_t)(draw(2) ? (int32_t)part : -(int32_t)part);
        }
    }
    return w;
}

static uint32_t real_conv_case(spb_layer *l, const int16_t *in) {
    enum { MAX_OUT = 13 };
    uint32_t wrong = 0;
    int32_t bias[MAX_OUT];
    uint8_t shift[MAX_OUT];
    l->kernel_h = l->kernel_w = 1;
    l->stride = 1 + draw(2);
    l->out = tensor(1 + draw(MAX_OUT), (l->in.height - 1) / l->stride + 1, (l->in.width - 1) / l->stride + 1);
    int16_t *w = random_rows(l->out.channels, l->in.channels, 65535);
    for (uint32_t o = 0; o < l->out.channels; o++) {
        int64_t room = INT32_MAX;
        for (uint32_t k = 0; k < l->in.channels; k++)
            room -= 32768LL * abs(w[o * l->in.channels + k]);
        bias[o] = (int32_t)(draw(2) ? room : -room);
        if (draw(3))
            bias[o] = (int32_t)(random_number(30) % (room + 1));
        shift[o] = (uint8_t)draw(32);
    }
    l->weights = (const uint8_t *)w;
    l->bias = bias, l->shift = shift;
    int16_t *out = (int16_t *)(void *)garbage(2 * count_of(&l->out));
    spb_real_conv(l, in, out);
    for (size_t i = 0; i < count_of(&l->out); i++) {
        size_t o = i / pixels_of(&l->out), y = i / l->out.width % l->out.height, x = i % l->out.width;
        int64_t sum = bias[o];
        for (size_t k = 0; k < l->in.channels; k++)
            sum += (int64_t)w[o * l->in.channels + k] *
                   in[(k * l->in.height + y * l->stride) * l->in.width + x * l->stride];
        wrong += out[i] != clamped(sum >> shift[o]);
    }
    free(w), free(out);
    return wrong;
}

static uint32_t real_head_case(spb_layer *l, const int16_t *in) {
    size_t inputs = count_of(&l->in), outputs = 1 + draw(5);
    l->out = tensor((uint32_t)outputs, 1, 1);
    size_t bytes = (size_t)spb_real_head_bytes(l);
    int16_t *w = random_rows(outputs, inputs, 65535);
    uint8_t *blob = garbage(bytes + 8 * outputs);
    float *scale = (float *)(void *)(blob + bytes), logits[5];
    int32_t sums[5];
    uint32_t wrong = 0;
    memcpy(blob, w, 2 * outputs * inputs);
    for (size_t o = 0; o < 2 * outputs; o++)
        scale[o] = (float)draw(1000) / 999.0f - 0.5f;
    l->weights = blob;
    spb_real_head(l, in, sums, logits);
    for (size_t o = 0; o < outputs; o++) {
        int64_t sum = 0;
        for (size_t k = 0; k < inputs; k++)
            sum += (int64_t)w[o * inputs + k] * in[k];
        volatile float product = scale[o] * (float)sum;
        wrong += sums[o] != sum || logits[o] != product + scale[outputs + o];
    }
    free(w), free(blob);
    return wrong;
}

/* A sum and a concatenation; the sum in place of either input, of both, or of none. */
static uint32_t combine_case(spb_layer *l, int16_t *in) {
    size_t count = count_of(&l->in), more = (1 + draw(5)) * pixels_of(&l->in);
    int16_t *second = random_reals(count + more), *x = random_reals(count), *y = random_reals(count);
    int16_t *out = (int16_t *)(void *)garbage(2 * (count + more));
    uint32_t wrong = 0, place = draw(4);
    memcpy(x, in, 2 * count), memcpy(y, place == 3 ? in : second, 2 * count);
    l->real = 1, l->output = SPB_OUTPUT_INT16;
    l->out.channels = l->in.channels + (uint32_t)(more / pixels_of(&l->in));
    spb_concat(l, (const uint8_t *)in, (const uint8_t *)second, (uint8_t *)out);
    wrong += memcmp(out, in, 2 * count) != 0 || memcmp(out + count, second, 2 * more) != 0;
    l->out = l->in;
    int16_t *to = place == 1 ? second : place >= 2 ? in : out;
    spb_add(l, in, place == 3 ? in : second, to);
    for (size_t i = 0; i < count; i++)
        wrong += to[i] != clamped((int64_t)x[i] + y[i]);
    free(second), free(x), free(y), free(out);
    return wrong;
}

static int run_case(uint32_t index) {
    spb_layer l;
    memset(&l, 0, sizeof l);
    l.in = l.out = random_tensor();
    l.weight_rows = l.in.channels;
    int16_t *in = random_reals(count_of(&l.in));
    uint32_t kind = index % KINDS, wrong = 0;
    if (draw(10) == 0) { /* the ends: sums are as large as they get */
        for (size_t i = 0; i < count_of(&l.in); i++)
            in[i] = draw(2) ? INT16_MIN : INT16_MAX;
    }
    switch (kind) {
    case 0:
        wrong = sign_case(&l, in);
        break;
    case 1:
        wrong = prelu_case(&l, in);
        break;
    case 2:
        wrong = avg_pool_case(&l, in);
        break;
    case 3:
        wrong = real_conv_case(&l, in);
        break;
    case 4:
        wrong = real_head_case(&l, in);
        break;
    default:
        wrong = combine_case(&l, in);
    }
    if (wrong)
        printf("kind %u: ", kind), describe_case(index, wrong, &l);
    free(in);
    return wrong == 0;
}

int main(int argc, char **argv) { return run_cases(argc, argv, 1800, run_case); }
