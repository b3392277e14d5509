/* Any bytes as an image (and any size of it) for one good network: a wrong size is refused, the right one
 * runs and gives the same logits twice. The network is the hand-made one of tests/tiny_bundle.h; the first
 * byte picks its weights. Built as fuzz_bundle.c is. */
#include "../tests/tiny_bundle.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    spb_model model;
    float first[TINY_CLASSES], again[TINY_CLASSES];
    if (size < 1)
        return 0;
    tiny_bundle b = tiny_bundle_make(1 + data[0] % 8u);
    tiny_fix_crc(&b);
    uint8_t *arena = fuzz_memory(b.arena), *image = fuzz_memory(size - 1);
    if (spb_model_init(&model, b.data, b.count, arena, b.arena))
        abort();
    if (size > 1)
        memcpy(image, data + 1, size - 1);
    spb_status status = spb_model_run(&model, image, size - 1, first, TINY_CLASSES);
    if (status != (size - 1 == b.image_bytes ? SPB_OK : SPB_ERR_IMAGE_BYTES))
        abort();
    if (!status) {
        spb_model_run(&model, image, size - 1, again, TINY_CLASSES);
        if (memcmp(first, again, sizeof first) != 0)
            abort();
    }
    free(image), free(arena), free(b.data);
    return 0;
}
