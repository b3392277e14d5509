/* The public calls: a bundle becomes a model, a model runs. */
#include <string.h>

#include "bundle.h"
#include "kernels/kernels.h"
#include "run_layer.h"
#include "spanbit.h"
#include "tap_stream.h"
#include "word.h"

const char *spb_isa(void) { return SPB_ISA_NAME; }

spb_status spb_bundle_info(const void *bundle, size_t bundle_bytes, spb_info *info) {
    spb_header header;
    if (!info)
        return SPB_ERR_NULL;
    spb_status status = spb_header_read(bundle, bundle_bytes, &header);
    if (!status)
        *info = header.info;
    return status;
}

spb_status spb_model_init_at(spb_model *model, const void *bundle, size_t bundle_bytes, void *arena,
                             size_t arena_bytes, int *failed_layer) {
    spb_header header;
    int ignored;
    if (!failed_layer)
        failed_layer = &ignored;
    *failed_layer = -1;
    if (!model || !arena)
        return SPB_ERR_NULL;
    if ((uintptr_t)arena % SPB_ARENA_ALIGN)
        return SPB_ERR_ARENA_ALIGN;
    spb_status status = spb_header_read(bundle, bundle_bytes, &header);
    if (status)
        return status;
    if (arena_bytes < header.info.arena_bytes)
        return SPB_ERR_ARENA_SMALL;
    status = spb_layers_check(bundle, &header, failed_layer);
    if (status)
        return status;
    memset(model, 0, sizeof *model);
    memset(arena, 0, header.info.arena_bytes);
    model->bundle = bundle;
    model->arena = arena;
    model->info = header.info;
    model->layer_offset = header.layer_offset;
    model->golden_offset = header.golden_offset;
    for (uint32_t i = 0; i < header.info.layer_count; i++) {
        spb_layer layer;
        spb_layer_read(model->bundle, model->layer_offset, i, &layer);
        if (layer.op != SPB_OP_TREE)
            continue;
        *failed_layer = (int)i;
        status = spb_tap_stream_expand(&layer, model->arena + layer.tables_arena,
                                       model->arena + layer.scratch_arena);
        if (status) {
            memset(model, 0, sizeof *model); /* half a model must not run */
            return status;
        }
    }
    *failed_layer = -1;
    return SPB_OK;
}

spb_status spb_model_init(spb_model *model, const void *bundle, size_t bundle_bytes, void *arena,
                          size_t arena_bytes) {
    return spb_model_init_at(model, bundle, bundle_bytes, arena, arena_bytes, NULL);
}

void spb_model_set_hook(spb_model *model, spb_layer_hook hook, void *user) {
    if (!model)
        return;
    model->hook = hook;
    model->hook_user = user;
}

static void describe(const spb_model *model, const spb_layer *layer, spb_layer_info *info) {
    memset(info, 0, sizeof *info);
    info->op = layer->op;
    spb_layer_name(model->bundle, model->layer_offset, layer->index, info->name);
    info->in_channels = (uint16_t)layer->in.channels;
    info->in_height = (uint16_t)layer->in.height;
    info->in_width = (uint16_t)layer->in.width;
    info->out_channels = (uint16_t)layer->out.channels;
    info->out_height = (uint16_t)layer->out.height;
    info->out_width = (uint16_t)layer->out.width;
    info->output = layer->output;
    if (!layer->output) {
        info->row_bytes = layer->out.row_bytes;
        info->plane_bytes = layer->out.plane_bytes;
    }
    info->tap_count = layer->tap_count;
}

spb_status spb_model_layer(const spb_model *model, unsigned index, spb_layer_info *info) {
    spb_layer layer;
    if (!model || !model->bundle || !info)
        return SPB_ERR_NULL;
    if (index >= model->info.layer_count)
        return SPB_ERR_INDEX;
    spb_layer_read(model->bundle, model->layer_offset, index, &layer);
    describe(model, &layer, info);
    return SPB_OK;
}

static void run_alone(const spb_model *model, const spb_layer *layer, const uint8_t *image, float *logits) {
    uint8_t *arena = model->arena;
    const spb_operands at = {.image = image,
                             .in = arena + layer->in_arena,
                             .out = arena + layer->out_arena,
                             .scratch = arena + layer->scratch_arena,
                             .tables = arena + layer->tables_arena,
                             .logits = logits};
    spb_run_layer(layer, &at);
}

spb_status spb_model_run(spb_model *model, const uint8_t *image, size_t image_bytes, float *logits,
                         size_t logit_count) {
    if (!model || !model->bundle || !image || !logits)
        return SPB_ERR_NULL;
    const spb_info *info = &model->info;
    if (image_bytes != (size_t)info->height * info->width * info->channels)
        return SPB_ERR_IMAGE_BYTES;
    if (logit_count != info->output_count)
        return SPB_ERR_LOGIT_COUNT;
    for (uint32_t i = 0; i < info->layer_count; i++) {
        spb_layer layer;
        spb_layer_read(model->bundle, model->layer_offset, i, &layer);
        spb_layer_place(&layer, model->arena);
        if (!model->run_shared || !model->run_shared(model, i, image))
            run_alone(model, &layer, image, logits);
        if (spb_is_binary_conv(layer.op) && layer.output && !layer.real)
            spb_output_floats(&layer, model->arena + layer.out_arena, logits);
        if (model->hook) {
            spb_layer_info described;
            describe(model, &layer, &described);
            model->hook(model->hook_user, i, &described, model->arena + layer.out_arena);
        }
    }
    return SPB_OK;
}

spb_status spb_model_run_batch(spb_model *model, const uint8_t *images, size_t images_bytes, size_t count,
                               float *logits, size_t logit_count) {
    if (!model || !model->bundle || !images || !logits)
        return SPB_ERR_NULL;
    size_t each = (size_t)model->info.height * model->info.width * model->info.channels;
    size_t outputs = model->info.output_count;
    if (images_bytes % each || images_bytes / each != count)
        return SPB_ERR_IMAGE_BYTES;
    if (logit_count % outputs || logit_count / outputs != count)
        return SPB_ERR_LOGIT_COUNT;
    spb_status status = SPB_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = spb_model_run(model, images + i * each, each, logits + i * outputs, outputs);
    return status;
}

spb_status spb_model_output(const spb_model *model, const void **sums) {
    spb_layer last;
    if (!model || !model->bundle || !sums)
        return SPB_ERR_NULL;
    spb_layer_read(model->bundle, model->layer_offset, model->info.layer_count - 1u, &last);
    *sums = model->arena + last.out_arena;
    return SPB_OK;
}
