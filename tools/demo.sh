#!/usr/bin/env bash
# The whole way: train a network, compile it for a Raspberry Pi 4, run it on a board, compare with PyTorch, time it.
# Works as root and as anybody. Everything it makes lies in build/demo/.
#
#     tools/demo.sh
#     DEMO_ON=ssh://pi@raspberrypi.local tools/demo.sh      on a board of your own instead of the virtual one
#     SPANBIT_DEMO_DATA=digits tools/demo.sh                the small data set (auto: Fashion-MNIST if it is there)
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/tools
on=${DEMO_ON:-}

# Each command is shown as one would type it.
run() {
    printf '\n$ %s\n' "$*"
    "$@" </dev/null
}

tools/venv.sh
export PATH="$PWD/.venv/bin:$PATH"
[[ -t 1 ]] || export COLUMNS=118 # into a file: tables as wide as they are
mkdir -p build/demo
cd build/demo

run spanbit train --data "${SPANBIT_DEMO_DATA:-auto}" --out demo.pt
run spanbit compile demo.pt --target rpi4

if [[ -z $on ]]; then
    on=host
    if ! command -v qemu-system-aarch64 >/dev/null; then
        printf '\nThe virtual board needs qemu: sudo apt-get install qemu-system-arm\n'
        printf 'Without it the network runs on this machine. A board of your own: DEMO_ON=ssh://USER@HOST make demo\n'
    elif run spanbit board up; then
        on=board
    else
        printf '\nThe virtual board does not start (see above); the network runs on this machine instead.\n'
    fi
fi
# Without a cross compiler, pip has one.
if [[ $on != host ]] && ! command -v aarch64-linux-gnu-gcc >/dev/null; then
    (cd ../.. && tools/venv.sh train,test,cross)
fi

run spanbit profile demo.spb --on "$on" --count 1000
printf '\nThe same images, class by class, beside what PyTorch said:\n'
spanbit run demo.spb --on "$on" --count 1000 --json </dev/null 2>/dev/null >run.json ||
    spanbit run demo.spb --on "$on" --count 1000 # it fails again, and says why
python "$tools/same_as_pytorch.py" run.json demo.test.npz

cat <<END

Done in $((SECONDS / 60)) min $((SECONDS % 60)) s. Next:
    . .venv/bin/activate && cd build/demo
    spanbit profile demo.spb --on ssh://pi@raspberrypi.local      your own board
    spanbit train --cost 0.05 --out half.pt                       half the taps
    spanbit inspect demo.spb                                      what is in the bundle
END
if [[ $on == board ]]; then
    echo "    spanbit board down                                            stop the virtual board"
fi
