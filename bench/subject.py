"""What a benchmark runs: one convolution with synthetic weights, as layer 1 of a bundle.

weight = weights("binary tree", layer, cost=0.10)
subject = write_subject(folder / "a.spb", weight, layer, KernelKind.TREE, load_target("rpi4"))
subject.distance, subject.arena_bytes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapes import Layer
from spanbit.bundle import write_bundle
from spanbit.errors import SpanbitError
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
from spanbit.passes import compile_graph
from spanbit.passes.compiled import LayerPlan
from spanbit.targets import Target
from spanbit.tree.synthetic import binary_tree_layer, mixed_layer, sparse_ternary_layer

LAYER = 1  # of the bundle: behind the stem
_HEAD_SIDE = 8  # pools before the head keep it small: it is not what is measured

Generator = Callable[[int, int, int, float, int], NDArray[np.int8]]
KINDS: dict[str, Generator] = {
    "binary tree": binary_tree_layer,
    "ternary star": sparse_ternary_layer,
    "mixed": mixed_layer,
}


@dataclass(frozen=True)
class Subject:
    """A bundle whose layer `LAYER` is to be run."""

    path: Path
    distance: int  # of the minimum spanning tree, also where the dense kernel runs
    arena_bytes: int
    plan: LayerPlan  # of the layer


def weights(kind: str, layer: Layer, cost: float) -> NDArray[np.int8] | None:
    """Synthetic weights [out, in, k, k] with this tree cost; None where the generator has none."""
    try:
        return KINDS[kind](layer.out_channels, layer.in_channels, layer.kernel, cost, 0)
    except SpanbitError:  # few channels: the root alone costs more
        return None


def write_subject(
    path: Path, weight: NDArray[np.int8], layer: Layer, kernel: KernelKind, target: Target
) -> Subject:
    """Compiles stem, convolution and head into a bundle at `path`, the convolution run by `kernel`."""
    random = np.random.default_rng(0)

    def threshold(name: str, count: int, spread: int) -> Threshold:
        values = random.integers(-spread, spread, count).astype(np.int32)
        return Threshold(name, values, np.full(count, Compare.GE, np.uint8))

    stem = random.integers(-127, 128, (layer.in_channels, 1, 1, 1)).astype(np.int8)
    pools, side = [], layer.out_size
    while side > _HEAD_SIDE:
        pools.append(MaxPool(f"pool{side}"))
        side //= 2
    head = random.integers(-1, 2, (2, layer.out_channels * side**2)).astype(np.int8)
    graph = Graph(
        "bench",
        Shape(1, layer.size, layer.size),
        (
            StemConv("stem", stem, 1, 0, np.zeros(1, np.uint8)),
            threshold("stem.bits", layer.in_channels, 9000),
            BinaryConv("conv", weight, layer.stride, layer.padding, Padding.MINUS_ONE),
            threshold("conv.bits", layer.out_channels, 20),
            *pools,
            Head("head", head, np.ones(2, np.float32), np.zeros(2, np.float32)),
        ),
    )
    compiled = compile_graph(graph, target, kernel)
    path.write_bytes(write_bundle(compiled, np.zeros((0, layer.size, layer.size, 1), np.uint8)))
    plan = compiled.layers[LAYER]
    assert isinstance(plan.op, BinaryConv) and plan.op.tree is not None
    return Subject(
        path=path,
        distance=plan.op.tree.total_distance,
        arena_bytes=compiled.arena_bytes,
        plan=plan,
    )
