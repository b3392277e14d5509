/* SHA-256 (FIPS 180-4), for boards whose userland has no sha256sum.
 *
 *     sha256 sum;
 *     sha256_begin(&sum);
 *     sha256_add(&sum, data, count);
 *     sha256_end(&sum, digest);
 */
#ifndef SPB_SHA256_H
#define SPB_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK_BYTES = 64 };

typedef struct sha256 {
    uint32_t state[8];
    uint64_t byte_count;
    uint8_t block[SHA256_BLOCK_BYTES]; /* the last byte_count % 64 bytes, not yet mixed in */
} sha256;

void sha256_begin(sha256 *sum);
void sha256_add(sha256 *sum, const void *data, size_t count);
void sha256_end(sha256 *sum, uint8_t digest[SHA256_BYTES]);

#endif
