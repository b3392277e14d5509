#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 64, FIRST_BYTES = 1 << 16 };
static const size_t MAX_BYTES = (size_t)1 << 31;

void *aligned_bytes(size_t count) {
    if (count > SIZE_MAX - ALIGN)
        return NULL;
    size_t rounded = (count + ALIGN - 1) / ALIGN * ALIGN;
    return aligned_alloc(ALIGN, rounded ? rounded : ALIGN);
}

/* Twice the room, the old content kept: realloc would not keep the alignment. */
static int grow(file_bytes *file, size_t *room) {
    size_t wanted = *room * 2;
    uint8_t *larger = aligned_bytes(wanted);
    if (!larger)
        return 0;
    for (size_t i = 0; i < file->count; i++)
        larger[i] = file->data[i];
    free(file->data);
    file->data = larger;
    *room = wanted;
    return 1;
}

/* By reading, not by asking for the size: pipes and /dev/stdin have none. */
file_result read_whole_file(const char *path, file_bytes *file) {
    size_t room = FIRST_BYTES;
    file->count = 0;
    file->data = NULL;
    FILE *from = fopen(path, "rb");
    if (!from)
        return FILE_UNREADABLE;
    file->data = aligned_bytes(room);
    file_result result = file->data ? FILE_READ : FILE_NO_MEMORY;
    while (result == FILE_READ) {
        file->count += fread(file->data + file->count, 1, room - file->count, from);
        if (file->count < room) {
            if (ferror(from))
                result = FILE_UNREADABLE;
            break;
        }
        if (room >= MAX_BYTES) {
            errno = EFBIG;
            result = FILE_UNREADABLE;
        } else if (!grow(file, &room)) {
            result = FILE_NO_MEMORY;
        }
    }
    int why = errno;
    fclose(from);
    errno = why;
    if (result != FILE_READ) {
        free(file->data);
        file->data = NULL;
    }
    return result;
}
