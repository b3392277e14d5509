"""Networks with shortcuts in C equal the reference in numpy, layer by layer, everywhere; and what is altered
in their bundles is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from deploy_helpers import assert_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import random_image
from residual_nets import layer_outputs, random_residual_graph
from spanbit.bundle import write_bundle
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    IMAGE,
    Add,
    BinaryConv,
    Compare,
    Graph,
    KernelKind,
    Op,
    Padding,
    PRelu,
    RealHead,
    Requantize,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.reference import run_graph
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from spanbit_deploy.toolchains import build_runner

HOST = load_target("host")
KERNELS = (None, KernelKind.TREE, KernelKind.DENSE)
_HEADER, _RECORD = 96, 128


@pytest.mark.parametrize("isa", isas())
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), kernel=st.sampled_from(KERNELS), threads=st.integers(1, 8))
def test_every_layer_equals_the_reference(
    isa: str, seed: int, kernel: KernelKind | None, threads: int
) -> None:
    graph = random_residual_graph(seed)
    compiled = compile_graph(graph, HOST, kernel)
    images = np.stack([random_image(graph, seed + i) for i in range(2)])
    bundle = write_bundle(compiled, images)
    alone, shared = Model(bundle, isa), Model(bundle, isa, threads=threads)
    for image in images:
        expected = layer_outputs(compiled.graph, image)
        logits = run_graph(graph, image)[-1]
        for model in (alone, shared):
            traced = model.trace(image)
            assert len(traced) == len(expected)
            for name, here, there in zip(model.info.layer_names, traced, expected, strict=True):
                assert np.array_equal(here, there), name
            assert np.array_equal(model.run(image), logits)
    alone.check_golden()
    shared.check_golden()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("residual")
    paths: list[Path] = []
    for seed in range(18):
        graph = random_residual_graph(500 + seed)
        compiled = compile_graph(graph, load_target("rpi4"), KERNELS[seed % 3])
        paths.append(folder / f"{seed}.spb")
        paths[-1].write_bytes(write_bundle(compiled, random_image(graph, seed)[None]))
    return paths


@pytest.mark.parametrize("name", ["rpi4", "rpi3", "rpi5", "rpi2", "rpi-zero"])
def test_golden_outputs_on_an_emulated_core(name: str, bundles: list[Path]) -> None:
    target = load_target(name)
    runner = str(build_runner(target))
    for index, bundle in enumerate(bundles):
        assert_golden(target, runner, bundle, threads=1 + index % 3, count=1)


LAYERS = ("stem", "prelu", "sign", "conv", "sign2", "conv2", "head")
"""Of the network below, with the shortcuts prelu -> conv and prelu -> conv2."""


@pytest.fixture(scope="module")
def bundle() -> bytes:
    random = np.random.default_rng(1)

    def norm(name: str) -> Requantize:
        ones = np.ones(4, np.int16)
        return Requantize(name, 3 * ones, np.zeros(4, np.int32), ones.astype(np.uint8))

    def sign(name: str) -> Threshold:
        return Threshold(name, np.zeros(4, np.int32), np.full(4, Compare.GE, np.uint8))

    def conv(name: str) -> BinaryConv:
        weight = random.integers(-1, 2, (4, 4, 3, 3)).astype(np.int8)
        return BinaryConv(name, weight, 1, 1, Padding.ZERO, kernel=KernelKind.DENSE)

    image = random.integers(-20, 20, (4, 1, 3, 3)).astype(np.int8)
    small = random.integers(-9, 9, (3, 4), np.int16)
    row = random.integers(-9, 9, (3, 4 * 6 * 6)).astype(np.int16)
    ops: tuple[Op, ...] = (
        StemConv("stem", image, 1, 1, np.zeros(1, np.uint8)),
        norm("stem.norm"),
        PRelu("prelu", *small),
        sign("sign"),
        conv("conv"),
        norm("conv.norm"),
        Add("add"),
        sign("sign2"),
        conv("conv2"),
        norm("conv2.norm"),
        Add("add2"),
        RealHead("head", row, np.ones(3, np.float32), np.zeros(3, np.float32)),
    )
    wires = ((IMAGE,), (0,), (1,), (2,), (3,), (4,), (5, 2), (6,), (7,), (8,), (9, 2), (10,))
    graph = Graph("altered", Shape(1, 6, 6), ops, wires=wires)
    return write_bundle(compile_graph(graph, HOST, KernelKind.DENSE), random_image(graph, 0)[None])


def altered(bundle: bytes, layer: str, at: int, form: str, value: int) -> bytes:
    """The bundle with one field of a layer's record written anew."""
    data = bytearray(bundle)
    struct.pack_into(form, data, _HEADER + LAYERS.index(layer) * _RECORD + at, value)
    data[12:16] = zlib.crc32(data[16:]).to_bytes(4, "little")
    return bytes(data)


def field(bundle: bytes, layer: str, at: int) -> int:
    """A u32 of a layer's record."""
    value: int = struct.unpack_from("<I", bundle, _HEADER + LAYERS.index(layer) * _RECORD + at)[0]
    return value


def refused(data: bytes, layer: str, why: str) -> None:
    with pytest.raises(SpanbitError, match=why) as caught:
        Model(data)
    assert caught.value.code is ExitCode.BAD_BUNDLE
    assert f"layer {LAYERS.index(layer)}" in str(caught.value)


def test_the_network_that_is_altered_runs(bundle: bytes) -> None:
    model = Model(bundle)
    assert len(model.info.layer_names) == len(LAYERS)
    model.check_golden()


@pytest.mark.parametrize(
    ("layer", "at", "form", "value", "why"),
    [
        ("conv", 0, "B", 13, "record"),  # no such operator
        ("conv", 1, "B", 2 | 32, "record"),  # reals, and an output of bits
        ("prelu", 1, "B", 0, "record"),  # a PReLU that delivers bits
        ("sign", 1, "B", 8 | 32, "record"),  # a sign that delivers reals
        ("sign", 96, "<H", 2, "takes"),  # its own output
        ("sign", 96, "<H", 65535, "takes"),  # the image
        ("stem", 96, "<H", 0, "takes"),
        ("conv", 96, "<H", 0, "takes"),  # reals for bits
        ("conv", 98, "<H", 2, "takes"),  # bits for reals
        ("prelu", 98, "<H", 0, "takes"),  # an operator without a second input
        ("conv", 98, "<H", 65535, "takes"),  # a second input's place without one
        ("conv", 14, "<H", 7, "takes"),  # rows that do not follow
        ("sign", 12, "<H", 3, "takes"),
        ("prelu", 40, "<I", 6 * 4 - 1, "weights"),
        ("head", 40, "<I", 4, "weights"),
        ("conv", 104, "<I", 1 << 30, "weights"),  # scales behind the file
        ("sign", 44, "<I", 1 << 30, "weights"),
    ],
)
def test_a_wrong_record_is_refused(
    bundle: bytes, layer: str, at: int, form: str, value: int, why: str
) -> None:
    refused(altered(bundle, layer, at, form, value), layer, why)


def test_a_shortcut_that_is_written_over_is_refused(bundle: bytes) -> None:
    """The second convolution's shortcut lies behind three layers: none of them may write there."""
    shortcut = field(bundle, "prelu", 24)
    for writer, reader in (("conv", "sign2"), ("sign2", "conv2")):
        data = altered(altered(bundle, writer, 24, "<I", shortcut), reader, 20, "<I", shortcut)
        refused(data, "conv2", "region")
    for layer in ("sign", "sign2"):  # which have no scratch
        moved = altered(altered(bundle, layer, 28, "<I", shortcut), layer, 32, "<I", 64)
        refused(moved, layer if layer == "sign" else "conv2", "region")
    refused(altered(bundle, "conv", 28, "<I", shortcut), "conv", "region")
    # What is used for the last time may be written over: the second convolution adds in place.
    assert field(bundle, "conv2", 24) == field(bundle, "conv2", 100) == shortcut
    assert field(bundle, "conv", 24) != shortcut


def test_numbers_beyond_their_limits_are_refused(bundle: bytes) -> None:
    scales = field(bundle, "conv", 104)
    for at, form, value in ((0, "<i", (1 << 30) + 1), (4 * 4 + 2 * 4, "B", 32)):
        data = bytearray(bundle)
        struct.pack_into(form, data, scales + at, value)
        data[12:16] = zlib.crc32(data[16:]).to_bytes(4, "little")
        refused(bytes(data), "conv", "weights")
    rows = field(bundle, "head", 36)
    data = bytearray(bundle)
    data[rows : rows + 6] = struct.pack("<3h", 32767, -32768, 1)
    data[12:16] = zlib.crc32(data[16:]).to_bytes(4, "little")
    refused(bytes(data), "head", "weights")
