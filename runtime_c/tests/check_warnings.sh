#!/bin/sh
# Compiles the library and the runner with one compiler, warnings being errors; no output means clean:
#
#     tests/check_warnings.sh clang -O2 -mavx2
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
failed=0
for source in "$here"/src/*.c "$here"/src/kernels/*.c "$here"/pool/*.c "$here"/runner/*.c; do
    "$@" -std=c11 -Wall -Wextra -Werror -Wconversion -Wshadow -I"$here/include" -I"$here/pool" -c "$source" -o /dev/null ||
        failed=1
done
exit "$failed"
