"""Networks for the tests of exported C, and building them on this machine.

net = exported(seed, Tables.FLASH)
run_on_host(net, tmp_path)              # its own golden check, compiled here
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nets import random_graph, random_image
from numpy.typing import NDArray
from residual_nets import random_residual_graph
from spanbit.bundle import Bundle, read_bundle, write_bundle
from spanbit.export import CNetwork, Tables, c_network
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.targets import load_target

HOST = ("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror")


def bundle_of(graph: Graph, images: NDArray[np.uint8], kernel: KernelKind | None = None) -> Bundle:
    """Compiled for a Cortex-M4."""
    return read_bundle(write_bundle(compile_graph(graph, load_target("cortex-m4"), kernel), images))


def random_bundle(seed: int) -> Bundle:
    """Every second one has shortcuts and numbers between its layers."""
    graph = random_graph(seed, 24, 33) if seed % 2 else random_residual_graph(seed, 24, 23, 8)
    kernel = (None, KernelKind.DENSE)[seed // 2 % 2]
    return bundle_of(graph, random_image(graph, seed)[None], kernel)


def digits_bundle(images: NDArray[np.uint8], *, floats: bool) -> Bundle:
    """A network for the 8x8 digits, SYNTHETIC weights; without floats it ends in the sums of a convolution.

    Every kernel of a usual network is in it: a stem, trees with three paddings, a dense layer, a pool.
    """
    rng = np.random.default_rng(8)

    def weight(out: int, channels: int, side: int, share: float) -> NDArray[np.int8]:
        signs = rng.choice(np.array([-1, 1], np.int8), (out, channels, side, side))
        return np.where(rng.random(signs.shape) < share, signs, 0).astype(np.int8)

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = rng.integers(-spread, spread, count).astype(np.int32)
        return Threshold(name, values, rng.integers(0, 2, count).astype(np.uint8) * np.uint8(Compare.LE))

    stem = rng.integers(-127, 128, (8, 1, 3, 3)).astype(np.int8)
    ops = [
        StemConv("stem", stem, 1, 1, np.zeros(1, np.uint8)),
        threshold("stem.bits", 8, 9000),
        BinaryConv("tree", weight(16, 8, 3, 0.3), 1, 1, Padding.ONE),
        threshold("tree.bits", 16, 4),
        MaxPool("pool"),
        BinaryConv("zeros", weight(16, 16, 3, 0.2), 1, 1, Padding.ZERO),
        threshold("zeros.bits", 16, 4),
        BinaryConv("dense", weight(16, 16, 1, 1.0), 1, 0, Padding.MINUS_ONE),
        threshold("dense.bits", 16, 4),
    ]
    if floats:
        head = rng.integers(-8, 8, (10, 256)).astype(np.int8)
        scale, bias = rng.normal(0, 0.1, (2, 10)).astype(np.float32)
        ops.append(Head("head", head, scale, bias))
    else:
        ops += [
            BinaryConv("last", weight(10, 16, 4, 0.2), 1, 0, Padding.MINUS_ONE),
            Output("last.output", OutputKind.INT16, None, None),
        ]
    return bundle_of(Graph("digits", Shape(1, 8, 8), tuple(ops)), images)


def exported(seed: int, tables: Tables, name: str = "") -> CNetwork:
    """The C files of `random_bundle(seed)`."""
    return c_network(random_bundle(seed), name or f"net_{seed}", tables)


def write_files(files: dict[str, bytes], folder: Path) -> Path:
    """All files below `folder`."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def check_program(*names: str) -> str:
    """C of a program that runs the golden checks and ends with the first result that is not OK."""
    includes = "".join(f'#include "{name}.h"\n' for name in names)
    checks = "".join(
        f"""    static {name.upper()}_ALIGNED unsigned char arena_{name}[{name.upper()}_ARENA_BYTES];
    static {name}_output output_{name}[{name.upper()}_OUTPUTS];
    status = status ? status : {name}_check(arena_{name}, output_{name});
"""
        for name in names
    )
    return f"{includes}int main(void) {{\n    int status = 0;\n{checks}    return status;\n}}\n"


def run_on_host(nets: Sequence[CNetwork], folder: Path, *flags: str, compiler: Sequence[str] = HOST) -> int:
    """The exit code of the golden checks of networks that are linked into one program."""
    includes = []
    sources = [folder / "main.c"]
    for net in nets:
        root = write_files(net.files, folder / net.name)
        includes.append(f"-I{root / 'include'}")
        sources += [root / path for path in net.c_files]
    sources[0].write_text(check_program(*(net.name for net in nets)))
    program = folder / "check"
    subprocess.run([*compiler, *flags, *includes, *map(str, sources), "-o", str(program)], check=True)
    return subprocess.run([str(program)], check=False, timeout=60).returncode
