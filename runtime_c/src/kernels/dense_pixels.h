/* Planes to the dense kernel's pixels, and pixels to windows (dense_shape.h). kernels/dense_pixels.c */
#ifndef SPB_DENSE_PIXELS_H
#define SPB_DENSE_PIXELS_H

#include "../dense_shape.h"

/* The padded image: pixels [H + 2p][W + 2p], each the bits of its channels, 0 beyond the last. Outside the
 * image all channels are pad_bit. */
void spb_dense_pack(const spb_layer *layer, const spb_dense_shape *shape, const uint8_t *in, uint8_t *pixels);

/* The windows of output rows [top, bottom), one after the other: runs of kernel_w pixels from kernel_h rows,
 * then 0. May write up to SPB_DENSE_STEP bytes behind the last. */
void spb_dense_gather(const spb_layer *layer, const spb_dense_shape *shape, const uint8_t *pixels,
                      uint32_t top, uint32_t bottom, uint8_t *windows);

#endif
