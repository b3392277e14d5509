"""Exported C on emulated cores, by both compilers: bit-equal to this machine's runtime on real images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bare_metal import run_network
from firmware_nets import digits_bundle, random_bundle
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from spanbit.bundle import write_bundle
from spanbit.export import Tables, c_network
from spanbit.export.figures import firmware_figures
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


def test_a_wrong_table_is_noticed(images: NDArray[np.uint8], tmp_path: Path) -> None:
    net = c_network(digits_bundle(images, floats=False), "digits", Tables.FLASH)
    text = net.files["src/digits.c"]
    begin = text.index(b"table_1[")
    at = text.index(b"{", begin) + 200
    digit = next(i for i in range(at, at + 99) if text[i : i + 2] == b"0u")
    net.files["src/digits.c"] = text[:digit] + b"1" + text[digit + 1 :]
    with pytest.raises(Exception, match=r"failed with 1\b"):
        run_network(net, load_target("cortex-m4"), images, tmp_path, optimise="-O1")


def test_the_stack_is_what_the_figures_say(images: NDArray[np.uint8], tmp_path: Path) -> None:
    board = load_target("cortex-m4")
    net = c_network(digits_bundle(images, floats=True), "digits", Tables.ENCODED)
    run = run_network(net, board, images, tmp_path)
    said = firmware_figures(net, board).stack_bytes
    assert said is not None and 0.6 * run.stack_bytes < said < 1.4 * run.stack_bytes
