"""What a network calculates, in real numbers: between a framework's modules and the graph's operators.

    image = Value("", "image", Image(), (), Shape(3, 32, 32))
    sums = Value("conv1", "Conv2d", BinaryConvolution(...), (bits,), Shape(64, 32, 32))

An importer writes values as the framework says them, one step each. Whether a value is needed as a number or
only as its sign is not known before the whole network is: `lower.py` decides, and makes operators.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Padding, Shape

Floats = NDArray[np.float64]
_serial = itertools.count()


@dataclass(frozen=True, eq=False)
class Image:
    """The pixels, 0..255."""


@dataclass(frozen=True, eq=False)
class Stem:
    """Sums of int8 weights and pixels.

    `error` bounds |sum - the source's / scale|, [O], None where there is none; `loss` says where it is from.
    """

    weight: NDArray[np.int8]
    stride: int
    padding: int
    pad_value: NDArray[np.uint8]
    error: Floats | None = None
    loss: str = ""
    ceil: bool = False


@dataclass(frozen=True, eq=False)
class BinaryConvolution:
    """Sums of weights -1, 0, +1 and bits."""

    weight: NDArray[np.int8]
    stride: int
    padding: int
    outside: Padding


@dataclass(frozen=True, eq=False)
class RealConvolution:
    """A 1x1 convolution of numbers."""

    weight: Floats  # [O, C]
    stride: int


@dataclass(frozen=True, eq=False)
class Dense:
    """Fully connected: over all of a map (channel, row, column), or over a vector."""

    weight: Floats  # [O, K]


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """gamma (x - mean) / sqrt(var + eps) + beta. `learnt`: its statistics have seen data."""

    gamma: Floats
    beta: Floats
    mean: Floats
    var: Floats
    eps: float
    learnt: bool


@dataclass(frozen=True, eq=False)
class Affine:
    """scale x + bias, per channel."""

    scale: Floats
    bias: Floats

    @classmethod
    def identity(cls, channels: int) -> Affine:
        """The one that changes nothing."""
        return cls(np.ones(channels), np.zeros(channels))


@dataclass(frozen=True, eq=False)
class Clamp:
    """The nearest number of lowest..highest."""

    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class Slope:
    """x where x >= 0, slope x elsewhere: PReLU, leaky ReLU, ReLU (slope 0)."""

    slope: Floats


@dataclass(frozen=True, eq=False)
class Largest:
    """Max-pool of kernel x kernel."""

    kernel: int
    stride: int
    padding: int
    ceil: bool = False


@dataclass(frozen=True, eq=False)
class Mean:
    """Average pool over the pixels inside."""

    kernel: tuple[int, int]
    stride: int
    ceil: bool


@dataclass(frozen=True, eq=False)
class Sign:
    """+1 where x >= 0 (x > 0 if `strict`), else -1. `zero`: what the source gives for 0."""

    strict: bool = False
    zero: int = 1


@dataclass(frozen=True, eq=False)
class Frame:
    """Pixels of one activation around the image, taken in by the convolution behind."""

    amount: int
    value: int


@dataclass(frozen=True, eq=False)
class Sum:
    """x + y."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Channels of all, one after the other."""


@dataclass(frozen=True, eq=False)
class Flat:
    """A map as a vector, channel, row, column."""


@dataclass(frozen=True, eq=False)
class Ordered:
    """An end that keeps the order of the outputs: softmax and its logarithm."""


@dataclass(frozen=True, eq=False)
class Opaque:
    """An elementwise function that has no operator; good only as a part of one that has (a sign)."""


Step = (
    Image
    | Stem
    | BinaryConvolution
    | RealConvolution
    | Dense
    | BatchNorm
    | Affine
    | Clamp
    | Slope
    | Largest
    | Mean
    | Sign
    | Frame
    | Sum
    | Joined
    | Flat
    | Ordered
    | Opaque
)
PER_CHANNEL = (BatchNorm, Affine, Clamp, Slope)
"""Steps that are one function a channel."""


@dataclass(frozen=True, eq=False)
class Value:
    """One step's result. `path` is the source module's place, `label` what a person calls the step."""

    path: str
    label: str
    step: Step
    sources: tuple[Value, ...]
    shape: Shape
    serial: int = field(default_factory=lambda: next(_serial))

    @property
    def source(self) -> Value:
        """Its only source."""
        (source,) = self.sources
        return source

    @property
    def is_bits(self) -> bool:
        """Whether it is -1 and +1 alone."""
        if isinstance(self.step, Sign):
            return True
        passed_on = isinstance(self.step, Largest | Frame | Flat | Joined)
        return passed_on and all(source.is_bits for source in self.sources)


def in_order(end: Value) -> list[Value]:
    """`end` and all that it needs, each behind its sources."""
    seen, waiting = {end}, [end]
    while waiting:
        for source in waiting.pop().sources:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return sorted(seen, key=lambda value: value.serial)


def back_from(value: Value) -> Iterator[Value]:
    """`value`, its source, and so on, as long as there is one source."""
    yield value
    while len(value.sources) == 1:
        value = value.source
        yield value


def refuse(path: str, label: str, why: str, fix: str = "") -> NoReturn:
    """The error of a network that cannot be compiled, naming the layer, the reason and what works."""
    raise SpanbitError(
        f"unsupported layer of type {label}",
        where=f"layer {path or '(the module itself)'}",
        why=why,
        fix=fix,
        code=ExitCode.UNSUPPORTED_MODEL,
    )


def refuse_opaque(value: Value) -> NoReturn:
    """The error of an elementwise function that has no operator."""
    refuse(
        value.path,
        value.label,
        "it has no operator in a compiled network, and is no part of a sign",
        "use sign, ReLU, PReLU, Hardtanh, or scales and shifts a channel",
    )
