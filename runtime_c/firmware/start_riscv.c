/* Reset of a RISC-V core in machine mode: stack, memory, main; a trap ends the program with exit code 99. */
#include <stdint.h>

#include "semihosting.h"

extern uint32_t bss_begin, bss_end;
int main(void);
void begin(void);

__attribute__((aligned(4), used)) static void trap(void) { leave(99); }

__attribute__((naked, section(".start"), used)) void reset(void) {
    __asm__ volatile("la sp, stack_top\nj begin");
}

__attribute__((used)) void begin(void) {
    register void (*to)(void) __asm__("a0") = trap;
    __asm__ volatile(
        ".word 0x30551073" ::"r"(to)); /* csrw mtvec, a0: some assemblers want an extension named */
    for (uint32_t *to = &bss_begin; to < &bss_end;)
        *to++ = 0;
    leave(main());
}
