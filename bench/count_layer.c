/* Runs one layer of a bundle, or all of it, once between the markers that insn_plugin.c counts between:
 *
 *     qemu-aarch64 -plugin ./libinsn.so,out=insn.json count_layer BUNDLE LAYER...     LAYER: a number, or all
 *
 * The layer's input is fixed pseudo-random bits or numbers (an image for the stem). Prints a checksum of its
 * output. No clock is read, so counts repeat exactly. Several layers add up.
 */
#include "../runtime_c/src/crc32.h"
#include "../runtime_c/src/run_layer.h"
#include "bench_bundle.h"

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

static uint32_t run_all(spb_model *model, const uint8_t *image, float *logits) {
    const spb_info *info = &model->info;
    BEGIN();
    spb_status status = spb_model_run(model, image, (size_t)info->channels * info->height * info->width,
                                      logits, info->output_count);
    END();
    if (status)
        die(spb_status_text(status), "spb_model_run");
    spb_layer head;
    spb_layer_read(model->bundle, model->layer_offset, info->layer_count - 1u, &head);
    return spb_crc32(0, model->arena + head.out_arena,
                     spb_sum_bytes(info->output) * (size_t)info->output_count);
}

/* Pseudo-random bits, or numbers of up to 13 bits, so that sums seldom saturate. */
static void fill_inputs(const spb_layer *l, uint8_t *arena) {
    uint32_t state = 1;
    size_t count = (size_t)l->in.channels * l->in.height * l->in.width, second = (size_t)spb_sum_count(l);
    int16_t *reals = (int16_t *)(void *)(arena + l->in_arena),
            *others = (int16_t *)(void *)(arena + l->second_arena);
    if (l->op == SPB_OP_STEM)
        return;
    if (!spb_takes_reals(l))
        fill(&l->in, arena + l->in_arena);
    for (size_t i = 0; spb_takes_reals(l) && i < count; i++)
        reals[i] = (int16_t)(32 * (int32_t)next_random(&state) - 4096);
    for (size_t i = 0; l->addend && l->op != SPB_OP_CONCAT && i < second; i++)
        others[i] = (int16_t)(32 * (int32_t)next_random(&state) - 4096);
}

static uint32_t run_one(const spb_model *model, uint32_t index, const uint8_t *image, float *logits) {
    spb_layer l;
    spb_layer_read(model->bundle, model->layer_offset, index, &l);
    spb_layer_place(&l, model->arena);
    uint8_t *arena = model->arena, *out = arena + l.out_arena;
    const spb_operands at = {image, arena + l.in_arena, out, arena + l.scratch_arena, arena + l.tables_arena,
                             logits};
    fill_inputs(&l, arena);
    BEGIN();
    spb_run_layer(&l, &at);
    END();
    return spb_crc32(0, out, (size_t)spb_output_bytes(&l, l.out.channels));
}

int main(int argc, char **argv) {
    if (argc < 3)
        die("BUNDLE LAYER...", "usage");
    spb_model model;
    spb_info info = open_model(&model, argv[1]);
    size_t image_bytes = (size_t)info.channels * info.height * info.width;
    uint8_t *image = aligned(image_bytes);
    uint32_t state = 7;
    for (size_t i = 0; i < image_bytes; i++)
        image[i] = (uint8_t)next_random(&state);
    float *logits = aligned(sizeof(float) * info.output_count);
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
