/* What compilers expect of a C library even without one. Build with -fno-builtin, and for gcc with
 * -fno-tree-loop-distribute-patterns, or each of these becomes a call of itself. */
#include <stdint.h>
#include <string.h>

enum { WORD = sizeof(uint32_t) };

static int is_aligned(const void *p) { return (uintptr_t)p % WORD == 0; }

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (is_aligned(t) && is_aligned(f)) {
        for (; bytes >= WORD; bytes -= WORD, t += WORD, f += WORD)
            *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
    }
    for (; bytes; bytes--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t <= f) {
        for (; bytes; bytes--)
            *t++ = *f++;
    } else {
        for (; bytes; bytes--)
            t[bytes - 1] = f[bytes - 1];
    }
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    uint8_t *t = to;
    uint32_t word = (uint8_t)value * 0x01010101u;
    for (; bytes && !is_aligned(t); bytes--)
        *t++ = (uint8_t)value;
    for (; bytes >= WORD; bytes -= WORD, t += WORD)
        *(uint32_t *)(void *)t = word;
    for (; bytes; bytes--)
        *t++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const uint8_t *x = a, *y = b;
    for (; bytes; bytes--, x++, y++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *in, int value, size_t bytes) {
    const uint8_t *x = in;
    for (; bytes; bytes--, x++) {
        if (*x == (uint8_t)value)
            return (void *)(uintptr_t)x;
    }
    return NULL;
}

#if defined(__arm__)
/* The names that clang calls them by, of the ARM run-time ABI; memset's has its operands turned round. */
void __aeabi_memcpy(void *to, const void *from, size_t bytes);
void __aeabi_memcpy4(void *to, const void *from, size_t bytes);
void __aeabi_memcpy8(void *to, const void *from, size_t bytes);
void __aeabi_memset(void *to, size_t bytes, int value);
void __aeabi_memset4(void *to, size_t bytes, int value);
void __aeabi_memset8(void *to, size_t bytes, int value);
void __aeabi_memclr(void *to, size_t bytes);
void __aeabi_memclr4(void *to, size_t bytes);
void __aeabi_memclr8(void *to, size_t bytes);

void __aeabi_memcpy(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }
void __aeabi_memcpy4(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }
void __aeabi_memcpy8(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }
void __aeabi_memset(void *to, size_t bytes, int value) { memset(to, value, bytes); }
void __aeabi_memset4(void *to, size_t bytes, int value) { memset(to, value, bytes); }
void __aeabi_memset8(void *to, size_t bytes, int value) { memset(to, value, bytes); }
void __aeabi_memclr(void *to, size_t bytes) { memset(to, 0, bytes); }
void __aeabi_memclr4(void *to, size_t bytes) { memset(to, 0, bytes); }
void __aeabi_memclr8(void *to, size_t bytes) { memset(to, 0, bytes); }
#endif
