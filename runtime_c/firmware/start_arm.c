/* Reset of a Cortex-M: memory, FPU, main; a fault ends the program with exit code 99. */
#include <stdint.h>

#include "semihosting.h"

extern uint32_t stack_top, data_from, data_begin, data_end, bss_begin, bss_end;
int main(void);
void reset(void);

static void fault(void) { leave(99); }

typedef struct vectors {
    uint32_t *stack;
    void (*handler[15])(void);
} vectors;

__attribute__((section(".vectors"), used)) static const vectors table = {
    &stack_top, {reset, fault, fault, fault, fault, fault, fault}};

void reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: the coprocessors that are the FPU */
    __asm__ volatile("dsb\nisb" ::: "memory");
#endif
    const uint32_t *from = &data_from;
    for (uint32_t *to = &data_begin; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_begin; to < &bss_end;)
        *to++ = 0;
    leave(main());
}
