"""A small residual network for the budgets: every operator on reals, with the shapes that networks have.

graph = residual()
"""

from __future__ import annotations

import numpy as np
from spanbit.graph import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Builder,
    Compare,
    Concat,
    Graph,
    MaxPool,
    Padding,
    PRelu,
    RealConv,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.tree.synthetic import sparse_ternary_layer

_COST = 0.1
_CHANNELS = 64


class _Net(Builder):
    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.default_rng(0)

    def reals(self, count: int, low: int, high: int) -> np.ndarray:
        return self.random.integers(low, high, count).astype(np.int16)

    def norm(self, name: str, source: int, channels: int, shift: int) -> int:
        multiplier, bias = self.reals(channels, 8000, 16000), np.full(channels, 1 << (shift - 1), np.int32)
        scaled = Requantize(f"{name}.norm", multiplier, bias, np.full(channels, shift, np.uint8), 8)
        return self.put(scaled, source)

    def sign(self, name: str, source: int, channels: int) -> int:
        value = self.random.integers(-99, 99, channels).astype(np.int32)
        return self.put(Threshold(name, value, np.full(channels, Compare.GE, np.uint8)), source)

    def conv(self, name: str, source: int, before: int, after: int) -> int:
        weight = sparse_ternary_layer(after, before, 3, _COST, len(self.ops))
        return self.norm(name, self.put(BinaryConv(name, weight, 1, 1, Padding.ZERO), source), after, 6)


def residual() -> Graph:
    """Images of 112x112: a stem, a block of 56x56, one that halves it to 28x28, concatenations, means."""
    net = _Net()
    random, channels = net.random, _CHANNELS
    image = random.integers(-127, 128, (channels, 3, 7, 7)).astype(np.int8)
    stem = net.put(StemConv("stem", image, 2, 3, np.zeros(3, np.uint8)), IMAGE)
    x = net.norm("stem", stem, channels, 20)
    rows = (net.reals(channels, -99, 99), net.reals(channels, 0, 9000), net.reals(channels, -99, 99))
    x = net.put(PRelu("prelu 56", *rows), x)
    x = net.put(Add("add 56"), net.conv("conv 56", net.sign("sign 56", x, channels), channels, channels), x)
    y = net.put(MaxPool("pool 28", kernel=3, stride=2, padding=1), x)
    y = net.conv("conv 28", net.sign("sign 28", y, channels), channels, 2 * channels)
    weight = random.integers(-300, 300, (2 * channels, channels)).astype(np.int16)
    shift = np.full(2 * channels, 10, np.uint8)
    one = RealConv("one 28", weight, np.zeros(2 * channels, np.int32), shift, 1, 8)
    y = net.put(Add("add 28"), y, net.put(one, net.put(AvgPool("mean 28", (2, 2), 2), x)))
    z = net.put(Add("twice 28"), y, y)
    z = net.put(Concat("join 28"), y, z)
    z = net.put(Concat("join more 28"), z, net.put(MaxPool("largest 28", kernel=3, stride=2, padding=1), x))
    z = net.put(AvgPool("mean 1", (28, 28), 1), z)
    rows_of_head = random.integers(-127, 128, (10, 5 * channels)).astype(np.int16)
    net.put(RealHead("head", rows_of_head, np.ones(10, np.float32), np.zeros(10, np.float32)), z)
    return net.graph("residual", Shape(3, 112, 112))
