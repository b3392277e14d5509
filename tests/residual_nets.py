"""Random networks that are no chains: every operator on reals, shortcuts of every kind, odd sizes, extremes.

graph = random_residual_graph(seed)
image = random_image(graph, seed)           # tests/nets.py
expected = layer_outputs(compiled.graph, image)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nets import random_weight
from numpy.typing import NDArray
from spanbit.graph import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Builder,
    Compare,
    Concat,
    Graph,
    Head,
    Kind,
    MaxPool,
    Op,
    Output,
    OutputKind,
    Padding,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    TensorInfo,
    Threshold,
    layers_of,
    validate,
)
from spanbit.graph.infer import infer
from spanbit.reference import head_sums, run_graph
from spanbit.reference.operators import real_head_sums

_SIDES = (1, 2, 3, 5, 7, 8, 9, 14, 16, 23, 28, 33, 56, 65)
_CHANNELS = (1, 2, 3, 5, 8, 13, 24, 33, 64)
_ROW_MAX = 65535
"""Sum of the magnitudes of a row of int16 weights."""


def random_residual_graph(
    seed: int, channels_max: int = 64, side_max: int = 65, steps_max: int = 12
) -> Graph:
    """A small network; the same seed gives the same."""
    net = _Net(seed, [count for count in _CHANNELS if count <= channels_max])
    sides = [side for side in _SIDES if side <= side_max]
    rng = net.rng
    image = Shape(int(rng.integers(1, 5)), int(rng.choice(sides)), int(rng.choice(sides)))
    net.add_stem(image)
    for _ in range(int(rng.integers(3, steps_max + 1))):
        net.add_step()
    net.add_end()
    ops, wires = _without_dead_ends(net.ops, net.wires)
    graph = Graph(f"residual-{seed}", image, ops, wires=wires)
    validate(graph)
    return graph


def layer_outputs(graph: Graph, image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """The reference's outputs where a layer of a compiled graph's bundle ends."""
    outputs = run_graph(graph, image)
    kept: list[NDArray[Any]] = []
    for layer in layers_of(graph):
        op, source = graph.ops[layer[-1]], graph.sources[layer[-1]][0]
        match op:
            case Head():
                kept.append(head_sums(op, outputs[source]))
            case RealHead():
                kept.append(real_head_sums(op, outputs[source]))
            case Output():
                kept.append(outputs[source])  # the sums, whatever is made of them
            case _:
                kept.append(outputs[layer[-1]])
    return kept


class _Net(Builder):
    """A graph that grows: what there is, and what it may become."""

    def __init__(self, seed: int, channels: list[int]) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.channels = channels
        self.infos: list[TensorInfo] = []

    def put(self, op: Op, *sources: int) -> int:
        """Appends an operator; its position."""
        self.infos.append(infer(op, [self.infos[source] for source in sources]))
        return super().put(op, *sources)

    def name(self, what: str) -> str:
        return f"{len(self.ops)}.{what}"

    def pick(self, kind: Kind, shape: Shape | None = None) -> int | None:
        """A tensor of this kind, a late one rather than an early one."""
        found = [
            position
            for position, info in enumerate(self.infos)
            if info.kind is kind and (shape is None or info.shape == shape)
        ]
        if not found:
            return None
        return found[-1] if self.rng.random() < 0.75 else int(self.rng.choice(found))

    def last(self, kind: Kind) -> int | None:
        """The latest tensor of this kind."""
        return max((at for at, info in enumerate(self.infos) if info.kind is kind), default=None)

    def reals(self, count: int) -> NDArray[np.int16]:
        """Numbers of all sizes, the ends of int16 among them."""
        size = 2.0 ** self.rng.uniform(0, 15, count)
        numbers = self.rng.integers(-1, 2, count) * np.minimum(size, 32767)
        ends = self.rng.random(count)
        numbers = np.where(ends < 0.03, -32768, np.where(ends > 0.97, 32767, numbers))
        return numbers.astype(np.int16)

    def add_stem(self, image: Shape) -> None:
        rng = self.rng
        kernel, stride, padding = self.geometry(image)
        out = int(rng.choice(self.channels[:6]))
        weight = rng.integers(-127, 128, (out, image.channels, kernel, kernel)).astype(np.int8)
        pad_value = rng.integers(0, 256, image.channels).astype(np.uint8)
        stem = StemConv("stem", weight, stride, padding, pad_value, ceil=bool(rng.random() < 0.3))
        self.infos.append(infer(stem, [TensorInfo(Kind.U8, image)]))
        super().put(stem, IMAGE)
        spread = 40 * 127 * weight[0].size ** 0.5
        if rng.random() < 0.8:
            self.requantize(0, spread)
        else:
            self.threshold(0, spread)

    def geometry(self, source: Shape) -> tuple[int, int, int]:
        """Kernel, stride and padding that fit; often those that keep the sides."""
        if self.rng.random() < 0.6:
            return 3, 1 if self.rng.random() < 0.7 else 2, 1
        while True:
            kernel = int(self.rng.choice([1, 2, 3, 5, 7]))
            padding = int(self.rng.integers(0, kernel))
            if min(source.height, source.width) + 2 * padding >= kernel:
                return kernel, int(self.rng.choice([1, 1, 2])), padding

    def requantize(self, source: int, spread: float) -> int:
        """Results of a size that fits int16 mostly, of `spread` sums."""
        count = self.infos[source].shape.channels
        multiplier = self.reals(count)
        reach = np.abs(multiplier.astype(np.float64)) * spread
        fitting = np.log2(np.maximum(reach, 1)) - self.rng.uniform(7, 16, count)
        shift = np.clip(np.rint(fitting), 0, 31).astype(np.uint8)
        bias = np.rint(self.rng.normal(0, 1, count) * np.minimum(reach, 1 << 28))
        bias = np.where(self.rng.random(count) < 0.05, 1 << 30, bias)
        bias = np.where(self.rng.random(count) < 0.05, -(1 << 30), bias)
        bias = np.clip(bias, -(1 << 30), 1 << 30).astype(np.int32)
        return self.put(Requantize(self.name("norm"), multiplier, bias, shift, 8), source)

    def threshold(self, source: int, spread: float) -> int:
        count = self.infos[source].shape.channels
        value = np.rint(self.rng.normal(0, spread, count)).astype(np.int32)
        far = self.rng.random(count)
        value[far < 0.04] = np.iinfo(np.int32).min
        value[far > 0.96] = np.iinfo(np.int32).max
        kinds = [Compare.GE, Compare.LE, Compare.NEVER, Compare.ALWAYS]
        compare = self.rng.choice(kinds, count, p=(0.6, 0.3, 0.05, 0.05)).astype(np.uint8)
        return self.put(Threshold(self.name("sign"), value, compare), source)

    def add_step(self) -> None:
        steps = (self.block, self.block, self.block, self.on_reals, self.on_reals, self.bits_of, self.on_bits)
        steps[int(self.rng.integers(len(steps)))]()

    def bits_of(self) -> None:
        source = self.pick(Kind.REAL)
        if source is not None:
            self.threshold(source, float(2 ** self.rng.uniform(2, 13)))

    def block(self) -> None:
        """A binary convolution, to bits or to reals, perhaps with a shortcut."""
        rng = self.rng
        source = self.pick(Kind.BITS)
        if source is None:
            self.bits_of()
            return
        shape = self.infos[source].shape
        kernel, stride, padding = self.geometry(shape)
        out = shape.channels if rng.random() < 0.6 else int(rng.choice(self.channels))
        style = str(rng.choice(["binary", "ternary", "sparse", "family", "mixed", "zero"]))
        weight = random_weight(rng, (out, shape.channels, kernel, kernel), style)
        outside = Padding(int(rng.integers(0, 3)))
        if outside is Padding.ZERO and 2 * padding > 4:  # more border classes than the tree kernel may have
            outside = Padding.ONE
        conv = self.put(BinaryConv(self.name("conv"), weight, stride, padding, outside), source)
        spread = weight[0].size ** 0.5
        if rng.random() < 0.2:
            self.threshold(conv, spread)
            return
        made = self.requantize(conv, spread)
        self.shortcut(made, source)

    def shortcut(self, made: int, source: int) -> None:
        """A second tensor of the same shape, if there is one or one can be made, is added."""
        shape = self.infos[made].shape
        others = [
            position
            for position, info in enumerate(self.infos)
            if info.kind is Kind.REAL and info.shape == shape and position != made
        ]
        if others and self.rng.random() < 0.85:
            other = int(self.rng.choice(others[-3:]))
            pair = (made, other) if self.rng.random() < 0.5 else (other, made)
            self.put(Add(self.name("add")), *pair)

    def on_reals(self) -> None:
        rng, source = self.rng, self.pick(Kind.REAL)
        if source is None:
            return
        shape = self.infos[source].shape
        match int(rng.integers(6)):
            case 0:
                slope = self.reals(shape.channels)
                if rng.random() < 0.3:
                    slope[:] = 0
                op = PRelu(self.name("prelu"), self.reals(shape.channels), slope, self.reals(shape.channels))
                self.put(op, source)
            case 1:
                self.pool_means(source, shape)
            case 2:
                self.pool_maxima(source, shape)
            case 3:
                self.real_conv(source, shape)
            case 4:
                other = self.pick(Kind.REAL, shape)
                self.put(Add(self.name("add")), source, source if other is None else other)
            case _:
                self.join(Kind.REAL, source, shape)

    def on_bits(self) -> None:
        source = self.pick(Kind.BITS)
        if source is None:
            return
        shape = self.infos[source].shape
        if self.rng.random() < 0.5:
            self.join(Kind.BITS, source, shape)
        else:
            self.pool_maxima(source, shape)

    def join(self, kind: Kind, source: int, shape: Shape) -> None:
        """Two or three tensors with the same sides."""
        same = [
            position
            for position, info in enumerate(self.infos)
            if info.kind is kind and (info.shape.height, info.shape.width) == (shape.height, shape.width)
        ]
        others = [int(self.rng.choice(same)) for _ in range(int(self.rng.integers(1, 3)))]
        if sum(self.infos[at].shape.channels for at in (source, *others)) <= 130:
            self.put(Concat(self.name("join")), source, *others)

    def pool_maxima(self, source: int, shape: Shape) -> None:
        kernel, stride, padding = (2, 2, 0) if self.rng.random() < 0.4 else (3, 2, 1)
        if self.rng.random() < 0.3:
            kernel = int(self.rng.integers(2, 8))
            stride = int(self.rng.integers(1, kernel + 1))
            padding = int(self.rng.integers(0, kernel // 2 + 1))
        take_min = None
        if self.infos[source].kind is Kind.BITS and self.rng.random() < 0.5:
            take_min = self.rng.random(shape.channels) < 0.4
        if min(shape.height, shape.width) + 2 * padding >= kernel:
            ceil = bool(self.rng.random() < 0.4)
            self.put(MaxPool(self.name("pool"), take_min, kernel, stride, padding, ceil), source)

    def pool_means(self, source: int, shape: Shape) -> None:
        kernel, stride = (2, 2), 2
        if self.rng.random() < 0.3:
            kernel, stride = (shape.height, shape.width), 1
        elif self.rng.random() < 0.4:
            kernel = (int(self.rng.integers(1, 6)), int(self.rng.integers(1, 6)))
            stride = int(self.rng.integers(1, min(kernel) + 1))
        ceil = bool(self.rng.random() < 0.5)
        over = stride - 1 if ceil else 0
        if shape.height + over >= kernel[0] and shape.width + over >= kernel[1]:
            self.put(AvgPool(self.name("mean"), kernel, stride, ceil), source)

    def weight_rows(self, outputs: int, inputs: int) -> NDArray[np.int16]:
        """int16 [outputs, inputs]; the magnitudes of a row sum to 65,535 at most, of some to just that."""
        rows = np.zeros((outputs, inputs), np.int16)
        for row in rows:
            share = self.rng.dirichlet(np.full(inputs, float(2 ** self.rng.uniform(-4, 3))))
            reach = _ROW_MAX if self.rng.random() < 0.5 else 2 ** self.rng.uniform(0, 15)
            sizes = np.minimum(np.floor(share * reach), 32767)
            row[:] = np.where(self.rng.random(inputs) < 0.5, -sizes, sizes)
        return rows

    def real_conv(self, source: int, shape: Shape) -> None:
        rng = self.rng
        outputs = int(rng.choice(self.channels))
        weight = self.weight_rows(outputs, shape.channels)
        room = np.iinfo(np.int32).max - (np.abs(weight.astype(np.int64)).sum(axis=1) << 15)
        bias = np.clip(np.rint(rng.normal(0, 1 << 14, outputs)), -room, room)
        bias = np.where(rng.random(outputs) < 0.2, np.minimum(room, 1 << 30), bias).astype(np.int32)
        shift = rng.integers(0, 22, outputs).astype(np.uint8)
        self.put(RealConv(self.name("one"), weight, bias, shift, int(rng.choice([1, 2])), 8), source)

    def add_end(self) -> None:
        rng = self.rng
        bits, reals = self.last(Kind.BITS), self.last(Kind.REAL)
        outputs = int(rng.choice([1, 2, 3, 10]))
        scale = rng.normal(0, 0.1, outputs).astype(np.float32)
        bias = rng.normal(0, 1, outputs).astype(np.float32)
        if bits is not None and (reals is None or bits > reals):
            shape = self.infos[bits].shape
            if rng.random() < 0.4:
                weight = random_weight(rng, (outputs, shape.channels, 1, 1), "ternary")
                conv = self.put(BinaryConv("last", weight, 1, 0, Padding.ZERO), bits)
                kind = OutputKind(int(rng.integers(1, 4)))
                scaled = kind is OutputKind.FLOAT32
                self.put(Output("output", kind, scale if scaled else None, bias if scaled else None), conv)
                return
            inputs = shape.channels * shape.height * shape.width
            weights = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
            self.put(Head("head", weights, scale, bias), bits)
            return
        assert reals is not None
        shape = self.infos[reals].shape
        rows = self.weight_rows(outputs, shape.channels * shape.height * shape.width)
        self.put(RealHead("head", rows, scale, bias), reals)


def _without_dead_ends(
    ops: list[Op], wires: list[tuple[int, ...]]
) -> tuple[tuple[Op, ...], tuple[tuple[int, ...], ...]]:
    """What the last operator needs, in the same order."""
    needed = {len(ops) - 1}
    for position in range(len(ops) - 1, -1, -1):
        if position in needed:
            needed.update(source for source in wires[position] if source != IMAGE)
    kept = sorted(needed)
    moved = {position: index for index, position in enumerate(kept)} | {IMAGE: IMAGE}
    return (
        tuple(ops[position] for position in kept),
        tuple(tuple(moved[source] for source in wires[position]) for position in kept),
    )
