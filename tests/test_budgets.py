"""Executed instructions, which are exact: budgets, both compilers alike, the better kernel chosen."""

from __future__ import annotations

from pathlib import Path

import budgets
import numpy as np
import pytest
from emulate import toolchain
from numpy.typing import NDArray
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    Padding,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.targets import load_target
from spanbit.tree.synthetic import binary_tree_layer, sparse_ternary_layer

TARGET = load_target(budgets.TARGET)
GCC = toolchain(TARGET)
CONV = 1  # the layer behind the stem


def test_no_count_leaves_its_budget() -> None:
    assert not budgets.compare(budgets.read_budgets(), budgets.count_networks())


def test_a_count_over_budget_is_told_from_an_improvement() -> None:
    budget = {"net": {"a": 1000, "b": 1000, "c": 1000, "d": 1000}}
    lines = budgets.compare(budget, {"net": {"a": 1011, "b": 969, "c": 1009, "d": 971, "e": 1}})
    assert len(lines) == 3
    assert "net, a: 1,011 instructions, +1.1 % over budget" in lines[0]
    assert "improved" in lines[1] and budgets.UPDATE in lines[1]
    assert "no budget" in lines[2]


@pytest.mark.parametrize("network", budgets.NETWORKS.values(), ids=budgets.NETWORKS)
def test_gcc_and_clang_execute_alike(network: budgets.Network) -> None:
    target = load_target(network.target)
    gcc = budgets.count_network(network, toolchain(target))
    flags = ("--target=aarch64-linux-gnu", "-O3", f"-mcpu={target.cpu}", "-static")
    clang = budgets.count_network(network, ("clang", *flags))
    apart = {name: (gcc[name], clang[name]) for name in gcc if not _alike(gcc[name], clang[name])}
    assert not apart, "layer: (gcc, clang)"


def _alike(one: int, other: int) -> bool:
    """Neither takes more than 10 % more than the other."""
    return max(one, other) <= 1.1 * min(one, other)


@pytest.mark.parametrize("cost", [0.05, 0.2, 0.45])
@pytest.mark.parametrize("kernel", [3, 1])
@pytest.mark.parametrize("side", [32, 16, 8, 4])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "ternary"])
def test_the_chosen_kernel_is_never_slower_than_the_dense_one(
    tmp_path: Path, side: int, kernel: int, cost: float, binary: bool
) -> None:
    make = binary_tree_layer if binary else sparse_ternary_layer
    _check_choice(tmp_path, _one_layer(make(64, 64, kernel, cost, 0), side))


@pytest.mark.parametrize("cost", [0.05, 0.2, 0.45])
@pytest.mark.parametrize("side", [14, 8])
def test_nor_is_it_where_sums_become_reals(tmp_path: Path, side: int, cost: float) -> None:
    _check_choice(tmp_path, _one_layer(sparse_ternary_layer(64, 64, 3, cost, 0), side, reals=True))


def _check_choice(tmp_path: Path, graph: Graph) -> None:
    chosen = compile_graph(graph, TARGET).layers[CONV].op
    assert isinstance(chosen, BinaryConv)
    counts = {}
    for kind in (KernelKind.TREE, KernelKind.DENSE):
        bundle = budgets.write_network(tmp_path / f"{kind.name}.spb", compile_graph(graph, TARGET, kind))
        counts[kind] = budgets.count_layer(bundle, str(CONV), TARGET, GCC)
    tree, dense = counts[KernelKind.TREE], counts[KernelKind.DENSE]
    assert counts[chosen.kernel] <= dense, chosen.kernel_reason
    # Figures are fitted to model cycles: a tree of some fewer instructions may still take more of those.
    assert chosen.kernel is KernelKind.TREE or tree > 0.65 * dense, chosen.kernel_reason


def _one_layer(weight: NDArray[np.int8], side: int, *, reals: bool = False) -> Graph:
    random = np.random.default_rng(0)
    channels, source, size, _ = weight.shape

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = random.integers(-spread, spread, count).astype(np.int32)
        return Threshold(name, values, np.full(count, Compare.GE, np.uint8))

    stem = random.integers(-127, 128, (source, 1, 1, 1)).astype(np.int8)
    head = random.integers(-1, 2, (2, channels * side * side)).astype(np.int8)
    scale, bias = np.ones(2, np.float32), np.zeros(2, np.float32)
    norm = (
        np.full(channels, 9000, np.int16),
        np.zeros(channels, np.int32),
        np.full(channels, 6, np.uint8),
    )
    ops = (
        StemConv("stem", stem, 1, 0, np.zeros(1, np.uint8)),
        threshold("stem.bits", source, 9000),
        BinaryConv("conv", weight, 1, size // 2, Padding.MINUS_ONE),
        Requantize("conv.norm", *norm, 8) if reals else threshold("conv.bits", channels, 20),
        RealHead("head", head.astype(np.int16), scale, bias) if reals else Head("head", head, scale, bias),
    )
    return Graph("one layer", Shape(1, side, side), ops)
