/* One function a kernel: reads `in`, writes `out`, may use `scratch`. All are total: every layer that
 * bundle.c accepted runs. Tensors are bits tensors; every kernel leaves 0 in bits that are no pixel,
 * and in the slack between the last row and plane_bytes. */
#ifndef SPB_KERNELS_H
#define SPB_KERNELS_H

#include "../layer.h"

/* 8-bit image [H][W][C] -> int32 sums -> threshold -> planes. kernels/stem_conv.c */
void spb_stem_conv(const spb_layer *layer, const uint8_t *image, uint8_t *out, uint8_t *scratch);

/* Convolutions end in bits, or with layer->real in reals, to which layer->addend, if there is one, is added
 * (its place may be the output's); a binary one, where layer->output says so, in sums: int16 or int32
 * [channels][height][width]. Reals are int16 [channels][height][width]. */

/* Bit-sliced tree convolution. `tables`: the layer's expanded table. kernels/tree_conv.c */
void spb_tree_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch,
                   const uint8_t *tables);

/* XNOR-popcount over packed channels. kernels/dense_conv.c */
void spb_dense_conv(const spb_layer *layer, const uint8_t *in, uint8_t *out, uint8_t *scratch);

/* Maximum of windows on planes: of 2x2 with stride 2, and of any. kernels/max_pool.c, any_pool.c */
void spb_max_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out);
void spb_any_pool(const spb_layer *layer, const uint8_t *in, uint8_t *out);

/* Maximum of windows of reals. kernels/real_pool.c */
void spb_real_pool(const spb_layer *layer, const int16_t *in, int16_t *out);

/* Mean of windows of reals. kernels/avg_pool.c */
void spb_avg_pool(const spb_layer *layer, const int16_t *in, int16_t *out);

/* Reals -> bits. kernels/sign.c */
void spb_sign(const spb_layer *layer, const int16_t *in, uint8_t *out);

/* Shifted PReLU; `out` may be `in`. kernels/prelu.c */
void spb_prelu(const spb_layer *layer, const int16_t *in, int16_t *out);

/* 1x1 convolution of reals. kernels/real_conv.c */
void spb_real_conv(const spb_layer *layer, const int16_t *in, int16_t *out);

/* Sums of reals; `out` may be either. kernels/combine.c */
void spb_add(const spb_layer *layer, const int16_t *in, const int16_t *second, int16_t *out);

/* Channels of both, bits or reals. kernels/combine.c */
void spb_concat(const spb_layer *layer, const uint8_t *in, const uint8_t *second, uint8_t *out);

/* Bits -> exact int32 sums (out.channels of them, `sums`) -> float logits. kernels/head.c */
void spb_head(const spb_layer *layer, const uint8_t *in, uint8_t *scratch, int32_t *sums, float *logits);

/* Reals -> exact int32 sums -> float logits. kernels/real_head.c */
void spb_real_head(const spb_layer *layer, const int16_t *in, int32_t *sums, float *logits);

/* A binary convolution's sums -> floats: scale * sum + bias, or the sums themselves. kernels/output_floats.c
 */
void spb_output_floats(const spb_layer *layer, const uint8_t *sums, float *floats);

/* Input planes -> shifted, padded copies in which every tap is one load, for the strip of output rows from
 * `top` on. kernels/prepare_planes.c */
void spb_prepare_planes(const spb_layer *layer, const uint8_t *in, uint32_t top, uint8_t *prepared);

#endif
