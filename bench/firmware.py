"""One network on a microcontroller in three forms: a tree, dense popcount, int8 in CMSIS-NN's manner.

    python bench/firmware.py [--json bench/results/firmware.json] [TARGET...]

Where targets are named, the file keeps the others' figures that it has.

SYNTHETIC weights, a tenth of them not 0. All three are built here by the target's first compiler with its
flags, and run under qemu, where a plugin counts the instructions of one image. Tree and popcount are exports
of the same bundle graph and give the same bits; the int8 network (int8_net.h) has the same shapes, no more.
Flash is what the network's object files hold, code and constants; RAM is the arena, or the two activations
and the windows, without stack. Cycles are the counted instructions priced by the target's [cycles]: a model.

A core with MVE runs tree and popcount twice, with its kernels and with those of plain C; the int8 network is
left out there, since it is plain C, and what its users would run is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bare_metal import MACHINES, machine_of, run_network, run_program, toolchain_of
from fit_firmware import priced
from numpy.typing import NDArray
from spanbit.bundle import read_bundle, write_bundle
from spanbit.bundle.records import OpCode
from spanbit.cli.failure import guard
from spanbit.export import Tables, c_network
from spanbit.export.c_text import array
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Op,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.resources import data_dir
from spanbit.targets import Target, load_target
from spanbit.tree.synthetic import sparse_ternary_layer

HERE = Path(__file__).resolve().parent
TARGETS = ("cortex-m4", "cortex-m0plus", "cortex-m55")
COST, CLASSES, SIDE, STEM = 0.10, 10, 32, 32
CONVS = ((32, 64), (64, 64), (64, 128))  # in, out; a pool before each but the first, and one behind the last
_ALIGNED = "#define SPB_ALIGNED(bytes) _Alignas(bytes)\n"  # what `array` writes


@dataclass(frozen=True)
class Form:
    """One form of the network on one core."""

    form: str
    target: str
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    instructions: int
    cycles: int  # of the target's model
    bits_a_weight: float  # constants of the binary convolutions, all that belongs to them


def main() -> None:
    parser = argparse.ArgumentParser(description="A network on a microcontroller in three forms.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("targets", nargs="*")
    asked = parser.parse_args()
    forms = [form for name in asked.targets or TARGETS for form in measure(load_target(name))]
    for form in forms:
        print(form)
    if asked.json:
        compiler = toolchain_of(load_target(TARGETS[0]))
        version = subprocess.run([*compiler.command, "--version"], capture_output=True, text=True, check=True)
        said = {
            "command": "python bench/firmware.py --json bench/results/firmware.json",
            "compiler": f"{version.stdout.splitlines()[0]} {compiler.flags[0]}",
            "network": f"3x{SIDE}x{SIDE} > {STEM}, then {', '.join(f'{i} > {o}' for i, o in CONVS)}, 3x3",
            "cost": COST,
            "forms": [*_kept(asked.json, asked.targets), *(asdict(form) for form in forms)],
        }
        asked.json.write_text(json.dumps(said, indent=1) + "\n")


def _kept(path: Path, measured: list[str]) -> list[dict[str, Any]]:
    """Figures of the targets that were not measured now, but before."""
    if not measured or not path.exists():
        return []
    before = json.loads(path.read_text())["forms"]
    return [form for form in before if form["target"] not in measured]


def network() -> Graph:
    """The graph; pools come before thresholds' bits are used, as the compiler wants them."""
    rng = np.random.default_rng(5)

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = rng.integers(-spread, spread, count).astype(np.int32)
        return Threshold(name, values, np.full(count, Compare.GE, np.uint8))

    stem = rng.integers(-127, 128, (STEM, 3, 3, 3)).astype(np.int8)
    ops: list[Op] = [StemConv("stem", stem, 1, 1, np.zeros(3, np.uint8)), threshold("stem.bits", STEM, 20000)]
    side = SIDE
    for index, (inputs, outputs) in enumerate(CONVS):
        weight = sparse_ternary_layer(outputs, inputs, 3, COST, index)
        ops += [
            BinaryConv(f"conv{index}", weight, 1, 1, Padding.MINUS_ONE),
            threshold(f"bits{index}", outputs, 6),
        ]
        ops.append(MaxPool(f"pool{index}"))
        side //= 2
    head = rng.integers(-8, 8, (CLASSES, CONVS[-1][1] * side * side)).astype(np.int8)
    ops.append(Head("head", head, np.ones(CLASSES, np.float32), np.zeros(CLASSES, np.float32)))
    return Graph("firmware", Shape(3, SIDE, SIDE), tuple(ops))


def measure(target: Target) -> list[Form]:
    """All forms on one core."""
    if target.isa != "mve":
        return [*_exports(target, ""), _int8(target, _images())]
    plain = _exports(replace(target, isa="scalar32"), ", plain C")
    return _exports(target, ", MVE") + plain


def _images() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)


def _exports(target: Target, kernels: str) -> list[Form]:
    """Tree and popcount."""
    graph = network()
    images = _images()
    forms = []
    outputs = []
    for form, kernel, tables in (
        ("tree, tables in flash", KernelKind.TREE, Tables.FLASH),
        ("tree, tables encoded", KernelKind.TREE, Tables.ENCODED),
        ("dense popcount", KernelKind.DENSE, Tables.FLASH),
    ):
        net = c_network(
            read_bundle(write_bundle(compile_graph(graph, target, kernel), images)),
            "small",
            tables,
            target.isa,
        )
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            run = run_network(net, target, images, root, machine=_machine(target))
            sources = [root / path for path in net.c_files if not path.endswith(("_check.c", "crc32.c"))]
            flash = object_bytes(target, sources, root)
        assert run.check == 0, f"{form} on {target.name}: layer {run.check - 1} differs"
        outputs.append(run.outputs)
        held = sum(layer.const_bytes for layer in net.layers if layer.op in (OpCode.TREE, OpCode.DENSE))
        bits = 8 * held / _weights()
        cost = (run.instructions, round(priced(run.classes, target)))
        forms.append(Form(form + kernels, target.name, flash, net.arena_bytes, run.stack_bytes, *cost, bits))
    assert all(np.array_equal(output, outputs[0]) for output in outputs)
    return forms


def _machine(target: Target) -> str:
    return "mps2-an385" if machine_of(target) == "microbit" else machine_of(target)  # 16 KiB are too few


def _weights() -> int:
    return sum(9 * inputs * outputs for inputs, outputs in CONVS)


def object_bytes(target: Target, sources: list[Path], root: Path) -> int:
    """Code and constants of the object files."""
    compiler = toolchain_of(target)
    libc = data_dir("runtime_c") / "firmware" / "libc"
    total = 0
    for index, source in enumerate(sources):
        out = root / f"size-{index}.o"
        words = [*compiler.command, *compiler.flags, "-std=c11", "-idirafter", str(libc), f"-I{HERE}"]
        subprocess.run([*words, "-c", str(source), "-o", str(out)], check=True)
        said = subprocess.run(["arm-none-eabi-size", str(out)], capture_output=True, text=True, check=True)
        total += int(said.stdout.splitlines()[1].split()[0])
    return total


def _int8(target: Target, images: NDArray[np.uint8]) -> Form:
    text, ram = int8_source()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        net, own = root / "int8.c", data_dir("runtime_c") / "firmware"
        net.write_text(text)
        (root / "image.c").write_text(
            f"#include <stdint.h>\n{_ALIGNED}extern const int8_t image[];\n"
            + array("int8_t", "image", (images.astype(np.int16) - 128).astype(np.int8).tobytes()).replace(
                "static ", ""
            )
        )
        (root / "main.c").write_text(_MAIN)
        place = MACHINES[_machine(target)]
        (root / "memory.ld").write_text(place.memory_ld)
        compiler = toolchain_of(target)
        program = root / "int8.elf"
        words = [*compiler.command, *compiler.flags, "-std=c11", "-idirafter", str(own / "libc"), f"-I{HERE}"]
        sources = [net, root / "image.c", root / "main.c", own / "start_arm.c"]
        memory = root / "memory.o"
        plain = (
            "-fno-builtin",
            "-fno-tree-loop-distribute-patterns",
            "-c",
            str(own / "memory.c"),
            "-o",
            str(memory),
        )
        subprocess.run([*words, *plain], check=True)
        link = ["-nostdlib", f"-L{root}", f"-Wl,-T,{own / 'arm.ld'}", "-lgcc", f"-I{own}", "-o", str(program)]
        subprocess.run([*words, *map(str, sources), str(memory), *link], check=True)
        run = run_program(program, place, root)
        flash = object_bytes(target, [net], root)
    cost = (run.instructions, round(priced(run.classes, target)))
    return Form("int8, CMSIS-NN style", target.name, flash, ram, run.stack_bytes, *cost, 8.0)


_MAIN = """#include "semihosting.h"

extern const int8_t image[];
void int8_run(const int8_t *in, int32_t *out);
int main(void) {
    int32_t out[10];
#if defined(__arm__)
    __asm__ volatile("mov r12, r12" ::: "memory");
    int8_run(image, out);
    __asm__ volatile("mov r11, r11" ::: "memory");
#endif
    print("{\\"check\\": \\"00000000\\", \\"stack\\": \\"00000000\\", \\"outputs\\": [\\"");
    for (int i = 0; i < 10; i++)
        print_hex((uint32_t)out[i]);
    print("\\"]}\\n");
    return 0;
}
"""


def int8_source() -> tuple[str, int]:
    """C of the int8 network with weights of its own, and its RAM."""
    rng = np.random.default_rng(6)
    arrays, steps, side, largest, taps_max = [], [], SIDE, 3 * SIDE * SIDE, 0
    for index, (inputs, outputs) in enumerate(((3, STEM), *CONVS)):
        taps = -(-9 * inputs // 4) * 4
        weights = rng.integers(-127, 128, (outputs, taps)).astype(np.int8)
        weights[:, 9 * inputs :] = 0
        arrays.append(array("int8_t", f"w{index}", weights.tobytes()))
        arrays.append(array("int32_t", f"b{index}", rng.integers(-999, 999, outputs).astype("<i4").tobytes()))
        place = ("in", "a", "b")
        given, to = (place[0], place[1]) if index == 0 else (("a", "b") if index % 2 else ("b", "a"))
        arrays.append(
            f"static const int8_conv c{index} = "
            f"{{{inputs}, {side}, {outputs}, 3, 1, w{index}, b{index}, 1 << 23, 2}};\n"
        )
        steps.append(f"    run_conv(&c{index}, {given}, window, {to});")
        largest, taps_max = max(largest, outputs * side * side), max(taps_max, taps)
        if index:
            steps.append(f"    run_pool({to}, {side}, {outputs});")
            side //= 2
    inputs = CONVS[-1][1] * side * side
    arrays.append(
        array("int8_t", "head", rng.integers(-127, 128, CLASSES * inputs).astype(np.int8).tobytes())
    )
    arrays.append(array("int32_t", "head_bias", np.zeros(CLASSES, "<i4").tobytes()))
    steps.append(f"    run_head({to}, {inputs}, head, head_bias, {CLASSES}, out);")
    buffers = f"static int8_t a[{largest}], b[{largest}];\nstatic int16_t window[{2 * taps_max}];\n"
    body = "\n".join(steps)
    text = (
        f'#include "int8_net.h"\n{_ALIGNED}\nvoid int8_run(const int8_t *in, int32_t *out);\n\n'
        + "\n".join(arrays)
        + f"\n{buffers}\nvoid int8_run(const int8_t *in, int32_t *out) {{\n{body}\n}}\n"
    )
    return text, 2 * largest + 4 * taps_max


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=True))
