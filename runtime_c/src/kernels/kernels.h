/* One function a kernel: reads `in`, writes `out`, may use `scratch`. All are total: every layer that
 * bundle.c accepted runs. Tensors are bits tensors; every kernel leaves 0 in bits that are no pixel,
 * and in the slack between the last row and plane_bytes. */
#ifndef SPB_KERNELS_H
#define SPB_KERNELS_H

#include "../layer.h"

/* 8-bit image [H][W][C] -> int32 sums -> threshold -> planes. kernels/stem_conv.c */
void spb_stem_conv(const spb_layer *layer, const uint8_t *image, uint8_t *out, uint8_t *scratch);

/* Binary convolutions end in bits, or where layer->output says so in sums: int16 or int32
 * [channels][height][width]. */

/* Bit-sliced tree convolution. `tables`: the layer's expanded table. kernels/tree_conv.c */
void spb_tree_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch,
                   const uint8_t *tables);

/* XNOR-popcount over packed channels. kernels/dense_conv.c */
void spb_dense_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch);

/* 2x2 maximum on planes. kernels/max_pool.c */
void spb_max_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out);

/* Bits -> exact int32 sums (out.channels of them, `sums`) -> float logits. kernels/head.c */
void spb_head(const spb_layer *layer, const uint8_t *in, uint8_t *scratch, int32_t *sums, float *logits);

/* A binary convolution's sums -> floats: scale * sum + bias, or the sums themselves. kernels/output_floats.c
 */
void spb_output_floats(const spb_layer *layer, const uint8_t *sums, float *floats);

/* Input planes -> shifted, padded copies in which every tap is one load, for the strip of output rows from
 * `top` on. kernels/prepare_planes.c */
void spb_prepare_planes(const spb_layer *layer, const uint8_t *in, uint32_t top, uint8_t *prepared);

#endif
