"""Exported C on emulated cores, by both compilers: bit-equal to this machine's runtime on real images."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bare_metal import run_network
from firmware_nets import bundle_of, digits_bundle, random_bundle
from nets import random_image
from numpy.typing import NDArray
from residual_nets import random_residual_graph
from sklearn.datasets import load_digits
from spanbit.bundle import Bundle, write_bundle
from spanbit.export import Tables, c_network
from spanbit.export.figures import firmware_figures
from spanbit.graph import BinaryConv, KernelKind, Kind, RealHead
from spanbit.runtime import Model
from spanbit.targets import load_target

_STACK_MAX = 16384


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Two of scikit-learn's digits, uint8 [2, 8, 8, 1]."""
    return np.asarray(load_digits().images[[17, 250], :, :, None] * 15.9, np.uint8)


# The core, its compiler, where the tables are, and whether the network ends in floating point.
CORES = [
    ("cortex-m0plus", "gcc", Tables.FLASH, True),  # on the micro:bit's Cortex-M0, in 16 KiB of RAM
    ("cortex-m0plus", "clang", Tables.ENCODED, False),
    ("cortex-m3", "gcc", Tables.ENCODED, True),
    ("cortex-m3", "clang", Tables.FLASH, False),
    ("cortex-m4", "gcc", Tables.FLASH, False),
    ("cortex-m4", "clang", Tables.EXPANDED, True),
    ("cortex-m7", "gcc", Tables.EXPANDED, True),
    ("cortex-m7", "clang", Tables.FLASH, True),
    ("cortex-m33", "gcc", Tables.FLASH, True),
    ("cortex-m33", "clang", Tables.ENCODED, False),
    ("cortex-m55", "gcc", Tables.FLASH, True),
    ("cortex-m55", "clang", Tables.EXPANDED, False),
    ("riscv32", "clang", Tables.FLASH, False),  # clang brings no soft floating point for it
    ("riscv32", "clang", Tables.ENCODED, False),
]


@pytest.mark.parametrize(("core", "compiler", "tables", "floats"), CORES)
def test_bit_equal_on_an_emulated_core(
    core: str, compiler: str, tables: Tables, floats: bool, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    bundle = digits_bundle(images, floats=floats)
    net = c_network(bundle, "digits", tables, load_target(core).isa)
    run = run_network(net, load_target(core), images, tmp_path, toolchain=compiler, optimise="-O1")
    assert run.check == 0, f"layer {run.check - 1} differs"
    host = Model(write_bundle(bundle.compiled, images))
    expected = np.stack([host.run(image) for image in images])
    if not floats:
        expected = expected.astype("<i2")
    assert np.array_equal(run.outputs, expected.reshape(len(images), -1).view(np.uint8))
    assert len(np.unique(run.outputs, axis=0)) == len(images)
    assert run.instructions > 10_000 and 0 < run.stack_bytes < _STACK_MAX


@pytest.mark.parametrize("seed", [40, 41, 42, 43])
def test_random_networks_on_a_core_with_mve(seed: int, tmp_path: Path) -> None:
    target = load_target("cortex-m55")
    bundle = random_bundle(seed)
    net = c_network(bundle, "random", Tables.FLASH, target.isa)
    sides = bundle.compiled.graph.input
    image = np.zeros((1, sides.height, sides.width, sides.channels), np.uint8)
    run = run_network(net, target, image, tmp_path, optimise="-O1")
    assert run.check == 0, f"layer {run.check - 1} differs from the golden image's"
    assert min(run.classes["vector"], run.classes["vector_load"]) > 100


# Networks with shortcuts, and what is in them that works on numbers: one with dense kernels, else trees.
_DENSE = 139
RESIDUAL = {
    123: {"tree sums", "tree sums added", "MaxPool", "Concat", "RealHead"},
    _DENSE: {"dense sums added", "AvgPool", "MaxPool", "Concat", "RealConv", "RealHead"},
    206: {"tree sums", "tree sums added", "AvgPool", "RealConv", "RealHead"},
    232: {"tree sums", "Add", "PRelu", "RealConv"},
    378: {"tree sums", "tree sums added", "Concat", "PRelu", "RealConv", "RealHead"},
}


def _on_numbers(bundle: Bundle) -> set[str]:
    """What the layers do to int16 numbers that are not the stem's."""
    found = set()
    for layer in bundle.compiled.layers:
        name = type(layer.op).__name__
        if isinstance(layer.op, BinaryConv) and layer.kind is Kind.REAL:
            form = "dense" if layer.nodes is None else "tree"
            found.add(f"{form} sums added" if layer.add else f"{form} sums")
        elif isinstance(layer.op, RealHead) or (layer.kind is Kind.REAL and name != "StemConv"):
            found.add(name)
    return found


def _pairs_of_numbers(program: Path) -> list[str]:
    """Where gcc puts a number of 64 bits into a vector's upper half: from the wrong registers (gcc 12)."""
    words = ["arm-none-eabi-objdump", "-d", "-m", "armv8.1-m.main", str(program)]
    listing = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert re.search(r"vldrb\.u?8", listing), "no vectors: what is looked for would be missed"
    return re.findall(r"vmov\s+d\d*[13579], r\d+, \w+", listing)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("seed", RESIDUAL)
def test_residual_networks_on_a_core_with_mve(seed: int, compiler: str, tmp_path: Path) -> None:
    """At -O3 and -O2, where a compiler makes vectors of plain C; wherever the tables are."""
    target = load_target("cortex-m55")
    graph = random_residual_graph(seed, 24, 33, 14)
    images = np.stack([random_image(graph, seed + i) for i in range(2)])
    bundle = bundle_of(graph, images, KernelKind.DENSE if seed == _DENSE else KernelKind.TREE)
    assert _on_numbers(bundle) == RESIDUAL[seed]
    tables = Tables.ENCODED if seed % 2 else Tables.FLASH
    net = c_network(bundle, "residual", tables, target.isa)
    optimise = "-O2" if compiler == "gcc" else ""
    run = run_network(net, target, images, tmp_path, toolchain=compiler, optimise=optimise)
    assert run.check == 0, f"layer {run.check - 1} differs from the golden image's"
    host = Model(write_bundle(bundle.compiled, images))
    expected = np.stack([host.run(image) for image in images]).reshape(len(images), -1)
    assert np.array_equal(run.outputs, expected.view(np.uint8))
    assert compiler != "gcc" or not _pairs_of_numbers(run.program)


def test_a_wrong_table_is_noticed(images: NDArray[np.uint8], tmp_path: Path) -> None:
    net = c_network(digits_bundle(images, floats=False), "digits", Tables.FLASH)
    text = net.files["src/digits.c"]
    begin = text.index(b"table_1[")
    at = text.index(b"{", begin) + 200
    digit = next(i for i in range(at, at + 99) if text[i : i + 2] == b"0u")
    net.files["src/digits.c"] = text[:digit] + b"1" + text[digit + 1 :]
    with pytest.raises(Exception, match=r"failed with 1\b"):
        run_network(net, load_target("cortex-m4"), images, tmp_path, optimise="-O1")


def test_instructions_are_counted_by_layer_too(images: NDArray[np.uint8], tmp_path: Path) -> None:
    net = c_network(digits_bundle(images, floats=True), "digits", Tables.FLASH)
    whole, parts = (
        run_network(
            net, load_target("cortex-m4"), images[:1], tmp_path / str(way), optimise="-O1", by_layer=way
        )
        for way in (False, True)
    )
    assert not whole.layers and len(parts.layers) == len(net.plan.compiled.layers)
    assert min(parts.layers) > 100 and sum(parts.layers) == parts.instructions
    assert parts.instructions < whole.instructions < 1.01 * parts.instructions
    assert np.array_equal(whole.outputs, parts.outputs)


def test_the_stack_is_what_the_figures_say(images: NDArray[np.uint8], tmp_path: Path) -> None:
    board = load_target("cortex-m4")
    net = c_network(digits_bundle(images, floats=True), "digits", Tables.ENCODED)
    run = run_network(net, board, images, tmp_path)
    said = firmware_figures(net, board).stack_bytes
    assert said is not None and 0.6 * run.stack_bytes < said < 1.4 * run.stack_bytes
