/* A dense bit-sliced convolution with shared partial sums ("four Russians"): a prototype, to be measured.
 *
 *     qemu-aarch64 -plugin ./libinsn.so,out=insn.json shared_sums BUNDLE LAYER WEIGHTS ROUNDS
 *
 * BUNDLE's layer is the convolution as the tree kernel has it: binary, stride 1, strips of whole words of
 * pixels; its shape is used, not its weights. WEIGHTS: a byte 0 or 1 for each weight [out][tap], then an i32
 * threshold for each channel (P >= threshold). Runs it ROUNDS times on the input of bench_layer and prints
 * the same checksum.
 *
 * A channel needs S, the number of taps that agree with their weight (P = 2 S - taps). Taps come in groups of
 * 7. What a group adds to S is a number of 3 planes, one of 2^7 for all channels; with the complement of
 * a pattern 7 - x agree, which is x with its planes inverted. So 2^6 numbers of 3 planes are made once for
 * all channels, 3 KiB for 128 pixels, and each channel adds one of them, inverted or not.
 *
 * 9 groups are a block of 63 taps: 27 KiB, which stays in the first cache. Its 27 planes become the 6 of a
 * number with 21 full adders and not one half adder:
 *
 *     weight 1     9 planes               4 adders
 *     weight 2     9 planes, 4 carries    6
 *     weight 4     9 planes, 6 carries    7
 *     weight 8              7 carries     3
 *     weight 16             3 carries     1         and the last carry is plane 5
 *
 * Inversion is free: a wire is known to be inverted or not when the code is compiled (`full`), once for each
 * number of inverted groups, 0 to 9. They come first in a channel's list, and a block's channels are sorted
 * by how many they have. The block's number is then added to the channel's sum, which waits in memory:
 *
 *     for strip, for 128 pixels
 *       for 63 taps
 *         make 9 x 64 numbers
 *         for number of inverted groups, for channel
 *             9 addresses, 27 loads, 21 adders
 *             sum of the channel += the number         6 adders, and a half one a plane above
 *       for channel: compare
 */
#include "../runtime_c/src/crc32.h"
#include "../runtime_c/src/kernels/kernels.h"
#include "../runtime_c/src/tap_table.h"
#include "../runtime_c/src/word.h"
#include "bench_bundle.h"

enum { TAPS = 7, PATTERNS = 64, PLANES = 3, GROUPS = 9, BLOCK_TAPS = TAPS * GROUPS, BLOCK_PLANES = 6 };
enum { NUMBER_BYTES = PLANES * SPB_WORD_BYTES, GROUP_BYTES = PATTERNS * NUMBER_BYTES };
enum { SUM_PLANES = 16, SUM_BYTES = (BLOCK_PLANES + 2 * 6) * SPB_WORD_BYTES, BLOCKS_MAX = 64 };
enum { OFFSETS = GROUPS + 1 }; /* of a channel in a block: u16, the last its number */

typedef struct wire {
    spb_word v;
    int inverted; /* always a constant */
} wire;

/* *x becomes the sum bit; the carry is returned. Three operations, whatever is inverted. */
SPB_INLINE wire full(wire *x, wire a, wire b) {
    spb_word toggle = spb_xor(a.v, b.v), sum = spb_xor(x->v, toggle);
    wire up;
    if (a.inverted == b.inverted) { /* where they differ x decides */
        up.v = spb_select(toggle, x->inverted == a.inverted ? x->v : sum, a.v);
        up.inverted = a.inverted;
    } else { /* they differ where toggle is 0 */
        up.v = spb_select(toggle, a.inverted == x->inverted ? a.v : b.v, x->v);
        up.inverted = x->inverted;
    }
    x->v = sum;
    x->inverted ^= a.inverted ^ b.inverted;
    return up;
}

SPB_INLINE spb_word upright(wire a) { return a.inverted ? spb_not(a.v) : a.v; }

SPB_INLINE wire plane_of(const uint8_t *number, int plane, int inverted) {
    wire r = {spb_load(number + plane * SPB_WORD_BYTES), inverted};
    return r;
}

/* The sum of a channel's numbers, of which the first `inverted` are. */
SPB_INLINE void add_block(const uint8_t *const number[GROUPS], int inverted, wire sum[BLOCK_PLANES]) {
#define IN(group, plane) plane_of(number[group], plane, (group) < inverted)
    wire ones = IN(0, 0), twos, fours, eights, c2[4], c4[6], c8[7], c16[3];
    c2[0] = full(&ones, IN(1, 0), IN(2, 0));
    c2[1] = full(&ones, IN(3, 0), IN(4, 0));
    c2[2] = full(&ones, IN(5, 0), IN(6, 0));
    c2[3] = full(&ones, IN(7, 0), IN(8, 0));
    twos = IN(0, 1);
    c4[0] = full(&twos, IN(1, 1), IN(2, 1));
    c4[1] = full(&twos, IN(3, 1), IN(4, 1));
    c4[2] = full(&twos, IN(5, 1), IN(6, 1));
    c4[3] = full(&twos, IN(7, 1), IN(8, 1));
    c4[4] = full(&twos, c2[0], c2[1]);
    c4[5] = full(&twos, c2[2], c2[3]);
    fours = IN(0, 2);
    c8[0] = full(&fours, IN(1, 2), IN(2, 2));
    c8[1] = full(&fours, IN(3, 2), IN(4, 2));
    c8[2] = full(&fours, IN(5, 2), IN(6, 2));
    c8[3] = full(&fours, IN(7, 2), IN(8, 2));
    c8[4] = full(&fours, c4[0], c4[1]);
    c8[5] = full(&fours, c4[2], c4[3]);
    c8[6] = full(&fours, c4[4], c4[5]);
#undef IN
    eights = c8[0];
    c16[0] = full(&eights, c8[1], c8[2]);
    c16[1] = full(&eights, c8[3], c8[4]);
    c16[2] = full(&eights, c8[5], c8[6]);
    sum[0] = ones;
    sum[1] = twos;
    sum[2] = fours;
    sum[3] = eights;
    sum[4] = c16[0];
    sum[5] = full(&sum[4], c16[1], c16[2]);
}

/* How a block's number joins the sums. Its carry into plane 6 does not run up the planes: it waits for the
 * next one, so that a full adder takes in two, whose carry waits in turn. So block n, from 1 on, has as many
 * adders above plane 5 as n has factors of 2; the last of them is a plane's first if n is a power of 2. */
typedef struct joining {
    int begins; /* the sum is only this number */
    int adders; /* above plane 5 */
    int first;  /* the last one's plane has been empty */
} joining;

/* The block's number joins the channel's sum: plane j, then what waits to join plane j. All of `how` is
 * constant. */
SPB_INLINE void join(wire number[BLOCK_PLANES], uint8_t *sum, joining how) {
    if (how.begins) {
        for (int j = 0; j < BLOCK_PLANES; j++)
            spb_store(sum + j * SPB_WORD_BYTES, upright(number[j]));
        return;
    }
    spb_word low = spb_load(sum), both = number[0].v;
    wire first = {spb_xor(low, both), number[0].inverted};
    wire carry = {number[0].inverted ? spb_and_not(low, both) : spb_and(low, both), 0};
    spb_store(sum, upright(first));
    for (int j = 1; j < BLOCK_PLANES; j++) {
        wire x = {spb_load(sum + j * SPB_WORD_BYTES), 0};
        carry = full(&x, number[j], carry);
        spb_store(sum + j * SPB_WORD_BYTES, upright(x));
    }
    spb_word up = upright(carry);
    uint8_t *high = sum + BLOCK_PLANES * SPB_WORD_BYTES;
    for (int i = 0; i < how.adders; i++, high += 2 * SPB_WORD_BYTES) {
        spb_word waits = spb_load(high + SPB_WORD_BYTES);
        if (how.first && i == how.adders - 1) {
            spb_word x = waits;
            up = spb_half(&x, up);
            spb_store(high, x);
        } else {
            spb_word x = spb_load(high);
            up = spb_full(&x, waits, up, 0);
            spb_store(high, x);
        }
    }
    spb_store(high + SPB_WORD_BYTES, up);
}

/* A block's channels with the same number of inverted groups. */
SPB_INLINE const uint16_t *run_channels(const uint16_t *list, uint32_t count, const uint8_t *table,
                                        uint8_t *sums, int inverted, joining how) {
    for (; count > 0; count--, list += OFFSETS) {
        const uint8_t *number[OFFSETS];
        for (int g = 0; g < OFFSETS; g += 2) {
#if defined(SPB_WORD_IS_AARCH64)
            uint64_t two; /* as in tree_addresses, but for a MOV that gcc adds here to widen */
            __asm__("ldr %w0, %1" : "=r"(two) : "m"(*(const uint32_t(*)[1])(const void *)(list + g)));
            __asm__("add %0, %1, %w2, uxth" : "=r"(number[g]) : "r"(table), "r"(two));
            __asm__("add %0, %1, %2, lsr #16" : "=r"(number[g + 1]) : "r"(table), "r"(two));
#else
            number[g] = table + list[g];
            number[g + 1] = table + list[g + 1];
#endif
        }
        wire block[BLOCK_PLANES];
        add_block(number, inverted, block);
        join(block, sums + (size_t)list[GROUPS] * SUM_BYTES, how);
    }
    return list;
}

/* counts: of the channels with 0, 1, ... inverted groups. */
SPB_INLINE void run_block(const uint16_t *list, const uint32_t counts[GROUPS + 1], const uint8_t *table,
                          uint8_t *sums, joining how) {
#define RUN(n) list = run_channels(list, counts[n], table, sums, n, how);
    RUN(0) RUN(1) RUN(2) RUN(3) RUN(4) RUN(5) RUN(6) RUN(7) RUN(8) RUN(9)
#undef RUN
}

/* DO(begins, adders, first): enough for 64 blocks, 4,032 taps. */
#define EACH_JOINING(DO)                                                                                     \
    DO(1, 0, 0)                                                                                              \
    DO(0, 0, 0)                                                                                              \
    DO(0, 1, 0)                                                                                              \
    DO(0, 1, 1) DO(0, 2, 0) DO(0, 2, 1) DO(0, 3, 0) DO(0, 3, 1) DO(0, 4, 0) DO(0, 4, 1) DO(0, 5, 1)
#define FUNCTION(b, a, f)                                                                                    \
    __attribute__((noinline)) static void run_block_##b##a##f(const uint16_t *list, const uint32_t *counts,  \
                                                              const uint8_t *table, uint8_t *sums) {         \
        joining how = {b, a, f};                                                                             \
        run_block(list, counts, table, sums, how);                                                           \
    }
EACH_JOINING(FUNCTION)
#undef FUNCTION

static void run_any_block(uint32_t block, const uint16_t *list, const uint32_t *counts, const uint8_t *table,
                          uint8_t *sums) {
    int adders = 0, first = block > 1 && !(block & (block - 1));
    while (block && !(block >> adders & 1))
        adders++;
#define CHOICE(b, a, f)                                                                                      \
    if ((b) == (block == 0) && (a) == adders && (f) == first)                                                \
        run_block_##b##a##f(list, counts, table, sums);
    EACH_JOINING(CHOICE)
#undef CHOICE
}

/* The 64 numbers of a group. Pattern bits 0 to 2 are those of taps 4 to 6, 3 to 5 those of taps 1 to 3; tap
 * 0's weight is 1. The numbers of both halves, 0 to 3 and 0 to 4, are added. */
SPB_INLINE void make_numbers(const spb_word tap[TAPS], uint8_t *to) {
    spb_word low1[2], low2[8]; /* planes of taps 4 to 6: the lower depends on the pattern's parity only */
#pragma GCC unroll 8
    for (int p = 0; p < 8; p++) {
        wire x = {tap[4], !(p & 1)}, a = {tap[5], !(p & 2)}, b = {tap[6], !(p & 4)};
        low2[p] = upright(full(&x, a, b));
        low1[(p ^ p >> 1 ^ p >> 2) & 1] = upright(x);
    }
#pragma GCC unroll 8
    for (int p = 0; p < 8; p++) {
        wire x = {tap[1], !(p & 1)}, a = {tap[2], !(p & 2)}, b = {tap[3], !(p & 4)};
        spb_word twos = upright(full(&x, a, b)), ones = upright(x), fours;
        spb_word up = spb_half(&ones, tap[0]);
        fours = spb_half(&twos, up);
        spb_word carry[2], sum[2];
        for (int i = 0; i < 2; i++) {
            sum[i] = ones;
            carry[i] = spb_half(&sum[i], low1[i]);
        }
#pragma GCC unroll 8
        for (int q = 0; q < 8; q++, to += NUMBER_BYTES) {
            int parity = (q ^ q >> 1 ^ q >> 2) & 1;
            spb_word two = twos, four = spb_full(&two, low2[q], carry[parity], 0);
            spb_store(to, sum[parity]);
            spb_store(to + SPB_WORD_BYTES, two);
            spb_store(to + 2 * SPB_WORD_BYTES, spb_xor(fours, four)); /* 7 at most: never both */
        }
    }
}

/* The output of all channels in a word of pixels: S >= threshold, from the lowest plane on. */
static void compare(const uint8_t *sum, const uint8_t *constants, uint32_t blocks, uint32_t channels,
                    uint32_t plane_bytes, uint8_t *out) {
    const spb_word zero = spb_splat_byte(0);
    for (uint32_t c = 0; c < channels; c++, out += plane_bytes, constants += SUM_PLANES, sum += SUM_BYTES) {
        spb_word carry = spb_splat_byte(0xFF), up = zero; /* of S + not T + 1; of what waits */
        const uint8_t *high = sum + BLOCK_PLANES * SPB_WORD_BYTES, *k = constants;
        for (int j = 0; j < BLOCK_PLANES; j++) {
            spb_word x = spb_load(sum + j * SPB_WORD_BYTES);
            carry = spb_select(spb_xor(x, carry), spb_splat_byte(*k++), x);
        }
        for (uint32_t joined = blocks - 1; joined > 0; joined >>= 1, high += 2 * SPB_WORD_BYTES) {
            spb_word x = joined >= 2 ? spb_load(high) : zero;
            up = spb_full(&x, joined & 1 ? spb_load(high + SPB_WORD_BYTES) : zero, up, 0);
            carry = spb_select(spb_xor(x, carry), spb_splat_byte(*k++), x);
        }
        carry = spb_select(spb_xor(up, carry), spb_splat_byte(*k), up);
        spb_store(out, carry);
    }
}

typedef struct kernel {
    uint32_t blocks;
    uint16_t *taps;        /* [block][group][8]: where they are among the prepared planes; the last is none */
    uint16_t *list;        /* [block][channel][OFFSETS] */
    uint32_t *counts;      /* [block][GROUPS + 1] */
    uint8_t *constants;    /* [channel][SUM_PLANES]: 0xFF where the threshold's plane is 0 */
    uint8_t *table, *sums; /* scratch */
} kernel;

static kernel prepare(const spb_layer *l, const uint8_t *weight, const int32_t *threshold) {
    uint32_t taps = l->in.channels * l->kernel_h * l->kernel_w, channels = l->out.channels;
    kernel k = {.blocks = (taps + BLOCK_TAPS - 1) / BLOCK_TAPS};
    k.taps = aligned(k.blocks * (GROUPS * 8) * sizeof *k.taps);
    k.list = aligned(k.blocks * channels * OFFSETS * sizeof *k.list);
    k.counts = aligned(k.blocks * (GROUPS + 1) * sizeof *k.counts);
    k.constants = aligned((size_t)channels * SUM_PLANES);
    k.table = aligned(GROUPS * GROUP_BYTES);
    k.sums = aligned((size_t)channels * SUM_BYTES);
    uint16_t *list = k.list;
    for (uint32_t b = 0; b < k.blocks; b++) {
        for (uint32_t i = 0; i < GROUPS * 8; i++) {
            uint32_t tap = b * BLOCK_TAPS + i / 8 * TAPS + i % 8;
            int none = i % 8 == TAPS || tap >= taps;
            k.taps[b * GROUPS * 8 + i] = none ? (uint16_t)spb_copies_bytes(l) : spb_tap_offset(l, tap);
        }
        for (uint32_t n = 0; n <= GROUPS; n++) {
            k.counts[b * (GROUPS + 1) + n] = 0;
            for (uint32_t c = 0; c < channels; c++) {
                uint16_t straight[GROUPS], flipped[GROUPS], offset;
                uint32_t straights = 0, flips = 0;
                for (uint32_t g = 0; g < GROUPS; g++) {
                    uint32_t first = b * BLOCK_TAPS + g * TAPS, bits = 0;
                    for (uint32_t i = 0; i < TAPS; i++) { /* a tap that is none is 0, as its weight */
                        if (first + i < taps)
                            bits |= (uint32_t)weight[(size_t)c * taps + first + i] << i;
                    }
                    int flip = !(bits & 1);
                    bits = flip ? ~bits : bits;
                    bits = (bits >> 4 & 7) | (bits >> 1 & 7) << 3;
                    offset = (uint16_t)(g * GROUP_BYTES + bits * NUMBER_BYTES);
                    if (flip)
                        flipped[flips++] = offset;
                    else
                        straight[straights++] = offset;
                }
                if (flips != n)
                    continue;
                k.counts[b * (GROUPS + 1) + n]++;
                memcpy(list, flipped, flips * sizeof *list);
                memcpy(list + flips, straight, straights * sizeof *list);
                list[GROUPS] = (uint16_t)c;
                list += OFFSETS;
            }
        }
    }
    for (uint32_t c = 0; c < channels; c++) {
        int32_t doubled = threshold[c] + (int32_t)taps; /* P = 2 S - taps */
        int32_t s = (doubled >= 0 ? doubled + 1 : 0) / 2 + (int32_t)(k.blocks * BLOCK_TAPS - taps);
        for (uint32_t j = 0; j < SUM_PLANES; j++)
            k.constants[c * SUM_PLANES + j] = s >> j & 1 ? 0 : 0xFF;
    }
    return k;
}

static void run(const spb_layer *l, const kernel *k, const uint8_t *in, uint8_t *out, uint8_t *prepared) {
    uint32_t strip = spb_strip_rows(l), row = l->out.row_bytes;
    for (uint32_t top = 0; top < l->out.height; top += strip) {
        spb_prepare_planes(l, in, top, prepared);
        for (uint32_t at = 0; at < strip * row; at += SPB_WORD_BYTES) {
            for (uint32_t b = 0; b < k->blocks; b++) {
                for (uint32_t g = 0; g < GROUPS; g++) {
                    const uint16_t *offset = k->taps + (b * GROUPS + g) * 8;
                    spb_word tap[TAPS];
                    for (int i = 0; i < TAPS; i++)
                        tap[i] = spb_load(prepared + at + offset[i]);
                    make_numbers(tap, k->table + g * GROUP_BYTES);
                }
                run_any_block(b, k->list + b * l->out.channels * OFFSETS, k->counts + b * (GROUPS + 1),
                              k->table, k->sums);
            }
            compare(k->sums, k->constants, k->blocks, l->out.channels, l->out.plane_bytes,
                    out + top * row + at);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 5)
        die("BUNDLE LAYER WEIGHTS ROUNDS", "usage");
    spb_model model;
    (void)open_model(&model, argv[1]);
    spb_layer l;
    spb_layer_read(model.bundle, model.layer_offset, (uint32_t)atoi(argv[2]), &l);
    uint32_t taps = l.in.channels * l.kernel_h * l.kernel_w, row = l.out.row_bytes;
    if (l.op != SPB_OP_TREE || !l.binary || l.stride != 1 || l.zero_pad || l.out.width % 8 ||
        taps > BLOCKS_MAX * BLOCK_TAPS || spb_window_count(&l) != 1 || l.out.height % spb_strip_rows(&l) ||
        spb_strip_rows(&l) * row % SPB_WORD_BYTES)
        die("not a layer that this prototype takes", argv[1]);
    size_t bytes, count = (size_t)taps * l.out.channels;
    const uint8_t *file = read_bundle(argv[3], &bytes);
    if (bytes != count + l.out.channels * sizeof(int32_t))
        die("not this layer's weights", argv[3]);
    int32_t *threshold = aligned(l.out.channels * sizeof *threshold);
    memcpy(threshold, file + count, l.out.channels * sizeof *threshold);
    kernel k = prepare(&l, file, threshold);
    size_t out_bytes = (size_t)l.out.channels * l.out.plane_bytes;
    uint8_t *in = aligned((size_t)l.in.channels * l.in.plane_bytes), *out = aligned(out_bytes);
    uint8_t *prepared = aligned(spb_prepared_bytes(&l));
    fill(&l.in, in);
    memset(out, 0, out_bytes);
    for (int rounds = atoi(argv[4]); rounds > 0; rounds--)
        run(&l, &k, in, out, prepared);
    printf("[{\"crc\": %u}]\n", spb_crc32(0, out, out_bytes));
    return 0;
}
