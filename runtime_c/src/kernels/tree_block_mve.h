/* Written by tools/tree_block_mve.py, which explains it; not to be edited by hand.
 *
 * MVE_BLOCK_<words>_<taps a word>(SEL): %[p0] .. are the planes, %[t0] .. more registers, the carry is left
 * in %[t0]; %[a0] .. are the core's; %[base] is where the offsets count from, %[taps] where they are.
 */
// clang-format off
#ifndef SPB_TREE_BLOCK_MVE_H
#define SPB_TREE_BLOCK_MVE_H

#define MB_P(n) "[p" #n "]"
#define MB_T(n) "[t" #n "]"
#define MB_A(n) "%[a" #n "]"
#define MB_EOR(d, a, b) "veor %q" d ", %q" a ", %q" b "\n"
#define MB_E(...) MB_EOR(__VA_ARGS__)
#define MB_N(d, a, b) "vand %q" d ", %q" a ", %q" b "\n"
#define MB_O(a, at) "ldrh " a ", [%[taps], #" #at "]\n"
#define MB_AB(a) "add " a ", %[base]\n"
#define MB_L(t, a) "vldrb.u8 %q" t ", [" a "]\n"
#define MB_H(t, u) "vmov.f64 %f" t ", %e" u "\n"
#define MB_WB(a) "ldr " a ", [%[base], " a "]\n"
#define MB_M(t, i, j, a, b) "vmov %q" t "[" #i "], %q" t "[" #j "], " a ", " b "\n"
#define MB_PLUS(a, b) a
#define MB_MINUS(a, b) b

#define MVE_BLOCK_2_1(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_N(MB_T(2), MB_T(2), MB_T(1)) \
    MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_E(MB_P(0), MB_P(0), MB_T(1))

#define MVE_BLOCK_4_1(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_O(MB_A(2), 4) MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_AB(MB_A(2)) \
    MB_N(MB_T(2), MB_T(2), MB_T(1)) MB_L(MB_T(3), MB_A(2)) MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_O(MB_A(3), 6) \
    MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_AB(MB_A(3)) MB_L(MB_T(2), MB_A(3)) \
    MB_E(MB_T(1), MB_P(0), SEL(MB_T(3), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(3)) MB_N(MB_T(1), MB_T(1), MB_T(2)) \
    MB_E(MB_T(3), MB_T(3), MB_T(1)) MB_E(MB_P(0), MB_P(0), MB_T(2)) MB_E(MB_T(1), MB_P(1), SEL(MB_T(0), MB_T(3))) \
    MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_N(MB_T(1), MB_T(1), MB_T(3)) MB_E(MB_T(0), MB_T(0), MB_T(1)) \
    MB_E(MB_P(1), MB_P(1), MB_T(3))

#define MVE_BLOCK_8_1(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_O(MB_A(2), 4) MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_AB(MB_A(2)) \
    MB_N(MB_T(2), MB_T(2), MB_T(1)) MB_L(MB_T(3), MB_A(2)) MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_O(MB_A(3), 6) \
    MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_AB(MB_A(3)) MB_L(MB_T(4), MB_A(3)) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(3), MB_T(4))) MB_O(MB_A(4), 8) MB_E(MB_T(4), MB_T(4), MB_T(3)) MB_AB(MB_A(4)) \
    MB_N(MB_T(2), MB_T(2), MB_T(4)) MB_O(MB_A(5), 10) MB_E(MB_T(3), MB_T(3), MB_T(2)) MB_L(MB_T(2), MB_A(4)) \
    MB_E(MB_P(0), MB_P(0), MB_T(4)) MB_AB(MB_A(5)) MB_E(MB_T(1), MB_P(1), SEL(MB_T(0), MB_T(3))) \
    MB_L(MB_T(4), MB_A(5)) MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_O(MB_A(0), 12) MB_N(MB_T(1), MB_T(1), MB_T(3)) \
    MB_AB(MB_A(0)) MB_E(MB_T(0), MB_T(0), MB_T(1)) MB_O(MB_A(1), 14) MB_E(MB_P(1), MB_P(1), MB_T(3)) \
    MB_L(MB_T(3), MB_A(0)) MB_E(MB_T(1), MB_P(0), SEL(MB_T(2), MB_T(4))) MB_AB(MB_A(1)) \
    MB_E(MB_T(4), MB_T(4), MB_T(2)) MB_N(MB_T(1), MB_T(1), MB_T(4)) MB_E(MB_T(2), MB_T(2), MB_T(1)) \
    MB_L(MB_T(1), MB_A(1)) MB_E(MB_P(0), MB_P(0), MB_T(4)) MB_E(MB_T(4), MB_P(0), SEL(MB_T(3), MB_T(1))) \
    MB_E(MB_T(1), MB_T(1), MB_T(3)) MB_N(MB_T(4), MB_T(4), MB_T(1)) MB_E(MB_T(3), MB_T(3), MB_T(4)) \
    MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_E(MB_T(4), MB_P(1), SEL(MB_T(2), MB_T(3))) MB_E(MB_T(3), MB_T(3), MB_T(2)) \
    MB_N(MB_T(4), MB_T(4), MB_T(3)) MB_E(MB_T(2), MB_T(2), MB_T(4)) MB_E(MB_P(1), MB_P(1), MB_T(3)) \
    MB_E(MB_T(1), MB_P(2), SEL(MB_T(0), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(0)) MB_N(MB_T(1), MB_T(1), MB_T(2)) \
    MB_E(MB_T(0), MB_T(0), MB_T(1)) MB_E(MB_P(2), MB_P(2), MB_T(2))

#define MVE_BLOCK_2_2(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_H(MB_T(0), MB_T(1)) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_AB(MB_A(2)) MB_L(MB_T(2), MB_A(2)) MB_AB(MB_A(3)) \
    MB_L(MB_T(1), MB_A(3)) MB_H(MB_T(2), MB_T(1)) MB_E(MB_T(1), MB_P(0), SEL(MB_T(0), MB_T(2))) \
    MB_E(MB_T(2), MB_T(2), MB_T(0)) MB_N(MB_T(1), MB_T(1), MB_T(2)) MB_E(MB_T(0), MB_T(0), MB_T(1)) \
    MB_E(MB_P(0), MB_P(0), MB_T(2))

#define MVE_BLOCK_4_2(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_H(MB_T(0), MB_T(1)) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_AB(MB_A(2)) MB_L(MB_T(2), MB_A(2)) MB_AB(MB_A(3)) \
    MB_L(MB_T(3), MB_A(3)) MB_H(MB_T(2), MB_T(3)) MB_O(MB_A(4), 8) MB_E(MB_T(1), MB_P(0), SEL(MB_T(0), MB_T(2))) \
    MB_O(MB_A(5), 10) MB_E(MB_T(2), MB_T(2), MB_T(0)) MB_AB(MB_A(4)) MB_N(MB_T(1), MB_T(1), MB_T(2)) \
    MB_L(MB_T(3), MB_A(4)) MB_E(MB_T(0), MB_T(0), MB_T(1)) MB_AB(MB_A(5)) MB_E(MB_P(0), MB_P(0), MB_T(2)) \
    MB_L(MB_T(1), MB_A(5)) MB_H(MB_T(3), MB_T(1)) MB_O(MB_A(0), 12) MB_O(MB_A(1), 14) MB_AB(MB_A(0)) \
    MB_L(MB_T(2), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) MB_H(MB_T(2), MB_T(1)) \
    MB_E(MB_T(1), MB_P(0), SEL(MB_T(3), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(3)) MB_N(MB_T(1), MB_T(1), MB_T(2)) \
    MB_E(MB_T(3), MB_T(3), MB_T(1)) MB_E(MB_P(0), MB_P(0), MB_T(2)) MB_E(MB_T(1), MB_P(1), SEL(MB_T(0), MB_T(3))) \
    MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_N(MB_T(1), MB_T(1), MB_T(3)) MB_E(MB_T(0), MB_T(0), MB_T(1)) \
    MB_E(MB_P(1), MB_P(1), MB_T(3))

#define MVE_BLOCK_8_2(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_AB(MB_A(0)) MB_L(MB_T(0), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(1), MB_A(1)) \
    MB_H(MB_T(0), MB_T(1)) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_AB(MB_A(2)) MB_L(MB_T(2), MB_A(2)) MB_AB(MB_A(3)) \
    MB_L(MB_T(3), MB_A(3)) MB_H(MB_T(2), MB_T(3)) MB_O(MB_A(4), 8) MB_E(MB_T(4), MB_P(0), SEL(MB_T(0), MB_T(2))) \
    MB_O(MB_A(5), 10) MB_E(MB_T(2), MB_T(2), MB_T(0)) MB_AB(MB_A(4)) MB_N(MB_T(4), MB_T(4), MB_T(2)) \
    MB_L(MB_T(1), MB_A(4)) MB_E(MB_T(0), MB_T(0), MB_T(4)) MB_AB(MB_A(5)) MB_E(MB_P(0), MB_P(0), MB_T(2)) \
    MB_L(MB_T(3), MB_A(5)) MB_H(MB_T(1), MB_T(3)) MB_O(MB_A(0), 12) MB_O(MB_A(1), 14) MB_AB(MB_A(0)) \
    MB_L(MB_T(4), MB_A(0)) MB_AB(MB_A(1)) MB_L(MB_T(2), MB_A(1)) MB_H(MB_T(4), MB_T(2)) MB_O(MB_A(2), 16) \
    MB_E(MB_T(3), MB_P(0), SEL(MB_T(1), MB_T(4))) MB_O(MB_A(3), 18) MB_E(MB_T(4), MB_T(4), MB_T(1)) MB_AB(MB_A(2)) \
    MB_N(MB_T(3), MB_T(3), MB_T(4)) MB_AB(MB_A(3)) MB_E(MB_T(1), MB_T(1), MB_T(3)) MB_L(MB_T(3), MB_A(2)) \
    MB_E(MB_P(0), MB_P(0), MB_T(4)) MB_L(MB_T(4), MB_A(3)) MB_E(MB_T(2), MB_P(1), SEL(MB_T(0), MB_T(1))) \
    MB_O(MB_A(4), 20) MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_O(MB_A(5), 22) MB_N(MB_T(2), MB_T(2), MB_T(1)) \
    MB_AB(MB_A(4)) MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_L(MB_T(2), MB_A(4)) MB_E(MB_P(1), MB_P(1), MB_T(1)) \
    MB_AB(MB_A(5)) MB_H(MB_T(3), MB_T(4)) MB_L(MB_T(1), MB_A(5)) MB_H(MB_T(2), MB_T(1)) MB_O(MB_A(0), 24) \
    MB_E(MB_T(4), MB_P(0), SEL(MB_T(3), MB_T(2))) MB_O(MB_A(1), 26) MB_E(MB_T(2), MB_T(2), MB_T(3)) MB_AB(MB_A(0)) \
    MB_N(MB_T(4), MB_T(4), MB_T(2)) MB_L(MB_T(1), MB_A(0)) MB_E(MB_T(3), MB_T(3), MB_T(4)) MB_AB(MB_A(1)) \
    MB_E(MB_P(0), MB_P(0), MB_T(2)) MB_L(MB_T(4), MB_A(1)) MB_H(MB_T(1), MB_T(4)) MB_O(MB_A(2), 28) \
    MB_O(MB_A(3), 30) MB_AB(MB_A(2)) MB_L(MB_T(2), MB_A(2)) MB_AB(MB_A(3)) MB_L(MB_T(4), MB_A(3)) \
    MB_H(MB_T(2), MB_T(4)) MB_E(MB_T(4), MB_P(0), SEL(MB_T(1), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(1)) \
    MB_N(MB_T(4), MB_T(4), MB_T(2)) MB_E(MB_T(1), MB_T(1), MB_T(4)) MB_E(MB_P(0), MB_P(0), MB_T(2)) \
    MB_E(MB_T(4), MB_P(1), SEL(MB_T(3), MB_T(1))) MB_E(MB_T(1), MB_T(1), MB_T(3)) MB_N(MB_T(4), MB_T(4), MB_T(1)) \
    MB_E(MB_T(3), MB_T(3), MB_T(4)) MB_E(MB_P(1), MB_P(1), MB_T(1)) MB_E(MB_T(2), MB_P(2), SEL(MB_T(0), MB_T(3))) \
    MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_N(MB_T(2), MB_T(2), MB_T(3)) MB_E(MB_T(0), MB_T(0), MB_T(2)) \
    MB_E(MB_P(2), MB_P(2), MB_T(3))

#define MVE_BLOCK_2_4(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_WB(MB_A(0)) MB_WB(MB_A(1)) MB_WB(MB_A(2)) \
    MB_WB(MB_A(3)) MB_M(MB_T(0), 2, 0, MB_A(0), MB_A(2)) MB_O(MB_A(4), 8) MB_M(MB_T(0), 3, 1, MB_A(1), MB_A(3)) \
    MB_O(MB_A(5), 10) MB_O(MB_A(0), 12) MB_O(MB_A(1), 14) MB_WB(MB_A(4)) MB_WB(MB_A(5)) MB_WB(MB_A(0)) \
    MB_WB(MB_A(1)) MB_M(MB_T(1), 2, 0, MB_A(4), MB_A(0)) MB_M(MB_T(1), 3, 1, MB_A(5), MB_A(1)) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_N(MB_T(2), MB_T(2), MB_T(1)) \
    MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_E(MB_P(0), MB_P(0), MB_T(1))

#define MVE_BLOCK_4_4(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_WB(MB_A(0)) MB_WB(MB_A(1)) MB_WB(MB_A(2)) \
    MB_WB(MB_A(3)) MB_M(MB_T(0), 2, 0, MB_A(0), MB_A(2)) MB_O(MB_A(4), 8) MB_M(MB_T(0), 3, 1, MB_A(1), MB_A(3)) \
    MB_O(MB_A(5), 10) MB_O(MB_A(0), 12) MB_O(MB_A(1), 14) MB_WB(MB_A(4)) MB_WB(MB_A(5)) MB_WB(MB_A(0)) \
    MB_WB(MB_A(1)) MB_M(MB_T(1), 2, 0, MB_A(4), MB_A(0)) MB_O(MB_A(2), 16) MB_M(MB_T(1), 3, 1, MB_A(5), MB_A(1)) \
    MB_O(MB_A(3), 18) MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_O(MB_A(4), 20) \
    MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_O(MB_A(5), 22) MB_N(MB_T(2), MB_T(2), MB_T(1)) MB_WB(MB_A(2)) \
    MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_WB(MB_A(3)) MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_WB(MB_A(4)) MB_WB(MB_A(5)) \
    MB_M(MB_T(3), 2, 0, MB_A(2), MB_A(4)) MB_O(MB_A(0), 24) MB_M(MB_T(3), 3, 1, MB_A(3), MB_A(5)) MB_O(MB_A(1), 26) \
    MB_O(MB_A(2), 28) MB_O(MB_A(3), 30) MB_WB(MB_A(0)) MB_WB(MB_A(1)) MB_WB(MB_A(2)) MB_WB(MB_A(3)) \
    MB_M(MB_T(2), 2, 0, MB_A(0), MB_A(2)) MB_M(MB_T(2), 3, 1, MB_A(1), MB_A(3)) \
    MB_E(MB_T(1), MB_P(0), SEL(MB_T(3), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(3)) MB_N(MB_T(1), MB_T(1), MB_T(2)) \
    MB_E(MB_T(3), MB_T(3), MB_T(1)) MB_E(MB_P(0), MB_P(0), MB_T(2)) MB_E(MB_T(1), MB_P(1), SEL(MB_T(0), MB_T(3))) \
    MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_N(MB_T(1), MB_T(1), MB_T(3)) MB_E(MB_T(0), MB_T(0), MB_T(1)) \
    MB_E(MB_P(1), MB_P(1), MB_T(3))

#define MVE_BLOCK_8_4(SEL) \
    MB_O(MB_A(0), 0) MB_O(MB_A(1), 2) MB_O(MB_A(2), 4) MB_O(MB_A(3), 6) MB_WB(MB_A(0)) MB_WB(MB_A(1)) MB_WB(MB_A(2)) \
    MB_WB(MB_A(3)) MB_M(MB_T(0), 2, 0, MB_A(0), MB_A(2)) MB_O(MB_A(4), 8) MB_M(MB_T(0), 3, 1, MB_A(1), MB_A(3)) \
    MB_O(MB_A(5), 10) MB_O(MB_A(0), 12) MB_O(MB_A(1), 14) MB_WB(MB_A(4)) MB_WB(MB_A(5)) MB_WB(MB_A(0)) \
    MB_WB(MB_A(1)) MB_M(MB_T(1), 2, 0, MB_A(4), MB_A(0)) MB_O(MB_A(2), 16) MB_M(MB_T(1), 3, 1, MB_A(5), MB_A(1)) \
    MB_O(MB_A(3), 18) MB_E(MB_T(2), MB_P(0), SEL(MB_T(0), MB_T(1))) MB_O(MB_A(4), 20) \
    MB_E(MB_T(1), MB_T(1), MB_T(0)) MB_O(MB_A(5), 22) MB_N(MB_T(2), MB_T(2), MB_T(1)) MB_WB(MB_A(2)) \
    MB_E(MB_T(0), MB_T(0), MB_T(2)) MB_WB(MB_A(3)) MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_WB(MB_A(4)) MB_WB(MB_A(5)) \
    MB_M(MB_T(3), 2, 0, MB_A(2), MB_A(4)) MB_O(MB_A(0), 24) MB_M(MB_T(3), 3, 1, MB_A(3), MB_A(5)) MB_O(MB_A(1), 26) \
    MB_O(MB_A(2), 28) MB_O(MB_A(3), 30) MB_WB(MB_A(0)) MB_WB(MB_A(1)) MB_WB(MB_A(2)) MB_WB(MB_A(3)) \
    MB_M(MB_T(4), 2, 0, MB_A(0), MB_A(2)) MB_O(MB_A(4), 32) MB_M(MB_T(4), 3, 1, MB_A(1), MB_A(3)) MB_O(MB_A(5), 34) \
    MB_E(MB_T(2), MB_P(0), SEL(MB_T(3), MB_T(4))) MB_O(MB_A(0), 36) MB_E(MB_T(4), MB_T(4), MB_T(3)) \
    MB_O(MB_A(1), 38) MB_N(MB_T(2), MB_T(2), MB_T(4)) MB_WB(MB_A(4)) MB_E(MB_T(3), MB_T(3), MB_T(2)) MB_WB(MB_A(5)) \
    MB_E(MB_P(0), MB_P(0), MB_T(4)) MB_WB(MB_A(0)) MB_E(MB_T(1), MB_P(1), SEL(MB_T(0), MB_T(3))) MB_WB(MB_A(1)) \
    MB_E(MB_T(3), MB_T(3), MB_T(0)) MB_O(MB_A(2), 40) MB_N(MB_T(1), MB_T(1), MB_T(3)) MB_O(MB_A(3), 42) \
    MB_E(MB_T(0), MB_T(0), MB_T(1)) MB_WB(MB_A(2)) MB_E(MB_P(1), MB_P(1), MB_T(3)) MB_WB(MB_A(3)) \
    MB_M(MB_T(2), 2, 0, MB_A(4), MB_A(0)) MB_O(MB_A(4), 44) MB_M(MB_T(2), 3, 1, MB_A(5), MB_A(1)) MB_O(MB_A(5), 46) \
    MB_WB(MB_A(4)) MB_WB(MB_A(5)) MB_M(MB_T(4), 2, 0, MB_A(2), MB_A(4)) MB_O(MB_A(0), 48) \
    MB_M(MB_T(4), 3, 1, MB_A(3), MB_A(5)) MB_O(MB_A(1), 50) MB_E(MB_T(1), MB_P(0), SEL(MB_T(2), MB_T(4))) \
    MB_O(MB_A(2), 52) MB_E(MB_T(4), MB_T(4), MB_T(2)) MB_O(MB_A(3), 54) MB_N(MB_T(1), MB_T(1), MB_T(4)) \
    MB_WB(MB_A(0)) MB_E(MB_T(2), MB_T(2), MB_T(1)) MB_WB(MB_A(1)) MB_E(MB_P(0), MB_P(0), MB_T(4)) MB_WB(MB_A(2)) \
    MB_WB(MB_A(3)) MB_M(MB_T(3), 2, 0, MB_A(0), MB_A(2)) MB_O(MB_A(4), 56) MB_M(MB_T(3), 3, 1, MB_A(1), MB_A(3)) \
    MB_O(MB_A(5), 58) MB_O(MB_A(0), 60) MB_O(MB_A(1), 62) MB_WB(MB_A(4)) MB_WB(MB_A(5)) MB_WB(MB_A(0)) \
    MB_WB(MB_A(1)) MB_M(MB_T(1), 2, 0, MB_A(4), MB_A(0)) MB_M(MB_T(1), 3, 1, MB_A(5), MB_A(1)) \
    MB_E(MB_T(4), MB_P(0), SEL(MB_T(3), MB_T(1))) MB_E(MB_T(1), MB_T(1), MB_T(3)) MB_N(MB_T(4), MB_T(4), MB_T(1)) \
    MB_E(MB_T(3), MB_T(3), MB_T(4)) MB_E(MB_P(0), MB_P(0), MB_T(1)) MB_E(MB_T(4), MB_P(1), SEL(MB_T(2), MB_T(3))) \
    MB_E(MB_T(3), MB_T(3), MB_T(2)) MB_N(MB_T(4), MB_T(4), MB_T(3)) MB_E(MB_T(2), MB_T(2), MB_T(4)) \
    MB_E(MB_P(1), MB_P(1), MB_T(3)) MB_E(MB_T(1), MB_P(2), SEL(MB_T(0), MB_T(2))) MB_E(MB_T(2), MB_T(2), MB_T(0)) \
    MB_N(MB_T(1), MB_T(1), MB_T(2)) MB_E(MB_T(0), MB_T(0), MB_T(1)) MB_E(MB_P(2), MB_P(2), MB_T(2))

#endif
