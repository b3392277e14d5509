"""Windows that leave the image below and to the right: ceil_mode of a pool, TensorFlow's "same" of a stem."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nets import random_image
from residual_nets import layer_outputs
from spanbit.bundle import read_bundle, write_bundle
from spanbit.errors import SpanbitError
from spanbit.graph import (
    IMAGE,
    Compare,
    Graph,
    Head,
    Kind,
    MaxPool,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.builder import Builder
from spanbit.graph.infer import TensorInfo, conv_side, infer
from spanbit.importers import from_torch
from spanbit.nn import BatchNormSign, BinaryConv2d, StemConv2d
from spanbit.passes import compile_graph
from spanbit.reference import run_graph
from spanbit.reference.operators import max_pool, stem_conv
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from torch import nn

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 80))


@given(SIDES, st.integers(2, 7), st.data())
@settings(max_examples=150, deadline=None)
def test_a_pool_is_pytorchs(sides: tuple[int, int], kernel: int, data: st.DataObject) -> None:
    stride, padding = data.draw(st.integers(1, kernel)), data.draw(st.integers(0, kernel // 2))
    assume(min(sides) + 2 * padding >= kernel)
    image = np.random.default_rng(sides[0]).integers(-99, 99, (2, *sides)).astype(np.int16)
    op = MaxPool("pool", None, kernel, stride, padding, ceil=True)
    ours = max_pool(op, image)
    theirs = nn.functional.max_pool2d(
        torch.from_numpy(image).double(), kernel, stride, padding, ceil_mode=True
    )
    assert np.array_equal(ours, theirs.numpy())
    assert infer(op, [TensorInfo(Kind.REAL, Shape(2, *sides))]).shape == Shape(*ours.shape)


@given(st.integers(1, 30), st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_a_stem_with_stride_2_is_tensorflows_same(side: int, kernel: int) -> None:
    total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
    before, behind = total // 2, total - total // 2
    assume(before < kernel and conv_side(side, kernel, 2, before, ceil=True) == -(-side // 2))
    random = np.random.default_rng(side)
    weight = random.integers(-9, 9, (3, 1, kernel, kernel)).astype(np.int8)
    image = random.integers(0, 256, (side, side, 1)).astype(np.uint8)
    ours = stem_conv(StemConv("stem", weight, 2, before, np.array([7], np.uint8), ceil=True), image)
    framed = np.pad(image[..., 0], (before, behind), constant_values=7)
    theirs = nn.functional.conv2d(
        torch.from_numpy(framed.astype(np.float64))[None, None], torch.from_numpy(weight).double(), stride=2
    )[0]
    assert np.array_equal(ours, theirs.numpy())


def _network(random: np.random.Generator, sides: tuple[int, int], geometry: tuple[int, ...]) -> Graph:
    """Stem, numbers, a pool, signs, a pool of bits, head: all that can leave the image."""
    kernel, stride, padding, pool, pool_stride, pool_padding = geometry
    channels = 9
    net = Builder()
    weight = random.integers(-127, 128, (channels, 2, kernel, kernel)).astype(np.int8)
    pad_value = random.integers(0, 256, 2).astype(np.uint8)
    at = net.put(StemConv("stem", weight, stride, padding, pad_value, ceil=True), IMAGE)
    scale = random.integers(-99, 99, channels).astype(np.int16), np.zeros(channels, np.int32)
    at = net.put(Requantize("numbers", *scale, np.full(channels, 9, np.uint8)), at)
    at = net.put(MaxPool("pool", None, pool, pool_stride, pool_padding, ceil=True), at)
    compare = random.integers(0, 2, channels).astype(np.uint8)
    at = net.put(Threshold("sign", random.integers(-99, 99, channels).astype(np.int32), compare), at)
    take_min = random.random(channels) < 0.5
    at = net.put(MaxPool("bits", take_min, pool, pool_stride, pool_padding, ceil=True), at)
    shape = Shape(2, *sides)
    graph = Graph("ceil", shape, tuple(net.ops), (), tuple(net.wires))
    for op in net.ops:
        shape = infer(op, [TensorInfo(_takes(op), shape)]).shape
    size = shape.channels * shape.height * shape.width
    rows = random.integers(-9, 10, (3, size)).astype(np.int8)
    ones = np.ones(3, np.float32)
    net.put(Head("head", rows, ones, 0 * ones), at)
    return Graph(graph.name, graph.input, tuple(net.ops), (), tuple(net.wires))


def _takes(op: object) -> Kind:
    if isinstance(op, StemConv):
        return Kind.U8
    if isinstance(op, Requantize):
        return Kind.INT
    return Kind.BITS if isinstance(op, MaxPool) and op.take_min is not None else Kind.REAL


@pytest.mark.parametrize("isa", isas())
@given(st.tuples(st.integers(1, 45), st.integers(1, 160)), st.integers(0, 2**32), st.data())
@settings(max_examples=25, deadline=None)
def test_the_runtime_gives_the_references_integers(
    isa: str, sides: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    kernel, pool = data.draw(st.integers(1, 7)), data.draw(st.integers(2, 7))
    geometry = (
        kernel,
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(0, kernel - 1)),
        pool,
        data.draw(st.integers(1, pool)),
        data.draw(st.integers(0, pool // 2)),
    )
    try:
        graph = _network(np.random.default_rng(seed), sides, geometry)
        compiled = compile_graph(graph, load_target("host"))
    except SpanbitError:
        assume(False)
    image = random_image(graph, seed)
    bundle = write_bundle(compiled, image[None])
    logits = run_graph(graph, image)[-1]
    assert np.array_equal(run_graph(read_bundle(bundle).graph, image)[-1], logits)
    for model in (Model(bundle, isa), Model(bundle, isa, threads=3)):
        for here, there in zip(model.trace(image), layer_outputs(compiled.graph, image), strict=True):
            assert np.array_equal(here, there)


def test_pools_of_pytorch_with_ceil_mode_are_imported() -> None:
    """Odd sides at every pool: on sums, on bits, and where the batch-norm turns some of them round."""
    torch.manual_seed(0)
    net = nn.Sequential(
        StemConv2d(3, 8, 3, padding=1, mean=(0.5,) * 3, std=(0.25,) * 3),
        nn.MaxPool2d(2, ceil_mode=True),
        BatchNormSign(8),
        BinaryConv2d(8, 16, 3, padding=1, weights="binary"),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        BatchNormSign(16),
        BinaryConv2d(16, 16, 3, weights="binary"),
        BatchNormSign(16),
        nn.MaxPool2d(2, 2, 1, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(16 * 9, 5),
    )
    images = torch.randint(0, 256, (8, 3, 23, 25), dtype=torch.uint8)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.weight)
    with torch.no_grad():
        net.train()(images)
        signs = net.eval()[:9](images)
    graph = from_torch(net, (3, 23, 25))
    pools = [op for op in graph.ops if isinstance(op, MaxPool)]
    assert len(pools) == 3 and all(pool.ceil for pool in pools)
    for image, theirs in zip(images, signs, strict=True):
        ours = run_graph(graph, image.permute(1, 2, 0).numpy())[-2]
        assert np.array_equal(ours, theirs.numpy() > 0)
    assert Compare.LE in graph.ops[1].compare  # type: ignore[union-attr]


def test_a_window_that_begins_behind_the_image_is_none() -> None:
    assert conv_side(5, 2, 2, 1, ceil=False) == 3 == conv_side(5, 2, 2, 1, ceil=True)
    assert conv_side(4, 2, 2, 1, ceil=True) == 3 and conv_side(4, 3, 2, 0, ceil=True) == 2
    assert conv_side(224, 7, 2, 2, ceil=True) == 112 and conv_side(112, 3, 2, 0, ceil=True) == 56
