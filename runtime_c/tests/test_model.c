/* A whole network through the public calls: it loads, its golden record holds, and what is altered is noticed
 * with the status that says so. With an argument "--write FILE [SEED]" it writes the bundle instead. */
#include "tiny_bundle.h"

static spb_status load(const tiny_bundle *b, uint32_t bytes, uint8_t *arena, int *golden_layer) {
    spb_model model;
    float logits[TINY_CLASSES];
    *golden_layer = -2;
    spb_status status = spb_model_init(&model, b->data, bytes, arena, b->arena);
    if (!status)
        status = spb_model_check_golden(&model, 0, golden_layer, logits, TINY_CLASSES);
    return status;
}

static int expect(uint32_t index, const char *what, int holds) {
    if (!holds)
        printf("case %u: %s\n", index, what);
    return holds;
}

static int run_case(uint32_t index) {
    tiny_bundle b = tiny_bundle_make(index + 1);
    int ok = expect(index, "the bundle runs", tiny_bundle_seal(&b) == SPB_OK), layer;
    uint8_t *arena = garbage(b.arena);
    ok &= expect(index, "golden holds", load(&b, b.count, arena, &layer) == SPB_OK && layer == -1);
    ok &= expect(index, "a cut is noticed", load(&b, draw(b.count), arena, &layer) != SPB_OK);

    uint32_t at = 16 + draw(b.count - 16);
    b.data[at] ^= (uint8_t)(1u << draw(8));
    ok &= expect(index, "a flipped bit is noticed", load(&b, b.count, arena, &layer) == SPB_ERR_CRC);
    b.data[at] ^= (uint8_t)0xFF; /* with a good checksum: any status, no crash (sanitizers watch) */
    tiny_fix_crc(&b);
    load(&b, b.count, arena, &layer);

    tiny_bundle wrong = tiny_bundle_make(index + 1);
    tiny_bundle_seal(&wrong);
    uint32_t bad = draw(TINY_LAYERS);
    wrong.data[wrong.golden + wrong.image_bytes + 4 * bad] ^= 1;
    tiny_fix_crc(&wrong);
    spb_status status = load(&wrong, wrong.count, arena, &layer);
    ok &= expect(index, "a golden layer is named", status == SPB_ERR_GOLDEN_LAYER && layer == (int)bad);
    free(arena), free(b.data), free(wrong.data);
    return ok;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "--write") == 0) {
        tiny_bundle b = tiny_bundle_make(argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1);
        FILE *f = fopen(argv[2], "wb");
        int bad = tiny_bundle_seal(&b) || !f || fwrite(b.data, 1, b.count, f) != b.count;
        bad |= f && fclose(f);
        free(b.data);
        return bad;
    }
    return run_cases(argc, argv, 60, run_case);
}
