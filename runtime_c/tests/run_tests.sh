#!/bin/sh
# Builds and runs every kernel test with one compiler, optionally under an emulator:
#
#     tests/run_tests.sh gcc -O1 -fsanitize=address,undefined
#     EMULATOR="qemu-aarch64 -cpu cortex-a53" tests/run_tests.sh aarch64-linux-gnu-gcc -O3 -static
#
# CASES sets the number of random cases of each. The exit code is the number of tests that failed. Warnings are
# check_warnings.sh's: sanitizers make compilers warn of what is right.
#
# -ffp-contract=fast asks for what the head must withstand: a fused multiply-add.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for source in "$here"/src/*.c "$here"/src/kernels/*.c "$here"/pool/*.c; do
    "$@" -std=c11 -ffp-contract=fast -pthread -I"$here/include" -c "$source" -o "$work/$(basename "$source" .c).o" || exit 99
done
failed=0
for test in "$here"/tests/test_*.c; do
    name=$(basename "$test" .c)
    printf '%s: ' "$name"
    # shellcheck disable=SC2086
    "$@" -std=c11 -D_POSIX_C_SOURCE=200809L -pthread -I"$here/include" -I"$here/pool" "$test" "$work"/*.o -o "$work/$name" &&
        ${EMULATOR:-} "$work/$name" ${CASES:-} || failed=$((failed + 1))
done
exit "$failed"
