"""The layer shapes that the benchmarks run are those of the literature's networks."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from spanbit.errors import SpanbitError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
from shapes import Layer, load_shapes, networks

# Bits and bit-OPs as the literature quotes them for the uncompressed networks.
COUNTED = {
    "vgg-small": (4_571_136, 603_979_776),
    "resnet20": (267_264, 40_108_032),
    "resnet18-cifar": (10_985_472, 547_356_672),
    "resnet18-imagenet": (10_985_472, 1_676_279_808),
}


@pytest.mark.parametrize("name", networks())
def test_bits_and_bit_operations_are_the_literatures(name: str) -> None:
    network = load_shapes(name)
    assert (network.bits, network.bit_ops) == COUNTED[name]


@pytest.mark.parametrize("name", networks())
def test_each_layer_fits_the_one_before_it(name: str) -> None:
    layers = load_shapes(name).layers
    for first, second in itertools.pairwise(layers):
        assert second.in_channels == first.out_channels
        assert second.size == first.out_size // (2 if first.pool else 1)


def test_a_layer_says_what_it_is() -> None:
    layer = Layer("a", 64, 128, 3, 2, 1, 56)
    assert (layer.taps, layer.out_size, layer.pixels, layer.bits) == (576, 28, 784, 73_728)
    assert str(layer) == "64 -> 128, 3x3/2, 56x56"


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(SpanbitError, match="vgg-small"):
        load_shapes("vgg-tiny")
