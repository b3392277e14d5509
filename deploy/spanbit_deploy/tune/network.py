"""The network that is timed: one chain of convolutions with SYNTHETIC weights, from 32x32 pixels down to 4x4.

    tree = tuning_bundle(target, KernelKind.TREE, name="tune")
    dense = tuning_bundle(target, KernelKind.DENSE, name="tune")   # the same weights and golden outputs

The layers differ in what the cost model tells apart: taps, distance, planes, pixels, the size of the input.
Some are far on the tree's side, some on the dense kernel's, some between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spanbit.bundle import write_bundle
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.ops import Op
from spanbit.passes import compile_graph
from spanbit.targets import Target
from spanbit.tree.synthetic import binary_tree_layer, sparse_ternary_layer

from spanbit_deploy.bundle_file import BundleFile

SIDE = 32
_CLASSES = 2


@dataclass(frozen=True)
class Layer:
    """A convolution to be timed; `pool` halves the sides behind it."""

    out_channels: int
    kernel: int
    cost: float  # asked of the generator; figures use the tree that the compiler finds
    ternary: bool = False
    stride: int = 1
    pool: bool = False


FIRST_CHANNELS = 32
LAYERS = (
    Layer(64, 3, 0.10),
    Layer(64, 3, 0.25, ternary=True),
    Layer(128, 3, 0.45, stride=2),
    Layer(128, 3, 0.05, ternary=True),
    Layer(128, 1, 0.45, pool=True),
    Layer(128, 3, 0.25),
    Layer(256, 3, 0.10, ternary=True),
    Layer(256, 3, 0.10, stride=2),
    Layer(256, 3, 0.05, ternary=True),
    Layer(128, 1, 0.45),
)


def tuning_bundle(target: Target, kernel: KernelKind, name: str) -> BundleFile:
    """The chain, all of it run by `kernel`, with one golden image."""
    image = np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE, 1)).astype(np.uint8)
    compiled = compile_graph(tuning_graph(), target, kernel)
    return BundleFile(name, write_bundle(compiled, image), compiled)


def tuning_graph() -> Graph:
    """The chain before it is compiled; the same weights at each call."""
    random = np.random.default_rng(0)
    stem = random.integers(-127, 128, (FIRST_CHANNELS, 1, 1, 1)).astype(np.int8)
    ops: list[Op] = [
        StemConv("stem", stem, 1, 0, np.zeros(1, np.uint8)),
        _threshold(random, "stem.bits", FIRST_CHANNELS, 9000),
    ]
    channels, side = FIRST_CHANNELS, SIDE
    for index, layer in enumerate(LAYERS, 1):
        name = f"conv{index}"
        weight = _weight(layer, channels, seed=index)
        ops.append(BinaryConv(name, weight, layer.stride, layer.kernel // 2, Padding.MINUS_ONE))
        ops.append(_threshold(random, f"{name}.bits", layer.out_channels, 20))
        channels, side = layer.out_channels, side // layer.stride
        if layer.pool:
            ops.append(MaxPool(f"pool{index}"))
            side //= 2
    head = random.integers(-1, 2, (_CLASSES, channels * side * side)).astype(np.int8)
    ops.append(Head("head", head, np.ones(_CLASSES, np.float32), np.zeros(_CLASSES, np.float32)))
    return Graph("tune", Shape(1, SIDE, SIDE), tuple(ops))


def _weight(layer: Layer, channels: int, seed: int) -> NDArray[np.int8]:
    generate = sparse_ternary_layer if layer.ternary else binary_tree_layer
    return generate(layer.out_channels, channels, layer.kernel, layer.cost, seed)


def _threshold(random: np.random.Generator, name: str, count: int, spread: int) -> Threshold:
    values = random.integers(-spread, spread, count).astype(np.int32)
    return Threshold(name, values, np.full(count, Compare.GE, np.uint8))
