/* Semihosting: a program without a screen prints through its debugger, or through qemu
 * (-semihosting-config enable=on,target=native). */
#ifndef SPB_SEMIHOSTING_H
#define SPB_SEMIHOSTING_H

#include <stdint.h>

enum { SEMIHOSTING_WRITE0 = 0x04, SEMIHOSTING_EXIT_EXTENDED = 0x20, SEMIHOSTING_APPLICATION_EXIT = 0x20026 };

static inline void semihosting_call(uint32_t operation, const void *argument) {
#if defined(__arm__)
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#else
    register uint32_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".balign 16\n.option push\n.option norvc\n" /* the three must lie in one page */
                     "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
#endif
}

static inline void print(const char *text) { semihosting_call(SEMIHOSTING_WRITE0, text); }

static inline void print_hex(uint32_t value) {
    char text[9];
    for (int i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    text[8] = 0;
    print(text);
}

/* Does not return. */
static inline void leave(int code) {
    uint32_t block[2] = {SEMIHOSTING_APPLICATION_EXIT, (uint32_t)code};
    semihosting_call(SEMIHOSTING_EXIT_EXTENDED, block);
    for (;;) {
    }
}

#endif
