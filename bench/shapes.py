"""Layer shapes of known networks, as data: bench/shapes/NAME.toml, one table for each binary convolution.

    network = load_shapes("vgg-small")
    network.layers[0].taps, network.bits, network.bit_ops

A layer that occurs several times stands once, with its `count`. `size` is the side of the square input,
`pool = true` says that a 2x2 max-pool follows. Sums over a network are counted as the literature does
(1 bit-OP is one binary multiply-accumulate); tests/test_bench_shapes.py holds them to its numbers.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

_toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

SHAPES = Path(__file__).resolve().parent / "shapes"


@dataclass(frozen=True)
class Layer:
    """One binary convolution on a square image."""

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    size: int
    count: int = 1
    pool: bool = False

    @property
    def taps(self) -> int:
        """Taps of one output channel."""
        return self.in_channels * self.kernel**2

    @property
    def out_size(self) -> int:
        """Side of the output, before a pool."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def pixels(self) -> int:
        """Pixels of the output, before a pool."""
        return self.out_size**2

    @property
    def bits(self) -> int:
        """Weights of all occurrences."""
        return self.count * self.out_channels * self.taps

    def alone(self) -> Layer:
        """The convolution without what follows it."""
        return replace(self, pool=False)

    def __str__(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        side = f"{self.size}x{self.size}"
        return f"{self.in_channels} -> {self.out_channels}, {self.kernel}x{self.kernel}{stride}, {side}"


@dataclass(frozen=True)
class Network:
    """The binary convolutions of a network."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def bits(self) -> int:
        """Binary weights."""
        return sum(layer.bits for layer in self.layers)

    @property
    def bit_ops(self) -> int:
        """Binary multiply-accumulates of one image."""
        return sum(layer.bits * layer.pixels for layer in self.layers)


def networks() -> tuple[str, ...]:
    """The names that `load_shapes` knows."""
    return tuple(sorted(path.stem for path in SHAPES.glob("*.toml")))


def load_shapes(name: str) -> Network:
    """The network of bench/shapes/<name>.toml.

    Raises:
        SpanbitError: there is no such file, or it is not what a shapes file is.
    """
    path = SHAPES / f"{name}.toml"
    if name not in networks():
        fix = f"use one of {', '.join(networks())}"
        raise SpanbitError(f"no network {name!r} in bench/shapes", fix=fix, code=ExitCode.USAGE)
    try:
        data = _toml.loads(path.read_text())
        return Network(data["name"], tuple(Layer(**table) for table in data["layer"]))
    except (ValueError, KeyError, TypeError) as error:
        fix = "write it like its neighbours"
        raise SpanbitError("not a shapes file", where=str(path), why=str(error), fix=fix) from error
