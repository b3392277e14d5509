"""Compiled networks in C equal the reference in numpy, layer by layer, on every instruction set here."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import many_channels, random_graph, random_image
from numpy.typing import NDArray
from spanbit.bundle import read_bundle, write_bundle
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import (
    BinaryConv,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Output,
    Padding,
    Threshold,
)
from spanbit.passes import compile_graph
from spanbit.passes.layout import window_channels
from spanbit.reference import head_sums, run_graph
from spanbit.runtime import Model, isas
from spanbit.targets import load_target

HOST = load_target("host")
KERNELS = st.sampled_from([None, KernelKind.TREE, KernelKind.DENSE])


def layer_outputs(graph: Graph, image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """The reference's outputs where a layer of the bundle ends."""
    outputs = run_graph(graph, image)
    kept: list[NDArray[Any]] = []
    for index, op in enumerate(graph.ops):
        if isinstance(op, Threshold | MaxPool):
            kept.append(outputs[index])
        elif isinstance(op, Head):
            kept.append(head_sums(op, outputs[index - 1]))
        elif isinstance(op, Output):
            kept.append(outputs[index - 1])  # the sums, whatever is made of them
    return kept


@pytest.mark.parametrize("isa", isas())
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), kernel=KERNELS)
def test_every_layer_equals_the_reference(isa: str, seed: int, kernel: KernelKind | None) -> None:
    graph = random_graph(seed)
    compiled = compile_graph(graph, HOST, kernel)
    images = np.stack([random_image(graph, seed + i) for i in range(2)])
    model = Model(write_bundle(compiled, images), isa)
    for image in images:
        traced = model.trace(image)
        expected = layer_outputs(compiled.graph, image)
        assert len(traced) == len(expected)
        for name, here, there in zip(model.info.layer_names, traced, expected, strict=True):
            assert np.array_equal(here, there), name
        # The passes changed the order of operators, not the function.
        logits = run_graph(graph, image)[-1]
        assert np.array_equal(run_graph(compiled.graph, image)[-1], logits)
        assert np.array_equal(model.run(image), logits)
        assert np.array_equal(model.sums(), traced[-1])
    model.check_golden()


@pytest.mark.parametrize("isa", isas())
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), kernel=KERNELS, threads=st.integers(2, 8))
def test_threads_change_no_integer(isa: str, seed: int, kernel: KernelKind | None, threads: int) -> None:
    graph = random_graph(seed)
    image = random_image(graph, seed)
    bundle = write_bundle(compile_graph(graph, HOST, kernel), image[None])
    alone, shared = Model(bundle, isa), Model(bundle, isa, threads=threads)
    for again in (image, 255 - image, image):  # the workers' memory is full of another image's sums
        for name, here, there in zip(
            alone.info.layer_names, alone.trace(again), shared.trace(again), strict=True
        ):
            assert np.array_equal(here, there), name
        assert np.array_equal(alone.run(again), shared.run(again))
    shared.check_golden()


@pytest.mark.parametrize("isa", isas())
@pytest.mark.parametrize(
    ("side", "channels", "outside", "style"),
    [
        (8, 2300, Padding.MINUS_ONE, "binary"),
        (8, 2400, Padding.ZERO, "sparse"),
        (40, 1000, Padding.ONE, "binary"),
    ],
)
def test_several_windows_of_planes_change_nothing(
    isa: str, side: int, channels: int, outside: Padding, style: str
) -> None:
    graph = many_channels(channels, (side, side), 3, outside, style)
    compiled = compile_graph(graph, HOST, KernelKind.TREE)
    image = random_image(graph, 0)
    bundle = write_bundle(compiled, image[None])
    plan = compiled.layers[1]
    assert isinstance(plan.op, BinaryConv)
    assert window_channels(plan.op, plan.source, plan.result, plan.strip_rows) < channels
    for threads in (1, 3):
        model = Model(bundle, isa, threads=threads)
        for here, there in zip(model.trace(image), layer_outputs(compiled.graph, image), strict=True):
            assert np.array_equal(here, there)
    assert write_bundle(read_bundle(bundle).compiled, image[None]) == bundle


@pytest.mark.parametrize("threads", [0, -1, 9])
def test_a_wrong_number_of_threads_is_refused(threads: int) -> None:
    with pytest.raises(SpanbitError, match="threads") as error:
        Model(b"", threads=threads)
    assert error.value.code is ExitCode.USAGE


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), kernel=KERNELS)
def test_a_bundle_is_read_back_as_it_was_written(seed: int, kernel: KernelKind | None) -> None:
    graph = random_graph(seed, channels_max=33, side_max=17)
    compiled = compile_graph(graph, HOST, kernel)
    images = random_image(graph, seed)[None]
    data = write_bundle(compiled, images)
    bundle = read_bundle(data)
    assert write_bundle(bundle.compiled, images) == data
    for op, again in zip(compiled.graph.ops, bundle.graph.ops, strict=True):
        assert type(op) is type(again)
        if isinstance(op, Output):
            assert isinstance(again, Output) and again.kind is op.kind
            assert np.array_equal(op.scale, again.scale) and np.array_equal(op.bias, again.bias)
        elif not isinstance(op, Threshold | MaxPool):
            assert np.array_equal(op.weight, again.weight)  # type: ignore[union-attr]
    assert np.array_equal(bundle.golden[0].image, images[0])
    assert np.array_equal(run_graph(bundle.graph, images[0])[-1], run_graph(graph, images[0])[-1])


def test_wrong_images_are_refused() -> None:
    graph = random_graph(3)
    image = random_image(graph, 0)
    model = Model(write_bundle(compile_graph(graph, HOST), image[None]))
    for wrong in (image[1:], image.astype(np.float32), image[..., None]):
        with pytest.raises(SpanbitError, match="give uint8") as caught:
            model.run(wrong)
        assert caught.value.code == ExitCode.BAD_INPUT
        with pytest.raises(SpanbitError, match="give uint8"):
            run_graph(graph, wrong)


def test_a_golden_mismatch_names_the_layer() -> None:
    graph = random_graph(11)
    image = random_image(graph, 0)
    compiled = compile_graph(graph, HOST)
    data = bytearray(write_bundle(compiled, image[None]))
    golden = int.from_bytes(data[36:40], "little")
    data[golden + image.size] ^= 1  # checksum of layer 0
    data[12:16] = zlib.crc32(data[16:]).to_bytes(4, "little")
    with pytest.raises(SpanbitError, match="layer 0") as caught:
        Model(bytes(data)).check_golden()
    assert caught.value.code == ExitCode.GOLDEN_MISMATCH


def test_an_unknown_instruction_set_is_a_usage_error() -> None:
    with pytest.raises(SpanbitError, match="native"):
        Model(b"", isa="mmx")
