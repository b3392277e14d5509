#!/usr/bin/env bash
# Runs both fuzzers side by side for SECONDS under the address and undefined-behaviour sanitizers (libFuzzer, clang).
# What they find is kept in build/fuzz/found/ and named; a replay is one line. Inputs that reach new code stay in
# build/fuzz/grown-*, so that a later run starts from them.
#
#     tools/fuzz.sh [SECONDS]      3600 by default
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-3600}
build=build/fuzz
seeds=$build/seeds

CC=clang cmake -S runtime_c -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSPANBIT_BUILD_FUZZERS=ON \
    -DSPANBIT_SANITIZE=ON -DSPANBIT_BUILD_RUNNER=OFF -DSPANBIT_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target fuzz_bundle fuzz_image -j 2 >/dev/null
.venv/bin/python runtime_c/fuzz/make_corpus.py "$seeds"

mkdir -p "$build/found"
declare -A running
for name in fuzz_bundle fuzz_image; do
    mkdir -p "$build/grown-$name"
    "$build/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$build/found/$name-" "$build/grown-$name" "$seeds/$name" >"$build/$name.log" 2>&1 &
    running[$name]=$!
done
# A fuzzer must not outlive this script.
trap 'kill "${running[@]}" 2>/dev/null || true' EXIT

failed=0
for name in "${!running[@]}"; do
    if wait "${running[$name]}"; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
        echo "$name: ${runs:-no} inputs in $seconds s, nothing found"
        continue
    fi
    failed=1
    tail -n 40 "$build/$name.log" >&2
    echo "$name: FOUND SOMETHING; the whole log: $build/$name.log" >&2
    for file in "$build/found/$name"-*; do
        [[ -e $file ]] && echo "    again: $build/$name $file" >&2
    done
done
exit "$failed"
