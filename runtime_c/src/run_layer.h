/* Which kernel runs a layer. */
#ifndef SPB_RUN_LAYER_H
#define SPB_RUN_LAYER_H

#include "layer.h"

/* Where a layer's tensors and its memory are. */
typedef struct spb_operands {
    const uint8_t *image; /* of the stem */
    const uint8_t *in;
    uint8_t *out, *scratch;
    const uint8_t *tables; /* of a tree */
    float *logits;         /* of a head */
} spb_operands;

/* The second input is layer->addend. What a last convolution's sums are as floats is left to
 * spb_output_floats. */
void spb_run_layer(const spb_layer *layer, const spb_operands *at);

#endif
