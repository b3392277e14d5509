"""A network as data: a chain of typed operators. No behaviour lives here.

A graph is a chain: the input image feeds operator 0, operator i feeds operator i + 1, the last one
is the `Head`, or an `Output` behind a binary convolution. Tensors between operators are one of three kinds:

    U8    uint8  [H, W, C]   the image, as a camera delivers it (rows of interleaved channels)
    INT   int32  [C, H, W]   accumulators P = sum_k w_k a_k
    BITS  bool   [C, H, W]   a = +1 is True, a = -1 is False

The importers build a graph as the training framework sees it (conv, pool, threshold one after the
other); `spanbit.passes` rewrites it; `spanbit.reference` gives every operator its meaning in numpy.
All arrays are C-contiguous and never written to after construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

from spanbit.tree import ChannelTree


class Kind(Enum):
    """What a tensor between two operators holds."""

    U8 = "u8"
    INT = "int32"
    BITS = "bits"
    INT16 = "int16"
    FLOAT = "float32"
    LOGITS = "logits"


@dataclass(frozen=True)
class Shape:
    """Channels, rows and columns of a tensor."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


class Compare(IntEnum):
    """How a threshold compares. The numbers are the bundle's."""

    GE = 0  # bit = (P >= value)
    LE = 1  # bit = (P <= value)
    NEVER = 2  # bit = 0, whatever P is
    ALWAYS = 3  # bit = 1


class Padding(IntEnum):
    """What a tap outside the image adds: its weight times -1, +1 or 0. The numbers are the bundle's."""

    MINUS_ONE = 0
    ONE = 1
    ZERO = 2

    @property
    def activation(self) -> int:
        """The activation outside the image."""
        return (-1, 1, 0)[self]


class OutputKind(IntEnum):
    """What a binary convolution delivers. The numbers are the bundle's."""

    BITS = 0  # behind a threshold
    INT16 = 1  # the sums P
    INT32 = 2
    FLOAT32 = 3  # scale * P + bias


class KernelKind(IntEnum):
    """Which kernel runs a binary convolution. The numbers are the bundle's."""

    TREE = 1
    DENSE = 2


@dataclass(frozen=True, eq=False)
class StemConv:
    """8-bit convolution on the image, symmetric int8 weights: P[o] = sum w[o,c,y,x] * u8 pixel.

    Pixels outside the image have the value `pad_value[c]` (the normalisation's zero, rounded).
    Normalisation is folded into the weights and into the threshold that follows. U8 -> INT.
    """

    name: str
    weight: NDArray[np.int8]  # [O, C, kh, kw]
    stride: int
    padding: int
    pad_value: NDArray[np.uint8]  # [C]


@dataclass(frozen=True, eq=False)
class BinaryConv:
    """Convolution of bits with weights in {-1, 0, +1}: P = sum w * a, a in {-1, +1}. BITS -> INT.

    Taps outside the image have the activation of `outside`.
    """

    name: str
    weight: NDArray[np.int8]  # [O, C, kh, kw], values -1, 0, +1
    stride: int
    padding: int
    outside: Padding
    tree: ChannelTree | None = None  # set by passes.build_trees
    kernel: KernelKind | None = None  # set by passes.choose_kernels
    kernel_reason: str = ""


@dataclass(frozen=True, eq=False)
class Threshold:
    """Batch-norm and sign as one exact integer comparison a channel. INT -> BITS."""

    name: str
    value: NDArray[np.int32]  # [C]
    compare: NDArray[np.uint8]  # [C], values of Compare


@dataclass(frozen=True, eq=False)
class MaxPool2x2:
    """2x2 maximum, stride 2, an odd last row or column dropped. INT -> INT or BITS -> BITS.

    On bits it is OR; channels with `take_min` use AND (a pool moved behind a threshold with gamma < 0).
    """

    name: str
    take_min: NDArray[np.bool_] | None = None  # [C]; None means no channel


@dataclass(frozen=True, eq=False)
class Head:
    """Fully connected, bits to logits: logit[o] = scale[o] * sum_k w[o,k] a_k + bias[o]. BITS -> LOGITS.

    The sum is an exact int32; the last line is float32 (one multiply, one add, each rounded).
    k runs over (channel, row, column), as torch.flatten does.
    """

    name: str
    weight: NDArray[np.int8]  # [O, C*H*W], any int8 but -128
    scale: NDArray[np.float32]  # [O]
    bias: NDArray[np.float32]  # [O]


@dataclass(frozen=True, eq=False)
class Output:
    """What a network that ends in a binary convolution delivers, and the layer's last step. INT -> a result.

    INT16 and INT32 are the sums P as they are. FLOAT32 is scale[c] * P + bias[c], one multiplication and one
    addition, each rounded, as `Head` has it.
    """

    name: str
    kind: OutputKind
    scale: NDArray[np.float32] | None = None  # [C], of FLOAT32 only
    bias: NDArray[np.float32] | None = None


Op = StemConv | BinaryConv | Threshold | MaxPool2x2 | Head | Output


@dataclass(frozen=True, eq=False)
class Graph:
    """A chain of operators and the image it takes. Build it, then `validate` it (graph/validate.py)."""

    name: str
    input: Shape
    ops: tuple[Op, ...]
    class_names: tuple[str, ...] = field(default=())
