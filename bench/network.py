"""A whole network with synthetic weights, compiled.

    compiled = synthetic_network(load_shapes("vgg-small"), cost=0.10)
    bundle = write_bundle(compiled, synthetic_image()[None])

Stem on three colours, the binary convolutions of a shapes file, a head with ten classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapes import Layer, Network
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    MaxPool,
    Op,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.passes.compiled import CompiledGraph
from spanbit.targets import load_target
from subject import weights

NETWORK = "vgg-small"  # what whole networks are measured on
STEM = Layer("stem", in_channels=3, out_channels=128, kernel=3, stride=1, padding=1, size=32)
CLASSES = 10


def synthetic_image() -> NDArray[np.uint8]:
    """An image [H, W, C] for the network."""
    shape = (STEM.size, STEM.size, STEM.in_channels)
    return np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)


def synthetic_network(network: Network, cost: float) -> CompiledGraph:
    """For this machine; every convolution is a binary tree of this cost."""
    random = np.random.default_rng(0)

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = random.integers(-spread, spread, count).astype(np.int32)
        return Threshold(f"{name}.bits", values, np.full(count, Compare.GE, np.uint8))

    first, last = network.layers[0], network.layers[-1]
    shape = (first.in_channels, STEM.in_channels, STEM.kernel, STEM.kernel)
    stem = random.integers(-127, 128, shape).astype(np.int8)
    ops: list[Op] = [
        StemConv("stem", stem, STEM.stride, STEM.padding, np.zeros(STEM.in_channels, np.uint8)),
        threshold("stem", first.in_channels, 9000),
    ]
    for layer in network.layers:
        weight = weights("binary tree", layer, cost)
        assert weight is not None
        ops.append(BinaryConv(layer.name, weight, layer.stride, layer.padding, Padding.MINUS_ONE))
        ops.append(threshold(layer.name, layer.out_channels, 20))
        if layer.pool:
            ops.append(MaxPool(f"{layer.name}.pool"))
    inputs = last.out_channels * (last.out_size // (2 if last.pool else 1)) ** 2
    head = random.integers(-127, 128, (CLASSES, inputs)).astype(np.int8)
    ops.append(Head("head", head, np.ones(CLASSES, np.float32), np.zeros(CLASSES, np.float32)))
    graph = Graph("bench", Shape(STEM.in_channels, STEM.size, STEM.size), tuple(ops))
    return compile_graph(graph, load_target("host"))
