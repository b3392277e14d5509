"""Graphs that are no chains: which layers they have, what is refused, and how a bundle keeps them."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from spanbit.bundle import read_bundle, write_bundle
from spanbit.errors import SpanbitError
from spanbit.graph import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Builder,
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
    in_layers,
    layers_of,
    validate,
)
from spanbit.passes import compile_graph
from spanbit.passes.compiled import CompiledGraph
from spanbit.passes.memory import output_bytes
from spanbit.reference import run_graph
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from spanbit.verify import compare_runtime

SIDE, CHANNELS = 9, 4


def residual() -> Graph:
    """Stem, a block with a plain shortcut, one that halves the image, one that ends in a concatenation."""
    random = np.random.default_rng(3)
    net = Builder()
    put = net.put

    def scaled(name: str, channels: int) -> Requantize:
        return Requantize(
            name,
            random.integers(-300, 300, channels).astype(np.int16),
            random.integers(-9000, 9000, channels).astype(np.int32),
            random.integers(4, 8, channels).astype(np.uint8),
        )

    def sign(name: str, channels: int) -> Threshold:
        return Threshold(
            name,
            random.integers(-300, 300, channels).astype(np.int32),
            random.integers(0, 4, channels).astype(np.uint8),
        )

    def conv(name: str, after: int, before: int, stride: int = 1) -> BinaryConv:
        weight = random.integers(-1, 2, (after, before, 3, 3)).astype(np.int8)
        return BinaryConv(name, weight, stride, 1, Padding.ZERO)

    image = random.integers(-20, 20, (CHANNELS, 1, 3, 3)).astype(np.int8)
    stem = put(StemConv("stem", image, 1, 1, np.zeros(1, np.uint8)), IMAGE)
    pool = put(MaxPool("pool"), stem)  # before the numbers are made: compiling moves it
    x = put(scaled("stem.norm", CHANNELS), pool)

    bits = put(sign("one.sign", CHANNELS), x)
    normed = put(scaled("one.norm", CHANNELS), put(conv("one", CHANNELS, CHANNELS), bits))
    x = put(Add("one.add"), x, normed)
    halves = (random.integers(-90, 90, CHANNELS).astype(np.int16) for _ in range(3))
    x = put(PRelu("one.prelu", *halves), x)

    mean = put(AvgPool("two.mean", (2, 2), 2), x)
    weight = random.integers(-90, 90, (2 * CHANNELS, CHANNELS)).astype(np.int16)
    bias, shift = np.zeros(2 * CHANNELS, np.int32), np.full(2 * CHANNELS, 6, np.uint8)
    shortcut = put(RealConv("two.shortcut", weight, bias, shift), mean)
    bits = put(sign("two.sign", CHANNELS), x)
    normed = put(scaled("two.norm", 2 * CHANNELS), put(conv("two", 2 * CHANNELS, CHANNELS, 2), bits))
    x = put(Add("two.add"), normed, shortcut)

    x = put(Concat("cat"), x, shortcut, x)
    last = 3 * 2 * CHANNELS * 4
    scale = random.random(3).astype(np.float32)
    put(RealHead("head", random.integers(-9, 9, (3, last)).astype(np.int16), scale, scale), x)
    return net.graph("residual", Shape(1, SIDE, SIDE))


def _image() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 1)).astype(np.uint8)


def _compiled() -> CompiledGraph:
    return compile_graph(residual(), load_target("rpi4"))


def test_a_convolution_takes_its_numbers_and_its_addition() -> None:
    graph = in_layers(residual())
    names = [[graph.ops[at].name for at in layer] for layer in layers_of(graph)]
    assert ["one", "one.norm", "one.add"] in names
    assert ["two", "two.norm", "two.add"] in names
    assert ["two.shortcut"] in names and ["one.sign"] in names
    flat = [at for layer in layers_of(graph) for at in layer]
    assert flat == list(range(len(graph.ops)))


def test_ordering_and_compiling_keep_the_function() -> None:
    graph, image = residual(), _image()
    wanted = run_graph(graph, image)[-1]
    assert np.array_equal(run_graph(in_layers(graph), image)[-1], wanted)
    assert np.array_equal(run_graph(_compiled().graph, image)[-1], wanted)


def test_a_bundle_keeps_wires_and_places() -> None:
    compiled, image = _compiled(), _image()
    data = write_bundle(compiled, image[None])
    read = read_bundle(data)
    assert np.array_equal(run_graph(read.graph, image)[-1], run_graph(compiled.graph, image)[-1])
    assert write_bundle(read.compiled, image[None]) == data


@pytest.mark.parametrize("isa", isas())
@pytest.mark.parametrize("threads", [1, 3])
def test_the_runtime_gives_the_same_integers(isa: str, threads: int) -> None:
    """Pools behind negative factors among them, which are minima."""
    compiled, image = _compiled(), _image()
    pools = [layer.op for layer in compiled.layers if isinstance(layer.op, MaxPool)]
    assert any(pool.take_min is not None and pool.take_min.any() for pool in pools)
    data = write_bundle(compiled, image[None])
    assert compare_runtime(data, image[None], isa=isa) == ""
    Model(data, isa, threads=threads).check_golden()


def test_tensors_live_from_first_to_last_use_and_apart() -> None:
    compiled = _compiled()
    layers = compiled.layers
    last = {
        source: index for index, layer in enumerate(layers) for source in layer.sources if source != IMAGE
    }
    for index, layer in enumerate(layers):
        alive = [at for at in range(index + 1) if last.get(at, index) >= index]
        places = {}
        for at in alive:  # one that is written over has the same place: it counts once
            begin = layers[at].out_arena
            places[begin] = max(places.get(begin, 0), begin + output_bytes(layers[at]))
        if layer.scratch_bytes:
            assert layer.scratch_arena not in places
            places[layer.scratch_arena] = layer.scratch_arena + layer.scratch_bytes
        spans = sorted(places.items())
        for (_, end), (begin, _) in pairwise(spans):
            assert end <= begin
        assert spans[0][0] >= compiled.tables_bytes and spans[-1][1] <= compiled.arena_bytes - 64


def test_a_shortcut_is_written_over_at_its_last_use() -> None:
    layers = {layer.op.name: layer for layer in _compiled().layers}
    assert layers["one"].second_arena == layers["one"].out_arena
    assert layers["one.prelu"].in_arena == layers["one.prelu"].out_arena
    assert layers["two"].second_arena != layers["two"].out_arena  # the concatenation takes the shortcut too


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda wires: (*wires[:4], (9,), *wires[5:]), "'one'.* its own place is 4"),
        (lambda wires: (*wires[:3], (IMAGE,), *wires[4:]), "'one.sign'.* only the first operator"),
        (lambda wires: (*wires[:6], (2, 2), *wires[7:]), "'one.norm'.*nothing takes"),
        (lambda wires: (*wires[:6], (2,), *wires[7:]), "'one.norm'.*nothing takes"),
        (lambda wires: (*wires[:3], (1,), *wires[4:]), "'pool'.*more than one operator"),
        (lambda wires: wires[:-1], "wires for"),
    ],
)
def test_wires_that_cannot_be_are_refused(change: object, says: str) -> None:
    graph = residual()
    assert callable(change)
    with pytest.raises(SpanbitError) as refusal:
        validate(replace(graph, wires=change(graph.wires)))
    assert re.search(says, f"{refusal.value.where} {refusal.value.what}")


def test_what_writes_over_a_living_tensor_is_refused() -> None:
    """A bundle whose third layer puts its output where the shortcut lies, which a later layer takes."""
    data = bytearray(write_bundle(_compiled(), _image()[None]))
    layers = list(_compiled().layers)
    names = [layer.op.name for layer in layers]
    sign, stem = layers[names.index("one.sign")], layers[names.index("pool")]
    at = 96 + 128 * names.index("one.sign") + 24
    data[at : at + 4] = stem.out_arena.to_bytes(4, "little")
    assert sign.out_arena != stem.out_arena
    data[12:16] = zlib.crc32(data[16:]).to_bytes(4, "little")
    with pytest.raises(SpanbitError) as refusal:
        read_bundle(bytes(data))
    assert "overlap" in str(refusal.value.why)
