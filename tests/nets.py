"""Random networks for property tests: every operator, all the odd sizes, all the extreme weights.

graph = random_graph(seed)
image = random_image(graph, seed)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    MaxPool,
    Op,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
    validate,
)
from spanbit.graph.infer import conv_side

_SIDES = (1, 2, 3, 4, 7, 8, 9, 14, 15, 16, 17, 28, 31, 33, 64, 65, 70)
_CHANNELS = (1, 2, 3, 5, 8, 13, 24, 33, 64, 65, 130)
_STYLES = ("binary", "ternary", "sparse", "equal", "complementary", "zero", "family", "mixed")


def random_graph(seed: int, channels_max: int = 130, side_max: int = 70) -> Graph:
    """A small network; the same seed gives the same. One in three ends in a convolution and its output."""
    rng = np.random.default_rng(seed)
    sides = [side for side in _SIDES if side <= side_max]
    counts = [count for count in _CHANNELS if count <= channels_max]
    image = Shape(int(rng.integers(1, 5)), int(rng.choice(sides)), int(rng.choice(sides)))
    ops: list[Op] = []
    shape = _add_stem(rng, ops, image, counts)
    for index in range(int(rng.integers(0, 4))):
        shape = _add_conv(rng, ops, shape, counts, index)
        shape = _add_pools(rng, ops, shape, f"bitpool{index}", 0.3)
    if rng.random() < 0.35:
        _add_output(rng, ops, shape, counts)
    else:
        ops.append(_head(rng, shape))
    graph = Graph(f"net-{seed}", image, tuple(ops))
    validate(graph)
    return graph


def random_image(graph: Graph, seed: int) -> NDArray[np.uint8]:
    """uint8 [H, W, C]: noise, or one of the extremes."""
    rng = np.random.default_rng(seed)
    shape = (graph.input.height, graph.input.width, graph.input.channels)
    extreme = rng.integers(0, 6)
    if extreme < 2:
        return np.full(shape, 255 * extreme, np.uint8)
    return rng.integers(0, 256, shape, np.uint8)


def many_channels(
    channels: int, sides: tuple[int, int], kernel: int, outside: Padding, style: str, outputs: int = 6
) -> Graph:
    """A stem, one convolution of many input channels on images of these rows and columns, a head."""
    rng = np.random.default_rng(channels)

    def threshold(name: str, count: int) -> Threshold:
        values = rng.integers(-40, 40, count).astype(np.int32)
        return Threshold(name, values, rng.integers(0, 4, count).astype(np.uint8))

    stem = rng.integers(-127, 128, (channels, 1, 1, 1)).astype(np.int8)
    weight = random_weight(rng, (outputs, channels, kernel, kernel), style)
    shape = Shape(outputs, *sides)
    ops: tuple[Op, ...] = (
        StemConv("stem", stem, 1, 0, np.zeros(1, np.uint8)),
        threshold("stem.bits", channels),
        BinaryConv("conv", weight, 1, kernel // 2, outside),
        threshold("conv.bits", outputs),
        _head(rng, shape),
    )
    return Graph("wide", Shape(1, *sides), ops)


def random_weight(rng: np.random.Generator, shape: tuple[int, ...], style: str) -> NDArray[np.int8]:
    """Weights [O, ...] in {-1, 0, +1} of one of the styles."""
    signs = rng.choice(np.array([-1, 1], np.int8), shape)
    match style:
        case "binary":
            return signs
        case "ternary":
            return rng.integers(-1, 2, shape).astype(np.int8)
        case "sparse":
            return np.where(rng.random(shape) < 0.1, signs, 0).astype(np.int8)
        case "equal":
            return np.repeat(signs[:1], shape[0], axis=0)
        case "complementary":
            turn = rng.choice(np.array([-1, 1], np.int8), (shape[0], *[1] * (len(shape) - 1)))
            return np.asarray(signs[:1] * turn, np.int8)
        case "zero":
            return np.zeros(shape, np.int8)
        case "family":  # near to one another: real trees with small distances
            flips = np.where(rng.random(shape) < 0.08, -1, 1).astype(np.int8)
            return np.asarray(signs[:1] * flips, np.int8)
        case _:  # rows of every kind
            rows = [
                random_weight(rng, (1, *shape[1:]), str(rng.choice(_STYLES[:3]))) for _ in range(shape[0])
            ]
            rows[-1] = -rows[0]
            return np.concatenate(rows)


def _add_stem(rng: np.random.Generator, ops: list[Op], image: Shape, counts: list[int]) -> Shape:
    kernel_h, kernel_w, stride, padding = _geometry(rng, image)
    out = int(rng.choice(counts[:6]))
    weight = rng.integers(-127, 128, (out, image.channels, kernel_h, kernel_w)).astype(np.int8)
    pad_value = rng.integers(0, 256, image.channels).astype(np.uint8)
    ops.append(StemConv("stem", weight, stride, padding, pad_value))
    spread = 40.0 * 127 * weight[0].size ** 0.5
    return _finish(rng, ops, image, weight, stride, padding, "stem", spread)


def _add_conv(rng: np.random.Generator, ops: list[Op], source: Shape, counts: list[int], index: int) -> Shape:
    conv = _conv(rng, source, counts, f"block{index}.conv")
    ops.append(conv)
    spread = conv.weight[0].size ** 0.5
    return _finish(rng, ops, source, conv.weight, conv.stride, conv.padding, f"block{index}", spread)


def _conv(rng: np.random.Generator, source: Shape, counts: list[int], name: str) -> BinaryConv:
    kernel_h, kernel_w, stride, padding = _geometry(rng, source)
    shape = (int(rng.choice(counts)), source.channels, kernel_h, kernel_w)
    weight = random_weight(rng, shape, str(rng.choice(_STYLES)))
    outside = Padding(int(rng.integers(0, 3)))
    if outside is Padding.ZERO and 2 * padding > 4:  # more border classes than the tree kernel may have
        outside = Padding.ONE
    return BinaryConv(name, weight, stride, padding, outside)


def _add_output(rng: np.random.Generator, ops: list[Op], source: Shape, counts: list[int]) -> None:
    conv = _conv(rng, source, counts, "last")
    kind = OutputKind(int(rng.integers(1, 4)))
    scale = bias = None
    if kind is OutputKind.FLOAT32:
        scale = rng.normal(0, 0.1, len(conv.weight)).astype(np.float32)
        bias = rng.normal(0, 1, len(conv.weight)).astype(np.float32)
    ops.extend([conv, Output("last.output", kind, scale, bias)])


def _geometry(rng: np.random.Generator, source: Shape) -> tuple[int, int, int, int]:
    """kernel_h, kernel_w, stride, padding that fit the image."""
    while True:
        kernel_h, kernel_w = (int(side) for side in rng.choice([1, 1, 2, 3, 3, 3, 5, 7], 2))
        if rng.random() < 0.7:
            kernel_w = kernel_h
        padding = int(rng.integers(0, max(kernel_h, kernel_w)))
        if source.height + 2 * padding >= kernel_h and source.width + 2 * padding >= kernel_w:
            return kernel_h, kernel_w, int(rng.choice([1, 1, 2])), padding


def _finish(
    rng: np.random.Generator,
    ops: list[Op],
    source: Shape,
    weight: NDArray[np.int8],
    stride: int,
    padding: int,
    name: str,
    spread: float,
) -> Shape:
    """Pools on integers, then the threshold."""
    shape = Shape(
        len(weight),
        conv_side(source.height, weight.shape[2], stride, padding),
        conv_side(source.width, weight.shape[3], stride, padding),
    )
    shape = _add_pools(rng, ops, shape, f"{name}.pool", 0.4)
    value = np.rint(rng.normal(0, spread, shape.channels)).astype(np.int32)
    far = rng.random(shape.channels)
    value[far < 0.05] = np.iinfo(np.int32).min
    value[far > 0.95] = np.iinfo(np.int32).max
    compare = rng.choice([Compare.GE, Compare.LE, Compare.NEVER, Compare.ALWAYS], shape.channels, p=_COMPARES)
    ops.append(Threshold(f"{name}.bits", value, compare.astype(np.uint8)))
    return shape


_COMPARES = (0.55, 0.35, 0.05, 0.05)


def _add_pools(rng: np.random.Generator, ops: list[Op], shape: Shape, name: str, chance: float) -> Shape:
    while min(shape.height, shape.width) >= 2 and rng.random() < chance:
        ops.append(MaxPool(name))
        shape = Shape(shape.channels, shape.height // 2, shape.width // 2)
    return shape


def _head(rng: np.random.Generator, shape: Shape) -> Head:
    outputs = int(rng.choice([1, 2, 3, 10]))
    inputs = shape.channels * shape.height * shape.width
    reach = int(rng.choice([1, 2, 7, 127]))
    return Head(
        "head",
        rng.integers(-reach, reach + 1, (outputs, inputs)).astype(np.int8),
        rng.normal(0, 0.1, outputs).astype(np.float32),
        rng.normal(0, 1, outputs).astype(np.float32),
    )
