/* The untrusted file: checked once here, trusted everywhere else. */
#ifndef SPB_BUNDLE_H
#define SPB_BUNDLE_H

#include "layer.h"

enum { SPB_HEADER_BYTES = 96, SPB_LAYER_BYTES = 128, SPB_ARENA_SLACK = 64 };
enum { SPB_CHANNELS_MAX = 4096, SPB_SIDE_MAX = 1024 };

/* The header's other fields. */
typedef struct spb_header {
    spb_info info;
    uint32_t file_bytes, layer_offset, golden_offset, tables_bytes, tables_arena;
} spb_header;

/* Header fields and checksum. */
spb_status spb_header_read(const void *bundle, size_t bundle_bytes, spb_header *header);

/* Layer record `index` of a bundle whose header is good. No checks: after spb_layers_check, or inside it. */
void spb_layer_read(const uint8_t *bundle, uint32_t layer_offset, uint32_t index, spb_layer *layer);

/* The name field of layer record `index`. */
void spb_layer_name(const uint8_t *bundle, uint32_t layer_offset, uint32_t index, char name[33]);

/* All layer records, their blobs, node records and regions. *failed_layer: the layer to blame, or -1. */
spb_status spb_layers_check(const uint8_t *bundle, const spb_header *header, int *failed_layer);

/* Bytes of one golden record. */
uint64_t spb_golden_bytes(const spb_info *info);

#endif
