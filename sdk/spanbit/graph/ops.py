"""A network as data: typed operators and the wires between them. No behaviour lives here.

Operators stand in an order of calculation: each takes what operators before it deliver, the first the image.
Most networks are chains, which need no wires; a shortcut needs them. The last operator is a head, or an
`Output` behind a binary convolution. Tensors between operators are one of four kinds:

    U8    uint8  [H, W, C]   the image, as a camera delivers it (rows of interleaved channels)
    INT   int32  [C, H, W]   accumulators P = sum_k w_k a_k
    BITS  bool   [C, H, W]   a = +1 is True, a = -1 is False
    REAL  int16  [C, H, W]   fixed point: what the source network calculates in real numbers, as a shortcut

Operators on REAL tensors saturate: sat(v) is the nearest number of int16. `>>` rounds down, as Python's.

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
    REAL = "real"
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
    Normalisation is folded into the weights and into the threshold that follows. U8 -> INT. With `ceil` a
    last window may leave the padded image below and to the right, as TensorFlow's "same" has it.
    """

    name: str
    weight: NDArray[np.int8]  # [O, C, kh, kw]
    stride: int
    padding: int
    pad_value: NDArray[np.uint8]  # [C]
    ceil: bool = False


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
    """Batch-norm and sign as one exact integer comparison a channel. INT -> BITS or REAL -> BITS."""

    name: str
    value: NDArray[np.int32]  # [C]
    compare: NDArray[np.uint8]  # [C], values of Compare


@dataclass(frozen=True, eq=False)
class MaxPool:
    """Maximum of kernel x kernel. INT -> INT, BITS -> BITS or REAL -> REAL; INT as 2x2 with stride 2 only.

    Outside the image nothing wins. On bits it is OR; channels with `take_min` use AND (a pool moved behind a
    threshold with gamma < 0). With `ceil` a last window may leave the padded image, if it begins in the image
    or in front of it.
    """

    name: str
    take_min: NDArray[np.bool_] | None = None  # [C]; None means no channel; BITS only
    kernel: int = 2
    stride: int = 2
    padding: int = 0
    ceil: bool = False


@dataclass(frozen=True, eq=False)
class Requantize:
    """A batch-norm whose result is needed as a number: y = sat((multiplier[c] P + bias[c]) >> shift[c]).

    INT -> REAL. `bias` has the half that makes the shift round to the nearest.
    """

    name: str
    multiplier: NDArray[np.int16]  # [C]
    bias: NDArray[np.int32]  # [C]
    shift: NDArray[np.uint8]  # [C], 0 .. 31
    fraction: int = 0  # bits of y behind the point; for reports


@dataclass(frozen=True, eq=False)
class Add:
    """sat(x + y): the end of a shortcut. Two REAL -> REAL, both with as many bits behind the point."""

    name: str


@dataclass(frozen=True, eq=False)
class PRelu:
    """Shifted PReLU (ReActNet's RPReLU; ReLU with a slope of 0). REAL -> REAL.

    d = sat(x + before[c]);  y = sat((d if d >= 0 else (slope[c] d + 2^13) >> 14) + after[c])
    """

    name: str
    before: NDArray[np.int16]  # [C]
    slope: NDArray[np.int16]  # [C], in units of 2^-14
    after: NDArray[np.int16]  # [C]


@dataclass(frozen=True, eq=False)
class AvgPool:
    """Mean of windows, rounded to the nearest, halves up: floor((2 sum + n) / (2 n)). REAL -> REAL.

    With `ceil` a last window may leave the image: it is the mean of its n pixels inside.
    """

    name: str
    kernel: tuple[int, int]
    stride: int
    ceil: bool = False


@dataclass(frozen=True, eq=False)
class RealConv:
    """1x1 convolution of numbers: y = sat((sum_k weight[o, k] x_k + bias[o]) >> shift[o]). REAL -> REAL.

    Its sums stay inside int32: 2^15 sum_k |weight[o, k]| + |bias[o]| < 2^31.
    """

    name: str
    weight: NDArray[np.int16]  # [O, C]
    bias: NDArray[np.int32]  # [O]
    shift: NDArray[np.uint8]  # [O], 0 .. 31
    stride: int = 1
    fraction: int = 0  # bits of y behind the point; for reports


@dataclass(frozen=True, eq=False)
class Concat:
    """Channels of all sources, one after the other. BITS -> BITS or REAL -> REAL."""

    name: str


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
class RealHead:
    """Fully connected, numbers to logits: logit[o] = scale[o] * sum_k w[o,k] x_k + bias[o]. REAL -> LOGITS.

    As `Head`, but its sums stay inside int32 because sum_k |w[o,k]| is at most 65535.
    """

    name: str
    weight: NDArray[np.int16]  # [O, C*H*W]
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


Op = (
    StemConv
    | BinaryConv
    | Threshold
    | MaxPool
    | Requantize
    | Add
    | PRelu
    | AvgPool
    | RealConv
    | Concat
    | Head
    | RealHead
    | Output
)

IMAGE = -1
"""In the place of an operator's position: the image."""

Wires = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators and the image they take. Build it, then `validate` it (graph/validate.py).

    `wires` has for each operator the positions of those that feed it; None: a chain. Operators in two
    neighbouring positions may change places without any wire being touched.
    """

    name: str
    input: Shape
    ops: tuple[Op, ...]
    class_names: tuple[str, ...] = field(default=())
    wires: Wires | None = None

    @property
    def sources(self) -> Wires:
        """For each operator the positions of those that feed it, `IMAGE` for the image."""
        return chain(len(self.ops)) if self.wires is None else self.wires

    def consumers(self) -> list[list[int]]:
        """For each operator the positions of those that it feeds."""
        fed: list[list[int]] = [[] for _ in self.ops]
        for position, sources in enumerate(self.sources):
            for source in sources:
                if source != IMAGE:
                    fed[source].append(position)
        return fed


def chain(count: int) -> Wires:
    """The wires of so many operators, each feeding the next."""
    return tuple((position - 1,) for position in range(count))
