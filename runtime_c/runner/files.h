/* Whole files and the runner's memory, aligned as the library wants it. */
#ifndef SPB_FILES_H
#define SPB_FILES_H

#include <stddef.h>
#include <stdint.h>

typedef struct file_bytes {
    uint8_t *data; /* aligned to 64; never NULL on success, free it */
    size_t count;
} file_bytes;

typedef enum file_result { FILE_READ = 0, FILE_UNREADABLE = 1, FILE_NO_MEMORY = 2 } file_result;

/* NULL where there is no memory. */
void *aligned_bytes(size_t count);

/* At most 2 GB. On FILE_UNREADABLE errno says why. */
file_result read_whole_file(const char *path, file_bytes *file);

#endif
