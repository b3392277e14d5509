/* A QEMU plugin that counts executed instructions exactly:
 *
 *     cc -std=c11 -O2 -fPIC -shared -o libinsn.so insn_plugin.c
 *     qemu-aarch64 -cpu cortex-a53 -plugin ./libinsn.so,out=insn.json PROGRAM ...
 *
 * writes {"target": "aarch64", "total": N, "simd": N, "memory": N, "marked": N, "marks": N, "each": [N]}.
 * `total` is every instruction of the process, from the loader's first on; `simd` and `memory` are classified
 * on A64 only (null elsewhere): arithmetic on vector and float registers, and loads and stores of any
 * register. `marked` counts what lies between two marker instructions, "each" what lies between the first
 * pair, the second, and so on, up to 64. They are moves that compilers never emit and that do nothing:
 *
 *     A64   begin  mov x12, x12      end  mov x13, x13
 *     A32   begin  mov r12, r12      end  mov r11, r11       and so in Thumb, on a Cortex-M
 *     RV32  begin  slti x0, x0, 1    end  slti x0, x0, 2
 *
 *     __asm__ volatile("mov x12, x12" ::: "memory");
 *
 * With blocks=FILE too, that file gets a line "address instructions executions" for each translated block
 * (the address in hexadecimal, a block that was translated twice has two): where the instructions went.
 *
 * The counters are incremented inline, not atomically: for programs of one thread. Time under emulation means
 * nothing; instructions do. A program that prints clock values makes its own total wobble.
 *
 * With classes=thumb or classes=riscv, "classes" has what the marked instructions were (insn_class.h).
 *
 * Debian ships no qemu-plugin.h, so what is used of plugin API version 1 (QEMU 4.2 to 8.2) is declared here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insn_class.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* The real one goes on; only its beginning is read. */
typedef struct qemu_info_t {
    const char *target_name;
} qemu_info_t;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

typedef void (*vcpu_tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*vcpu_udata_cb)(unsigned vcpu, void *user);
typedef void (*plugin_udata_cb)(qemu_plugin_id_t id, void *user);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, vcpu_tb_trans_cb cb);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
                                                void *counter, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_udata_cb cb,
                                            enum qemu_plugin_cb_flags flags, void *user);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                              void *counter, uint64_t add);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, plugin_udata_cb cb, void *user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

enum { A64_BEGIN = (int)0xAA0C03EC, A64_END = (int)0xAA0D03ED };
enum { A32_BEGIN = (int)0xE1A0C00C, A32_END = (int)0xE1A0B00B, T16_BEGIN = 0x46E4, T16_END = 0x46DB };
enum { RV32_BEGIN = 0x00102013, RV32_END = 0x00202013 };

/* A block of the program; lives until the process ends, since translated code holds its address. */
typedef struct block {
    uint64_t address, instructions, executions;
    struct block *next;
} block;

enum { EACH_MAX = 64 };

/* A plugin is one object a process: its state may be global. */
static struct {
    uint64_t total, simd, memory;
    uint64_t marked, marks, begin, each[EACH_MAX];
    int counting;
    int is_a64;
    uint32_t begins[2], ends[2]; /* marker instructions */
    char target[32], out[4096], blocks[4096], classes[32];
    uint64_t class_total[INSN_CLASSES], class_begin[INSN_CLASSES], class_marked[INSN_CLASSES];
    block *first;
} state;

static void at_begin(unsigned vcpu, void *user) {
    (void)vcpu, (void)user;
    state.begin = state.total;
    memcpy(state.class_begin, state.class_total, sizeof state.class_begin);
    state.counting = 1;
    state.marks++;
}

static void at_end(unsigned vcpu, void *user) {
    (void)vcpu, (void)user;
    if (state.counting) {
        uint64_t between = state.total - state.begin - 1; /* one of the markers */
        state.marked += between;
        if (state.marks <= EACH_MAX)
            state.each[state.marks - 1] = between;
        for (int i = 0; i < INSN_CLASSES; i++)
            state.class_marked[i] += state.class_total[i] - state.class_begin[i] - (i == INSN_ALU);
    }
    state.counting = 0;
}

/* Top level of the A64 encoding, bits 28 to 25: x111 is SIMD and float arithmetic, x1x0 loads and stores. */
static int is_a64_simd(uint32_t word) { return (word >> 25 & 7) == 7; }
static int is_a64_memory(uint32_t word) { return (word >> 25 & 5) == 4; }

static void count_block(struct qemu_plugin_tb *tb) {
    block *b = calloc(1, sizeof *b);
    if (!b)
        abort(); /* a count that misses a block would be wrong without a word */
    b->address = qemu_plugin_tb_vaddr(tb);
    b->instructions = qemu_plugin_tb_n_insns(tb);
    b->next = state.first;
    state.first = b;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->executions, 1);
}

static void count_class(struct qemu_plugin_insn *insn, uint32_t word) {
    uint32_t words, bytes = (uint32_t)qemu_plugin_insn_size(insn);
    int class = insn_class(word, bytes, strcmp(state.classes, "thumb") == 0, &words);
    const enum qemu_plugin_op add = QEMU_PLUGIN_INLINE_ADD_U64;
    qemu_plugin_register_vcpu_insn_exec_inline(insn, add, &state.class_total[class], 1);
    if (words)
        qemu_plugin_register_vcpu_insn_exec_inline(insn, add, &state.class_total[INSN_WORD], words);
}

/* Whether a callback sees its own instruction counted depends on QEMU's version; as both markers see the
 * same, their difference is the instructions between them and one marker. */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    if (state.blocks[0])
        count_block(tb);
    size_t count = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t word = 0;
        memcpy(&word, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn) == 2 ? 2 : sizeof word);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &state.total, 1);
        if (state.classes[0])
            count_class(insn, word);
        if (state.is_a64 && is_a64_simd(word))
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &state.simd, 1);
        if (state.is_a64 && is_a64_memory(word))
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &state.memory, 1);
        if (word && (word == state.begins[0] || word == state.begins[1]))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (word && (word == state.ends[0] || word == state.ends[1]))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

static void write_blocks(void) {
    FILE *f = fopen(state.blocks, "w");
    if (!f) {
        fprintf(stderr, "insn_plugin: %s: cannot write\n", state.blocks);
        return;
    }
    for (const block *b = state.first; b; b = b->next) {
        fprintf(f, "%llx %llu %llu\n", (unsigned long long)b->address, (unsigned long long)b->instructions,
                (unsigned long long)b->executions);
    }
    fclose(f);
}

static void at_exit(qemu_plugin_id_t id, void *user) {
    (void)id, (void)user;
    if (state.blocks[0])
        write_blocks();
    FILE *f = fopen(state.out, "w");
    if (!f) {
        fprintf(stderr, "insn_plugin: %s: cannot write\n", state.out);
        return;
    }
    fprintf(f, "{\"target\": \"%s\", \"total\": %llu", state.target, (unsigned long long)state.total);
    if (state.is_a64) {
        fprintf(f, ", \"simd\": %llu, \"memory\": %llu", (unsigned long long)state.simd,
                (unsigned long long)state.memory);
    } else {
        fprintf(f, ", \"simd\": null, \"memory\": null");
    }
    fprintf(f, ", \"marked\": %llu, \"marks\": %llu, \"each\": [", (unsigned long long)state.marked,
            (unsigned long long)state.marks);
    for (uint64_t i = 0; i < state.marks && i < EACH_MAX; i++)
        fprintf(f, "%s%llu", i ? ", " : "", (unsigned long long)state.each[i]);
    fputs("]", f);
    for (int i = 0; i < INSN_CLASSES && state.classes[0]; i++)
        fprintf(f, "%s\"%s\": %llu", i ? ", " : ", \"classes\": {", insn_class_names[i],
                (unsigned long long)state.class_marked[i]);
    fprintf(f, state.classes[0] ? "}}\n" : "}\n");
    fclose(f);
}

static void set_markers(void) {
    if (state.is_a64) {
        state.begins[0] = (uint32_t)A64_BEGIN, state.ends[0] = (uint32_t)A64_END;
    } else if (strcmp(state.target, "riscv32") == 0) {
        state.begins[0] = RV32_BEGIN, state.ends[0] = RV32_END;
    } else {
        state.begins[0] = (uint32_t)A32_BEGIN, state.ends[0] = (uint32_t)A32_END;
        state.begins[1] = T16_BEGIN, state.ends[1] = T16_END;
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    snprintf(state.target, sizeof state.target, "%s", info->target_name);
    state.is_a64 = strcmp(state.target, "aarch64") == 0;
    set_markers();
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            snprintf(state.out, sizeof state.out, "%s", argv[i] + 4);
        } else if (strncmp(argv[i], "blocks=", 7) == 0) {
            snprintf(state.blocks, sizeof state.blocks, "%s", argv[i] + 7);
        } else if (strncmp(argv[i], "classes=", 8) == 0) {
            snprintf(state.classes, sizeof state.classes, "%s", argv[i] + 8);
        } else {
            fprintf(stderr, "insn_plugin: unknown option %s; there are out=, blocks=, classes=\n", argv[i]);
            return -1;
        }
    }
    if (!state.out[0]) {
        fprintf(stderr, "insn_plugin: out=FILE is needed\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
