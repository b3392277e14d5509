#!/usr/bin/env bash
# Every benchmark, one after the other; then the plots and the page. Times first, while the machine is cool and idle.
#
#     tools/bench_all.sh
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

"$python" bench/host.py
for shapes in bench/shapes/*.toml; do
    "$python" bench/instructions.py "$(basename "$shapes" .toml)"
done
"$python" bench/shares.py
"$python" bench/scaling.py
"$python" bench/offsets.py
"$python" bench/shared_sums.py
"$python" bench/firmware.py --json bench/results/firmware.json
"$python" bench/transfer.py --json bench/results/transfer.json
"$python" bench/plots.py
"$python" tools/benchmarks_page.py
"$python" tools/firmware_page.py
"$python" tools/boards_page.py
