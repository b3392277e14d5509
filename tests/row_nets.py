"""Networks whose first layers take an image row by row: a stem, and mostly a pool behind it, of all shapes.

graph = row_graph(seed)
graph = camera_graph()      # the layers of a residual network for large images, few channels
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spanbit.graph import (
    IMAGE,
    Add,
    BinaryConv,
    Builder,
    Compare,
    Graph,
    Head,
    Kind,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.infer import TensorInfo, infer

_CLASSES = 3


class _Net(Builder):
    """Remembers what the last operator delivers."""

    def __init__(self, image: Shape) -> None:
        super().__init__()
        self.image, self.at = image, IMAGE
        self.made = TensorInfo(Kind.U8, image)

    def append(self, op: StemConv | MaxPool | Requantize | Threshold | Head | RealHead) -> None:
        self.made = infer(op, [self.made])
        self.at = self.put(op, self.at)


def row_graph(seed: int) -> Graph:
    """Stem, pool, head: bits or reals between them; maxima and minima; windows that leave the image.

    Raises:
        SpanbitError: the seed's shapes do not go together.
    """
    rng = np.random.default_rng(seed)
    channels, kernel, stride = int(rng.integers(1, 4)), int(rng.integers(1, 8)), int(rng.integers(1, 3))
    net = _Net(Shape(channels, int(rng.integers(1, 40)), int(rng.integers(1, 100))))
    outputs = int(rng.integers(1, 20))
    weight = rng.integers(-128, 128, (outputs, channels, kernel, kernel)).astype(np.int8)
    pad_value = rng.integers(0, 256, channels).astype(np.uint8)
    padding, ceil = int(rng.integers(0, kernel)), bool(rng.random() < 0.5)
    net.append(StemConv("stem", weight, stride, padding, pad_value, ceil))
    pool = int(rng.integers(2, 6))
    window = (
        pool,
        int(rng.integers(1, pool + 1)),
        int(rng.integers(0, pool // 2 + 1)),
        bool(rng.random() < 0.5),
    )
    early = rng.random() < 0.4  # a pool of sums, which the compiler moves: of some channels the minimum
    if early:
        net.append(MaxPool("pool"))
    if rng.random() < 0.5:
        scale = rng.integers(-99, 99, outputs).astype(np.int16)
        shift = rng.integers(6, 10, outputs).astype(np.uint8)
        net.append(Requantize("reals", scale, rng.integers(-999, 999, outputs).astype(np.int32), shift))
    else:
        value = rng.integers(-9000, 9000, outputs).astype(np.int32)
        net.append(Threshold("bits", value, rng.integers(0, 4, outputs).astype(np.uint8)))
    if not early and rng.random() < 0.8:
        net.append(MaxPool("pool", None, *window))
    size = net.made.shape.channels * net.made.shape.height * net.made.shape.width
    ones = np.ones(_CLASSES, np.float32)
    if net.made.kind is Kind.REAL:
        net.append(RealHead("head", rng.integers(-1, 2, (_CLASSES, size)).astype(np.int16), ones, 0 * ones))
    else:
        net.append(Head("head", rng.integers(-9, 10, (_CLASSES, size)).astype(np.int8), ones, 0 * ones))
    return net.graph(f"rows_{seed}", net.image)


def camera_graph() -> Graph:
    """7x7 stem with stride 2, pool of reals, a block with its shortcut, sums of 10 classes: no floats."""
    rng, net, channels = np.random.default_rng(4), Builder(), 8

    def norm(name: str, source: int, shift: int) -> int:
        multiplier = rng.integers(-999, 999, channels).astype(np.int16)
        shifts = np.full(channels, shift, np.uint8)
        return net.put(Requantize(name, multiplier, np.zeros(channels, np.int32), shifts), source)

    def sign(name: str, source: int) -> int:
        value = rng.integers(-99, 99, channels).astype(np.int32)
        return net.put(Threshold(name, value, np.full(channels, Compare.GE, np.uint8)), source)

    def ternary(out: int, kernel_h: int, kernel_w: int) -> NDArray[np.int8]:
        return rng.integers(-1, 2, (out, channels, kernel_h, kernel_w)).astype(np.int8)

    weight = rng.integers(-127, 128, (channels, 3, 7, 7)).astype(np.int8)
    stem = net.put(StemConv("stem", weight, 2, 3, np.full(3, 99, np.uint8)), IMAGE)
    pool = net.put(MaxPool("pool", None, 3, 2, 1), norm("norm", stem, 18))
    conv = net.put(BinaryConv("conv", ternary(channels, 3, 3), 1, 1, Padding.ZERO), sign("sign", pool))
    added = net.put(Add("add"), norm("conv.norm", conv, 4), pool)
    half = net.put(MaxPool("half", None, 2, 2, 0), added)
    last = BinaryConv("last", ternary(10, 5, 5), 2, 0, Padding.MINUS_ONE)
    net.put(Output("sums", OutputKind.INT16), net.put(last, sign("last.sign", half)))
    return net.graph("camera", Shape(3, 40, 48))
