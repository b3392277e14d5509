/* zlib's CRC-32 (reflected polynomial 0xEDB88320), by nibbles: 64 bytes of table. */
#ifndef SPB_CRC32_H
#define SPB_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues from `crc`, 0 to begin: spb_crc32(spb_crc32(0, a), b) is the CRC of a followed by b. */
uint32_t spb_crc32(uint32_t crc, const uint8_t *data, size_t bytes);

#endif
