/* Golden records: the compiler's reference results, compared on the machine that will run the network. */
#include <string.h>

#include "bundle.h"
#include "crc32.h"
#include "little_endian.h"
#include "spanbit.h"

typedef struct comparison {
    const uint8_t *digests; /* u32 per layer */
    int failed_layer;
} comparison;

static uint32_t digest(const spb_layer_info *info, const void *output) {
    if (info->output) {
        size_t count = (size_t)info->out_channels * info->out_height * info->out_width;
        return spb_crc32(0, output, count * spb_sum_bytes(info->output));
    }
    uint32_t crc = 0;
    const uint8_t *plane = output;
    for (uint32_t c = 0; c < info->out_channels; c++, plane += info->plane_bytes) {
        crc = spb_crc32(crc, plane, (size_t)info->out_height * info->row_bytes);
    }
    return crc;
}

static void compare_layer(void *user, unsigned layer, const spb_layer_info *info, const void *output) {
    comparison *c = user;
    if (c->failed_layer < 0 && digest(info, output) != spb_u32(c->digests + 4 * (size_t)layer)) {
        c->failed_layer = (int)layer;
    }
}

static const uint8_t *record_of(const spb_model *model, unsigned index) {
    return model->bundle + model->golden_offset + index * (size_t)spb_golden_bytes(&model->info);
}

spb_status spb_model_golden_image(const spb_model *model, unsigned index, const uint8_t **image) {
    if (!model || !model->bundle || !image)
        return SPB_ERR_NULL;
    if (index >= model->info.golden_count)
        return SPB_ERR_INDEX;
    *image = record_of(model, index);
    return SPB_OK;
}

spb_status spb_model_check_golden(spb_model *model, unsigned index, int *failed_layer, float *logits,
                                  size_t logit_count) {
    const uint8_t *image;
    int ignored;
    if (!failed_layer)
        failed_layer = &ignored;
    *failed_layer = -1;
    spb_status status = spb_model_golden_image(model, index, &image);
    if (status)
        return status;
    const spb_info *info = &model->info;
    size_t image_bytes = (size_t)info->height * info->width * info->channels;
    comparison c = {image + image_bytes, -1};
    spb_layer_hook hook = model->hook;
    void *user = model->hook_user;
    spb_model_set_hook(model, compare_layer, &c);
    status = spb_model_run(model, image, image_bytes, logits, logit_count);
    spb_model_set_hook(model, hook, user);
    if (status)
        return status;
    *failed_layer = c.failed_layer;
    if (c.failed_layer >= 0)
        return SPB_ERR_GOLDEN_LAYER;
    const uint8_t *expected = c.digests + 4 * (size_t)info->layer_count;
    for (uint32_t i = 0; i < info->output_count; i++) {
        float want, got = logits[i];
        memcpy(&want, expected + 4 * (size_t)i, sizeof want);
        float size = want < 0 ? -want : want, off = got < want ? want - got : got - want;
        if (!(off <= 1e-5f * (1.0f + size)))
            return SPB_ERR_GOLDEN_LOGITS; /* NaN fails */
    }
    return SPB_OK;
}
