/* Written by tools/tree_block.py, which explains it; not to be edited by hand.
 *
 * TREE_BLOCK_<words>_<taps a word>(TB_SEL): operands 0 .. are the planes' q registers, plane by plane; the
 * carries are left in v14 and v15; %[base] is where the offsets count from, %[taps] where they are.
 */
// clang-format off
#ifndef SPB_TREE_BLOCK_AARCH64_H
#define SPB_TREE_BLOCK_AARCH64_H

#define TB_V(n) "v" #n
#define TB_K(n) "%" #n
#define TB_X(n) "x" #n
#define TB_E(d, a, b) "eor " d ".16b, " a ".16b, " b ".16b\n"
#define TB_BSL(t, a, b) "bsl " t ".16b, " a ".16b, " b ".16b\n"
#define TB_B(...) TB_BSL(__VA_ARGS__)
#define TB_LQ(n, x, at) "ldr q" #n ", [" x ", #" #at "]\n"
#define TB_LD(n, x) "ldr d" #n ", [" x "]\n"
#define TB_LI(n, x) "ld1 {v" #n ".d}[1], [" x "]\n"
#define TB_AL(x, w) "add " x ", %[base], w" #w ", uxth\n"
#define TB_AH(x, w) "add " x ", %[base], x" #w ", lsr #16\n"
#define TB_P(a, b, at) "ldp w" #a ", w" #b ", [%[taps], #" #at "]\n"
#define TB_PLUS(b, a) b, a
#define TB_MINUS(b, a) a, b

#define TREE_BLOCK_16_1(TB_SEL) \
    TB_P(14, 15, 0) TB_P(16, 17, 8) TB_AL(TB_X(6), 14) TB_AH(TB_X(7), 14) TB_AL(TB_X(8), 15) TB_LQ(31, TB_X(6), 0) \
    TB_AH(TB_X(9), 15) TB_LQ(30, TB_X(6), 16) TB_AL(TB_X(6), 16) TB_LQ(29, TB_X(7), 0) TB_AH(TB_X(10), 16) \
    TB_LQ(28, TB_X(7), 16) TB_AL(TB_X(7), 17) TB_LQ(27, TB_X(8), 0) TB_AH(TB_X(11), 17) TB_LQ(26, TB_X(8), 16) \
    TB_LQ(25, TB_X(9), 0) TB_LQ(24, TB_X(9), 16) TB_LQ(23, TB_X(6), 0) TB_LQ(22, TB_X(6), 16) TB_LQ(21, TB_X(10), 0) \
    TB_LQ(20, TB_X(10), 16) TB_LQ(19, TB_X(7), 0) TB_LQ(18, TB_X(7), 16) TB_LQ(17, TB_X(11), 0) \
    TB_E(TB_V(16), TB_K(0), TB_V(31)) TB_E(TB_V(15), TB_K(1), TB_V(30)) TB_E(TB_V(14), TB_V(23), TB_V(27)) \
    TB_P(17, 16, 16) TB_P(15, 14, 24) TB_E(TB_K(0), TB_V(16), TB_V(29)) TB_B(TB_V(16), TB_SEL(TB_V(29), TB_V(31))) \
    TB_E(TB_K(1), TB_V(15), TB_V(28)) TB_B(TB_V(15), TB_SEL(TB_V(28), TB_V(30))) TB_E(TB_V(23), TB_V(14), TB_V(25)) \
    TB_B(TB_V(14), TB_V(25), TB_V(27)) TB_E(TB_V(31), TB_V(22), TB_V(26)) TB_E(TB_V(30), TB_K(2), TB_V(16)) \
    TB_E(TB_V(29), TB_V(17), TB_V(21)) TB_E(TB_V(28), TB_K(1), TB_V(20)) TB_AL(TB_X(7), 17) TB_AH(TB_X(10), 17) \
    TB_E(TB_V(22), TB_V(31), TB_V(24)) TB_E(TB_K(2), TB_V(30), TB_V(14)) TB_B(TB_V(30), TB_SEL(TB_V(14), TB_V(16))) \
    TB_B(TB_V(31), TB_V(24), TB_V(26)) TB_E(TB_V(27), TB_K(3), TB_V(15)) TB_E(TB_V(17), TB_V(29), TB_V(19)) \
    TB_B(TB_V(29), TB_V(19), TB_V(21)) TB_E(TB_K(1), TB_V(28), TB_V(18)) TB_B(TB_V(28), TB_SEL(TB_V(18), TB_V(20))) \
    TB_LQ(26, TB_X(11), 16) TB_AL(TB_X(11), 16) TB_LQ(25, TB_X(7), 0) TB_AH(TB_X(6), 16) TB_LQ(24, TB_X(7), 16) \
    TB_AL(TB_X(7), 15) TB_LQ(21, TB_X(10), 0) TB_AH(TB_X(9), 15) TB_LQ(20, TB_X(10), 16) TB_AL(TB_X(10), 14) \
    TB_LQ(19, TB_X(11), 0) TB_AH(TB_X(8), 14) TB_E(TB_K(3), TB_V(27), TB_V(31)) \
    TB_B(TB_V(27), TB_SEL(TB_V(31), TB_V(15))) TB_E(TB_V(31), TB_K(0), TB_V(23)) TB_E(TB_V(18), TB_K(1), TB_V(22)) \
    TB_E(TB_V(16), TB_V(19), TB_V(25)) TB_E(TB_K(0), TB_V(31), TB_V(17)) TB_B(TB_V(31), TB_SEL(TB_V(17), TB_V(23))) \
    TB_E(TB_V(23), TB_K(2), TB_V(29)) TB_E(TB_K(1), TB_V(18), TB_V(26)) TB_B(TB_V(18), TB_SEL(TB_V(26), TB_V(22))) \
    TB_E(TB_V(26), TB_K(3), TB_V(28)) TB_E(TB_V(19), TB_V(16), TB_V(21)) TB_B(TB_V(16), TB_V(21), TB_V(25)) \
    TB_E(TB_K(2), TB_V(23), TB_V(31)) TB_B(TB_V(23), TB_SEL(TB_V(31), TB_V(29))) TB_LQ(31, TB_X(11), 16) \
    TB_LQ(29, TB_X(6), 0) TB_LQ(25, TB_X(6), 16) TB_LQ(22, TB_X(7), 0) TB_LQ(21, TB_X(7), 16) \
    TB_E(TB_V(17), TB_K(4), TB_V(30)) TB_E(TB_K(3), TB_V(26), TB_V(18)) TB_B(TB_V(26), TB_SEL(TB_V(18), TB_V(28))) \
    TB_E(TB_V(28), TB_K(5), TB_V(27)) TB_E(TB_V(18), TB_K(1), TB_V(24)) TB_E(TB_V(15), TB_K(0), TB_V(19)) \
    TB_E(TB_K(4), TB_V(17), TB_V(23)) TB_B(TB_V(17), TB_SEL(TB_V(23), TB_V(30))) TB_E(TB_V(30), TB_V(21), TB_V(31)) \
    TB_E(TB_K(5), TB_V(28), TB_V(26)) TB_B(TB_V(28), TB_SEL(TB_V(26), TB_V(27))) TB_E(TB_K(1), TB_V(18), TB_V(20)) \
    TB_B(TB_V(18), TB_SEL(TB_V(20), TB_V(24))) TB_E(TB_K(0), TB_V(15), TB_V(29)) \
    TB_B(TB_V(15), TB_SEL(TB_V(29), TB_V(19))) TB_LQ(29, TB_X(9), 0) TB_LQ(27, TB_X(9), 16) TB_LQ(26, TB_X(10), 0) \
    TB_LQ(24, TB_X(10), 16) TB_LQ(23, TB_X(8), 0) TB_E(TB_V(20), TB_K(2), TB_V(16)) \
    TB_E(TB_V(21), TB_V(30), TB_V(25)) TB_B(TB_V(30), TB_V(25), TB_V(31)) TB_E(TB_V(31), TB_K(3), TB_V(18)) \
    TB_E(TB_V(25), TB_K(0), TB_V(22)) TB_E(TB_V(19), TB_K(1), TB_V(27)) TB_E(TB_K(2), TB_V(20), TB_V(15)) \
    TB_B(TB_V(20), TB_SEL(TB_V(15), TB_V(16))) TB_E(TB_K(3), TB_V(31), TB_V(30)) \
    TB_B(TB_V(31), TB_SEL(TB_V(30), TB_V(18))) TB_E(TB_K(0), TB_V(25), TB_V(29)) \
    TB_B(TB_V(25), TB_SEL(TB_V(29), TB_V(22))) TB_E(TB_K(1), TB_V(19), TB_V(24)) \
    TB_B(TB_V(19), TB_SEL(TB_V(24), TB_V(27))) TB_LQ(30, TB_X(8), 16) TB_E(TB_V(29), TB_K(0), TB_V(26)) \
    TB_E(TB_V(27), TB_K(1), TB_V(21)) TB_E(TB_K(0), TB_V(29), TB_V(23)) TB_B(TB_V(29), TB_SEL(TB_V(23), TB_V(26))) \
    TB_E(TB_V(26), TB_K(2), TB_V(25)) TB_E(TB_K(1), TB_V(27), TB_V(30)) TB_B(TB_V(27), TB_SEL(TB_V(30), TB_V(21))) \
    TB_E(TB_V(30), TB_K(3), TB_V(19)) TB_E(TB_K(2), TB_V(26), TB_V(29)) TB_B(TB_V(26), TB_SEL(TB_V(29), TB_V(25))) \
    TB_E(TB_V(29), TB_K(4), TB_V(20)) TB_E(TB_K(3), TB_V(30), TB_V(27)) TB_B(TB_V(30), TB_SEL(TB_V(27), TB_V(19))) \
    TB_E(TB_V(27), TB_K(5), TB_V(31)) TB_E(TB_K(4), TB_V(29), TB_V(26)) TB_B(TB_V(29), TB_SEL(TB_V(26), TB_V(20))) \
    TB_E(TB_V(14), TB_K(6), TB_V(17)) TB_E(TB_K(5), TB_V(27), TB_V(30)) TB_B(TB_V(27), TB_SEL(TB_V(30), TB_V(31))) \
    TB_E(TB_V(15), TB_K(7), TB_V(28)) TB_E(TB_K(6), TB_V(14), TB_V(29)) TB_B(TB_V(14), TB_SEL(TB_V(29), TB_V(17))) \
    TB_E(TB_K(7), TB_V(15), TB_V(27)) TB_B(TB_V(15), TB_SEL(TB_V(27), TB_V(28)))

#define TREE_BLOCK_8_1(TB_SEL) \
    TB_P(14, 15, 0) TB_P(16, 17, 8) TB_AL(TB_X(6), 14) TB_AH(TB_X(7), 14) TB_AL(TB_X(8), 15) TB_LQ(31, TB_X(6), 0) \
    TB_AH(TB_X(9), 15) TB_LQ(30, TB_X(6), 16) TB_AL(TB_X(6), 16) TB_LQ(29, TB_X(7), 0) TB_AH(TB_X(10), 16) \
    TB_LQ(28, TB_X(7), 16) TB_AL(TB_X(7), 17) TB_LQ(27, TB_X(8), 0) TB_AH(TB_X(11), 17) TB_LQ(26, TB_X(8), 16) \
    TB_LQ(25, TB_X(9), 0) TB_LQ(24, TB_X(9), 16) TB_LQ(23, TB_X(6), 0) TB_LQ(22, TB_X(6), 16) TB_LQ(21, TB_X(10), 0) \
    TB_LQ(20, TB_X(10), 16) TB_LQ(19, TB_X(7), 0) TB_LQ(18, TB_X(7), 16) TB_LQ(17, TB_X(11), 0) \
    TB_E(TB_V(16), TB_K(0), TB_V(31)) TB_E(TB_V(15), TB_K(1), TB_V(30)) TB_E(TB_V(14), TB_V(23), TB_V(27)) \
    TB_E(TB_K(0), TB_V(16), TB_V(29)) TB_B(TB_V(16), TB_SEL(TB_V(29), TB_V(31))) TB_E(TB_K(1), TB_V(15), TB_V(28)) \
    TB_B(TB_V(15), TB_SEL(TB_V(28), TB_V(30))) TB_E(TB_V(23), TB_V(14), TB_V(25)) TB_B(TB_V(14), TB_V(25), TB_V(27)) \
    TB_E(TB_V(31), TB_V(22), TB_V(26)) TB_E(TB_V(30), TB_K(2), TB_V(16)) TB_E(TB_V(29), TB_V(17), TB_V(21)) \
    TB_E(TB_V(28), TB_K(1), TB_V(20)) TB_E(TB_V(22), TB_V(31), TB_V(24)) TB_E(TB_K(2), TB_V(30), TB_V(14)) \
    TB_B(TB_V(30), TB_SEL(TB_V(14), TB_V(16))) TB_B(TB_V(31), TB_V(24), TB_V(26)) TB_E(TB_V(27), TB_K(3), TB_V(15)) \
    TB_E(TB_V(17), TB_V(29), TB_V(19)) TB_B(TB_V(29), TB_V(19), TB_V(21)) TB_E(TB_K(1), TB_V(28), TB_V(18)) \
    TB_B(TB_V(28), TB_SEL(TB_V(18), TB_V(20))) TB_LQ(26, TB_X(11), 16) TB_E(TB_K(3), TB_V(27), TB_V(31)) \
    TB_B(TB_V(27), TB_SEL(TB_V(31), TB_V(15))) TB_E(TB_V(31), TB_K(0), TB_V(23)) TB_E(TB_V(25), TB_K(1), TB_V(22)) \
    TB_E(TB_K(0), TB_V(31), TB_V(17)) TB_B(TB_V(31), TB_SEL(TB_V(17), TB_V(23))) TB_E(TB_V(24), TB_K(2), TB_V(29)) \
    TB_E(TB_K(1), TB_V(25), TB_V(26)) TB_B(TB_V(25), TB_SEL(TB_V(26), TB_V(22))) TB_E(TB_V(26), TB_K(3), TB_V(28)) \
    TB_E(TB_K(2), TB_V(24), TB_V(31)) TB_B(TB_V(24), TB_SEL(TB_V(31), TB_V(29))) TB_E(TB_V(14), TB_K(4), TB_V(30)) \
    TB_E(TB_K(3), TB_V(26), TB_V(25)) TB_B(TB_V(26), TB_SEL(TB_V(25), TB_V(28))) TB_E(TB_V(15), TB_K(5), TB_V(27)) \
    TB_E(TB_K(4), TB_V(14), TB_V(24)) TB_B(TB_V(14), TB_SEL(TB_V(24), TB_V(30))) TB_E(TB_K(5), TB_V(15), TB_V(26)) \
    TB_B(TB_V(15), TB_SEL(TB_V(26), TB_V(27)))

#define TREE_BLOCK_16_4(TB_SEL) \
    TB_P(14, 15, 0) TB_P(16, 17, 8) TB_AL(TB_X(6), 14) TB_AH(TB_X(7), 14) TB_AL(TB_X(8), 15) TB_LD(31, TB_X(6)) \
    TB_AH(TB_X(6), 15) TB_AL(TB_X(9), 16) TB_P(15, 14, 16) TB_LD(30, TB_X(8)) TB_AH(TB_X(8), 16) TB_AL(TB_X(10), 17) \
    TB_LD(29, TB_X(9)) TB_AH(TB_X(9), 17) TB_AL(TB_X(11), 15) TB_P(17, 16, 24) TB_LD(28, TB_X(10)) \
    TB_AH(TB_X(10), 15) TB_LI(31, TB_X(7)) TB_AL(TB_X(7), 14) TB_LI(30, TB_X(6)) TB_AH(TB_X(6), 14) \
    TB_LI(29, TB_X(8)) TB_AL(TB_X(8), 17) TB_LI(28, TB_X(9)) TB_AH(TB_X(9), 17) TB_LD(27, TB_X(11)) \
    TB_AL(TB_X(11), 16) TB_LD(26, TB_X(7)) TB_AH(TB_X(7), 16) TB_LD(25, TB_X(8)) TB_LD(24, TB_X(11)) \
    TB_LI(27, TB_X(10)) TB_LI(26, TB_X(6)) TB_LI(25, TB_X(9)) TB_LI(24, TB_X(7)) TB_P(16, 17, 32) TB_P(14, 15, 40) \
    TB_AL(TB_X(7), 16) TB_AH(TB_X(9), 16) TB_AL(TB_X(6), 17) TB_LD(23, TB_X(7)) TB_AH(TB_X(7), 17) \
    TB_AL(TB_X(10), 14) TB_P(17, 16, 48) TB_LD(22, TB_X(6)) TB_AH(TB_X(6), 14) TB_AL(TB_X(11), 15) \
    TB_LD(21, TB_X(10)) TB_AH(TB_X(10), 15) TB_AL(TB_X(8), 17) TB_P(15, 14, 56) TB_LD(20, TB_X(11)) \
    TB_AH(TB_X(11), 17) TB_LI(23, TB_X(9)) TB_AL(TB_X(9), 16) TB_LI(22, TB_X(7)) TB_AH(TB_X(7), 16) \
    TB_LI(21, TB_X(6)) TB_AL(TB_X(6), 15) TB_LI(20, TB_X(10)) TB_AH(TB_X(10), 15) TB_LD(19, TB_X(8)) \
    TB_AL(TB_X(8), 14) TB_LD(18, TB_X(9)) TB_AH(TB_X(9), 14) TB_LD(17, TB_X(6)) TB_E(TB_V(16), TB_K(0), TB_V(31)) \
    TB_E(TB_V(15), TB_K(1), TB_V(30)) TB_E(TB_V(14), TB_V(23), TB_V(27)) TB_P(14, 15, 64) TB_P(16, 17, 72) \
    TB_E(TB_K(0), TB_V(16), TB_V(29)) TB_B(TB_V(16), TB_SEL(TB_V(29), TB_V(31))) TB_E(TB_K(1), TB_V(15), TB_V(28)) \
    TB_B(TB_V(15), TB_SEL(TB_V(28), TB_V(30))) TB_E(TB_V(23), TB_V(14), TB_V(25)) TB_B(TB_V(14), TB_V(25), TB_V(27)) \
    TB_E(TB_V(31), TB_V(22), TB_V(26)) TB_E(TB_V(30), TB_K(2), TB_V(16)) TB_E(TB_V(29), TB_K(0), TB_V(21)) \
    TB_AL(TB_X(6), 14) TB_AH(TB_X(12), 14) TB_AL(TB_X(13), 15) TB_E(TB_V(22), TB_V(31), TB_V(24)) \
    TB_E(TB_K(2), TB_V(30), TB_V(14)) TB_B(TB_V(30), TB_SEL(TB_V(14), TB_V(16))) TB_B(TB_V(31), TB_V(24), TB_V(26)) \
    TB_E(TB_V(28), TB_K(3), TB_V(15)) TB_E(TB_K(0), TB_V(29), TB_V(23)) TB_B(TB_V(29), TB_SEL(TB_V(23), TB_V(21))) \
    TB_LD(27, TB_X(8)) TB_AH(TB_X(8), 15) TB_LI(19, TB_X(11)) TB_AL(TB_X(11), 16) TB_LI(18, TB_X(7)) \
    TB_AH(TB_X(7), 16) TB_LI(17, TB_X(10)) TB_AL(TB_X(10), 17) TB_LI(27, TB_X(9)) TB_AH(TB_X(9), 17) \
    TB_LD(26, TB_X(6)) TB_LD(25, TB_X(13)) TB_LD(24, TB_X(11)) TB_LD(23, TB_X(10)) TB_E(TB_K(3), TB_V(28), TB_V(31)) \
    TB_B(TB_V(28), TB_SEL(TB_V(31), TB_V(15))) TB_E(TB_V(31), TB_K(1), TB_V(20)) TB_E(TB_V(21), TB_K(0), TB_V(19)) \
    TB_P(17, 16, 80) TB_P(15, 14, 88) TB_E(TB_K(1), TB_V(31), TB_V(22)) TB_B(TB_V(31), TB_SEL(TB_V(22), TB_V(20))) \
    TB_E(TB_K(0), TB_V(21), TB_V(17)) TB_B(TB_V(21), TB_SEL(TB_V(17), TB_V(19))) TB_E(TB_V(22), TB_K(2), TB_V(29)) \
    TB_AL(TB_X(10), 17) TB_E(TB_V(20), TB_K(1), TB_V(18)) TB_AH(TB_X(11), 17) TB_AL(TB_X(13), 16) TB_AH(TB_X(6), 16) \
    TB_P(16, 17, 96) TB_E(TB_K(2), TB_V(22), TB_V(21)) TB_B(TB_V(22), TB_SEL(TB_V(21), TB_V(29))) \
    TB_E(TB_V(29), TB_K(4), TB_V(30)) TB_E(TB_K(1), TB_V(20), TB_V(27)) TB_B(TB_V(20), TB_SEL(TB_V(27), TB_V(18))) \
    TB_LI(26, TB_X(12)) TB_AL(TB_X(12), 15) TB_LI(25, TB_X(8)) TB_AH(TB_X(8), 15) TB_LI(24, TB_X(7)) \
    TB_AL(TB_X(7), 14) TB_LI(23, TB_X(9)) TB_AH(TB_X(9), 14) TB_LD(27, TB_X(10)) TB_AL(TB_X(10), 16) \
    TB_LD(21, TB_X(13)) TB_AH(TB_X(13), 16) TB_LD(19, TB_X(12)) TB_AL(TB_X(12), 17) TB_LD(18, TB_X(7)) \
    TB_AH(TB_X(7), 17) TB_LI(27, TB_X(11)) TB_LI(21, TB_X(6)) TB_LI(19, TB_X(8)) TB_LI(18, TB_X(9)) \
    TB_LD(17, TB_X(10)) TB_E(TB_K(4), TB_V(29), TB_V(22)) TB_B(TB_V(29), TB_SEL(TB_V(22), TB_V(30))) \
    TB_E(TB_V(30), TB_K(3), TB_V(31)) TB_E(TB_V(22), TB_K(0), TB_V(26)) TB_E(TB_V(16), TB_K(1), TB_V(25)) \
    TB_P(17, 16, 104) TB_P(14, 15, 112) TB_E(TB_K(3), TB_V(30), TB_V(20)) TB_B(TB_V(30), TB_SEL(TB_V(20), TB_V(31))) \
    TB_E(TB_V(31), TB_K(5), TB_V(28)) TB_E(TB_K(0), TB_V(22), TB_V(24)) TB_B(TB_V(22), TB_SEL(TB_V(24), TB_V(26))) \
    TB_E(TB_K(1), TB_V(16), TB_V(23)) TB_B(TB_V(16), TB_SEL(TB_V(23), TB_V(25))) TB_AL(TB_X(10), 17) \
    TB_E(TB_K(5), TB_V(31), TB_V(30)) TB_B(TB_V(31), TB_SEL(TB_V(30), TB_V(28))) TB_LD(30, TB_X(12)) \
    TB_AH(TB_X(12), 17) TB_LD(28, TB_X(10)) TB_AL(TB_X(10), 16) TB_AH(TB_X(9), 16) TB_P(16, 17, 120) \
    TB_AL(TB_X(8), 14) TB_LD(26, TB_X(10)) TB_AH(TB_X(10), 14) TB_LI(17, TB_X(13)) TB_AL(TB_X(13), 15) \
    TB_LI(30, TB_X(7)) TB_AH(TB_X(7), 15) TB_LI(28, TB_X(12)) TB_AL(TB_X(12), 16) TB_LI(26, TB_X(9)) \
    TB_AH(TB_X(9), 16) TB_LD(25, TB_X(8)) TB_AL(TB_X(8), 17) TB_LD(24, TB_X(13)) TB_AH(TB_X(13), 17) \
    TB_LD(23, TB_X(12)) TB_E(TB_V(20), TB_K(0), TB_V(27)) TB_E(TB_V(15), TB_K(1), TB_V(21)) \
    TB_E(TB_K(0), TB_V(20), TB_V(19)) TB_B(TB_V(20), TB_SEL(TB_V(19), TB_V(27))) TB_E(TB_V(27), TB_K(2), TB_V(22)) \
    TB_E(TB_K(1), TB_V(15), TB_V(18)) TB_B(TB_V(15), TB_SEL(TB_V(18), TB_V(21))) TB_E(TB_V(21), TB_K(3), TB_V(16)) \
    TB_E(TB_V(19), TB_K(0), TB_V(17)) TB_E(TB_K(2), TB_V(27), TB_V(20)) TB_B(TB_V(27), TB_SEL(TB_V(20), TB_V(22))) \
    TB_E(TB_V(22), TB_K(1), TB_V(30)) TB_E(TB_K(3), TB_V(21), TB_V(15)) TB_B(TB_V(21), TB_SEL(TB_V(15), TB_V(16))) \
    TB_E(TB_K(0), TB_V(19), TB_V(28)) TB_B(TB_V(19), TB_SEL(TB_V(28), TB_V(17))) TB_E(TB_K(1), TB_V(22), TB_V(26)) \
    TB_B(TB_V(22), TB_SEL(TB_V(26), TB_V(30))) TB_LD(30, TB_X(8)) TB_LI(25, TB_X(10)) TB_LI(24, TB_X(7)) \
    TB_LI(23, TB_X(9)) TB_LI(30, TB_X(13)) TB_E(TB_V(28), TB_K(0), TB_V(25)) TB_E(TB_V(26), TB_K(1), TB_V(24)) \
    TB_E(TB_K(0), TB_V(28), TB_V(23)) TB_B(TB_V(28), TB_SEL(TB_V(23), TB_V(25))) TB_E(TB_V(25), TB_K(2), TB_V(19)) \
    TB_E(TB_K(1), TB_V(26), TB_V(30)) TB_B(TB_V(26), TB_SEL(TB_V(30), TB_V(24))) TB_E(TB_V(30), TB_K(3), TB_V(22)) \
    TB_E(TB_K(2), TB_V(25), TB_V(28)) TB_B(TB_V(25), TB_SEL(TB_V(28), TB_V(19))) TB_E(TB_V(28), TB_K(4), TB_V(27)) \
    TB_E(TB_K(3), TB_V(30), TB_V(26)) TB_B(TB_V(30), TB_SEL(TB_V(26), TB_V(22))) TB_E(TB_V(26), TB_K(5), TB_V(21)) \
    TB_E(TB_K(4), TB_V(28), TB_V(25)) TB_B(TB_V(28), TB_SEL(TB_V(25), TB_V(27))) TB_E(TB_V(14), TB_K(6), TB_V(29)) \
    TB_E(TB_K(5), TB_V(26), TB_V(30)) TB_B(TB_V(26), TB_SEL(TB_V(30), TB_V(21))) TB_E(TB_V(15), TB_K(7), TB_V(31)) \
    TB_E(TB_K(6), TB_V(14), TB_V(28)) TB_B(TB_V(14), TB_SEL(TB_V(28), TB_V(29))) TB_E(TB_K(7), TB_V(15), TB_V(26)) \
    TB_B(TB_V(15), TB_SEL(TB_V(26), TB_V(31)))

#define TREE_BLOCK_8_4(TB_SEL) \
    TB_P(14, 15, 0) TB_P(16, 17, 8) TB_AL(TB_X(6), 14) TB_AH(TB_X(7), 14) TB_AL(TB_X(8), 15) TB_LD(31, TB_X(6)) \
    TB_AH(TB_X(6), 15) TB_AL(TB_X(9), 16) TB_P(15, 14, 16) TB_LD(30, TB_X(8)) TB_AH(TB_X(8), 16) TB_AL(TB_X(10), 17) \
    TB_LD(29, TB_X(9)) TB_AH(TB_X(9), 17) TB_AL(TB_X(11), 15) TB_P(17, 16, 24) TB_LD(28, TB_X(10)) \
    TB_AH(TB_X(10), 15) TB_LI(31, TB_X(7)) TB_AL(TB_X(7), 14) TB_LI(30, TB_X(6)) TB_AH(TB_X(6), 14) \
    TB_LI(29, TB_X(8)) TB_AL(TB_X(8), 17) TB_LI(28, TB_X(9)) TB_AH(TB_X(9), 17) TB_LD(27, TB_X(11)) \
    TB_AL(TB_X(11), 16) TB_LD(26, TB_X(7)) TB_AH(TB_X(7), 16) TB_LD(25, TB_X(8)) TB_LD(24, TB_X(11)) \
    TB_LI(27, TB_X(10)) TB_LI(26, TB_X(6)) TB_LI(25, TB_X(9)) TB_LI(24, TB_X(7)) TB_P(16, 17, 32) TB_P(14, 15, 40) \
    TB_AL(TB_X(7), 16) TB_AH(TB_X(9), 16) TB_AL(TB_X(6), 17) TB_LD(23, TB_X(7)) TB_AH(TB_X(7), 17) \
    TB_AL(TB_X(10), 14) TB_P(17, 16, 48) TB_LD(22, TB_X(6)) TB_AH(TB_X(6), 14) TB_AL(TB_X(11), 15) \
    TB_LD(21, TB_X(10)) TB_AH(TB_X(10), 15) TB_AL(TB_X(8), 17) TB_P(15, 14, 56) TB_LD(20, TB_X(11)) \
    TB_AH(TB_X(11), 17) TB_LI(23, TB_X(9)) TB_AL(TB_X(9), 16) TB_LI(22, TB_X(7)) TB_AH(TB_X(7), 16) \
    TB_LI(21, TB_X(6)) TB_AL(TB_X(6), 15) TB_LI(20, TB_X(10)) TB_AH(TB_X(10), 15) TB_LD(19, TB_X(8)) \
    TB_AL(TB_X(8), 14) TB_LD(18, TB_X(9)) TB_AH(TB_X(9), 14) TB_LD(17, TB_X(6)) TB_E(TB_V(16), TB_K(0), TB_V(31)) \
    TB_E(TB_V(15), TB_K(1), TB_V(30)) TB_E(TB_V(14), TB_V(23), TB_V(27)) TB_E(TB_K(0), TB_V(16), TB_V(29)) \
    TB_B(TB_V(16), TB_SEL(TB_V(29), TB_V(31))) TB_E(TB_K(1), TB_V(15), TB_V(28)) \
    TB_B(TB_V(15), TB_SEL(TB_V(28), TB_V(30))) TB_E(TB_V(23), TB_V(14), TB_V(25)) TB_B(TB_V(14), TB_V(25), TB_V(27)) \
    TB_E(TB_V(31), TB_V(22), TB_V(26)) TB_E(TB_V(30), TB_K(2), TB_V(16)) TB_E(TB_V(29), TB_K(0), TB_V(21)) \
    TB_E(TB_V(22), TB_V(31), TB_V(24)) TB_E(TB_K(2), TB_V(30), TB_V(14)) TB_B(TB_V(30), TB_SEL(TB_V(14), TB_V(16))) \
    TB_B(TB_V(31), TB_V(24), TB_V(26)) TB_E(TB_V(28), TB_K(3), TB_V(15)) TB_E(TB_K(0), TB_V(29), TB_V(23)) \
    TB_B(TB_V(29), TB_SEL(TB_V(23), TB_V(21))) TB_LD(27, TB_X(8)) TB_LI(19, TB_X(11)) TB_LI(18, TB_X(7)) \
    TB_LI(17, TB_X(10)) TB_LI(27, TB_X(9)) TB_E(TB_K(3), TB_V(28), TB_V(31)) \
    TB_B(TB_V(28), TB_SEL(TB_V(31), TB_V(15))) TB_E(TB_V(31), TB_K(1), TB_V(20)) TB_E(TB_V(26), TB_K(0), TB_V(19)) \
    TB_E(TB_K(1), TB_V(31), TB_V(22)) TB_B(TB_V(31), TB_SEL(TB_V(22), TB_V(20))) TB_E(TB_K(0), TB_V(26), TB_V(17)) \
    TB_B(TB_V(26), TB_SEL(TB_V(17), TB_V(19))) TB_E(TB_V(25), TB_K(2), TB_V(29)) TB_E(TB_V(24), TB_K(1), TB_V(18)) \
    TB_E(TB_K(2), TB_V(25), TB_V(26)) TB_B(TB_V(25), TB_SEL(TB_V(26), TB_V(29))) TB_E(TB_V(14), TB_K(4), TB_V(30)) \
    TB_E(TB_K(1), TB_V(24), TB_V(27)) TB_B(TB_V(24), TB_SEL(TB_V(27), TB_V(18))) TB_E(TB_V(29), TB_K(3), TB_V(31)) \
    TB_E(TB_K(4), TB_V(14), TB_V(25)) TB_B(TB_V(14), TB_SEL(TB_V(25), TB_V(30))) TB_E(TB_K(3), TB_V(29), TB_V(24)) \
    TB_B(TB_V(29), TB_SEL(TB_V(24), TB_V(31))) TB_E(TB_V(15), TB_K(5), TB_V(28)) TB_E(TB_K(5), TB_V(15), TB_V(29)) \
    TB_B(TB_V(15), TB_SEL(TB_V(29), TB_V(28)))

#define TREE_BLOCK_CLOBBERS "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", \
    "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory"

#endif
