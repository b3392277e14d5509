/* Runs one layer of a bundle, or all of it, once between the markers that insn_plugin.c counts between:
 *
 *     qemu-aarch64 -plugin ./libinsn.so,out=insn.json count_layer BUNDLE LAYER...     LAYER: a number, or all
 *
 * The layer's input is fixed pseudo-random bits (an image for the stem). Prints a checksum of its output. No
 * clock is read, so counts repeat exactly. Several layers add up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime_c/src/bundle.h"
#include "../runtime_c/src/crc32.h"
#include "../runtime_c/src/kernels/kernels.h"

#if defined(__aarch64__)
#define BEGIN() __asm__ volatile("mov x12, x12" ::: "memory")
#define END() __asm__ volatile("mov x13, x13" ::: "memory")
#elif defined(__arm__) && !defined(__thumb__)
#define BEGIN() __asm__ volatile("mov r12, r12" ::: "memory")
#define END() __asm__ volatile("mov r11, r11" ::: "memory")
#else /* no plugin counts here, but the program runs: callgrind's --toggle-collect does it by function */
#define BEGIN() (void)0
#define END() (void)0
#endif

static void die(const char *what, const char *where) {
    fprintf(stderr, "count_layer: %s: %s\n", where, what);
    exit(2);
}

static void *aligned(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p)
        die("out of memory", "aligned_alloc");
    return p;
}

static uint32_t next_random(uint32_t *state) { return (*state = *state * 1664525u + 1013904223u) >> 24; }

/* Bits that are no pixel stay 0, as every kernel may rely on. */
static void fill(const spb_tensor *t, uint8_t *data) {
    uint32_t state = 1;
    memset(data, 0, (size_t)t->channels * t->plane_bytes);
    for (uint32_t c = 0; c < t->channels; c++) {
        for (uint32_t y = 0; y < t->height; y++) {
            uint8_t *row = data + (size_t)c * t->plane_bytes + (size_t)y * t->row_bytes;
            for (uint32_t x = 0; x < t->width; x++)
                row[x / 8] = (uint8_t)(row[x / 8] | (next_random(&state) >> 7) << x % 8);
        }
    }
}

static uint8_t *read_bundle(const char *path, size_t *bytes) {
    FILE *f = fopen(path, "rb");
    if (!f)
        die("cannot open", path);
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *bundle = aligned(*bytes);
    if (fread(bundle, 1, *bytes, f) != *bytes)
        die("cannot read", path);
    fclose(f);
    return bundle;
}

static uint32_t run_all(spb_model *model, const uint8_t *image, float *logits) {
    const spb_info *info = &model->info;
    BEGIN();
    spb_status status = spb_model_run(model, image, (size_t)info->channels * info->height * info->width,
                                      logits, info->class_count);
    END();
    if (status)
        die(spb_status_text(status), "spb_model_run");
    spb_layer head;
    spb_layer_read(model->bundle, model->layer_offset, info->layer_count - 1u, &head);
    return spb_crc32(0, model->arena + head.out_arena, 4 * (size_t)info->class_count);
}

static uint32_t run_one(const spb_model *model, uint32_t index, const uint8_t *image, float *logits) {
    spb_layer l;
    spb_layer_read(model->bundle, model->layer_offset, index, &l);
    uint8_t *in = model->arena + l.in_arena, *out = model->arena + l.out_arena;
    uint8_t *scratch = model->arena + l.scratch_arena;
    if (l.op != SPB_OP_STEM)
        fill(&l.in, in);
    BEGIN();
    switch (l.op) {
    case SPB_OP_STEM:
        spb_stem_conv(&l, image, out, scratch);
        break;
    case SPB_OP_TREE:
        spb_tree_conv(&l, in, out, scratch, model->arena + l.tables_arena);
        break;
    case SPB_OP_DENSE:
        spb_dense_conv(&l, in, out, scratch);
        break;
    case SPB_OP_POOL:
        spb_max_pool(&l, in, out);
        break;
    case SPB_OP_HEAD:
        spb_head(&l, in, scratch, (int32_t *)(void *)out, logits);
        break;
    }
    END();
    size_t bytes =
        l.op == SPB_OP_HEAD ? 4 * (size_t)l.out.channels : (size_t)l.out.channels * l.out.plane_bytes;
    return spb_crc32(0, out, bytes);
}

int main(int argc, char **argv) {
    if (argc < 3)
        die("BUNDLE LAYER...", "usage");
    size_t bytes;
    uint8_t *bundle = read_bundle(argv[1], &bytes);
    spb_info info;
    spb_model model;
    spb_status status = spb_bundle_info(bundle, bytes, &info);
    if (status)
        die(spb_status_text(status), argv[1]);
    void *arena = aligned(info.arena_bytes);
    status = spb_model_init(&model, bundle, bytes, arena, info.arena_bytes);
    if (status)
        die(spb_status_text(status), argv[1]);
    size_t image_bytes = (size_t)info.channels * info.height * info.width;
    uint8_t *image = aligned(image_bytes);
    uint32_t state = 7;
    for (size_t i = 0; i < image_bytes; i++)
        image[i] = (uint8_t)next_random(&state);
    float *logits = aligned(sizeof(float) * info.class_count);
    for (int i = 2; i < argc; i++) {
        unsigned long layer = strtoul(argv[i], NULL, 10);
        if (strcmp(argv[i], "all") != 0 && layer >= info.layer_count)
            die("no such layer", argv[i]);
        uint32_t crc = strcmp(argv[i], "all") == 0 ? run_all(&model, image, logits)
                                                   : run_one(&model, (uint32_t)layer, image, logits);
        printf("%u\n", crc);
    }
    return 0;
}
