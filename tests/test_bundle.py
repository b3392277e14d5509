"""Bundles are untrusted: every damage is a SpanbitError that says what and where, and never a crash."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import random_graph, random_image, random_weight
from spanbit.bundle import read_bundle, write_bundle
from spanbit.bundle.planes import bits_crc, pack_planes, unpack_planes
from spanbit.bundle.tap_stream import StreamError, StreamNode, decode_taps, encode_taps
from spanbit.bundle.writer import short_name
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import KernelKind
from spanbit.passes import compile_graph
from spanbit.runtime import Model
from spanbit.targets import load_target
from spanbit.tree import build_tree


@cache
def good(seed: int = 21, kernel: KernelKind | None = KernelKind.TREE) -> bytes:
    graph = random_graph(seed, channels_max=24, side_max=17)
    return write_bundle(compile_graph(graph, load_target("host"), kernel), random_image(graph, 0)[None])


def sealed(data: bytes | bytearray) -> bytes:
    """Size and checksum made right, so that the checks behind them are met."""
    data = bytearray(data)
    struct.pack_into("<I", data, 8, len(data))
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    return bytes(data)


def refusal(data: bytes) -> str:
    """What the reader says; the C runtime must refuse the same file."""
    with pytest.raises(SpanbitError) as caught:
        read_bundle(data, "some.spb")
    assert caught.value.code == ExitCode.BAD_BUNDLE and "some.spb" in caught.value.where
    with pytest.raises(SpanbitError) as caught_c:
        Model(data)
    assert caught_c.value.code == ExitCode.BAD_BUNDLE
    return f"{caught.value} / {caught_c.value}"


def test_a_truncated_bundle() -> None:
    data = good()
    assert all("truncated" in refusal(data[:size]) for size in (len(data) - 1, len(data) // 2, 96))
    for size in (0, 3, 5, 6, 12, 95):
        refusal(data[:size])
    assert "longer than it says" in refusal(data + b"\0")


def test_an_altered_bundle() -> None:
    data = bytearray(good())
    data[-5] ^= 4
    assert "altered" in refusal(bytes(data))


def test_a_newer_bundle() -> None:
    data = bytearray(good())
    data[4] = 2
    assert "version 2" in refusal(sealed(data))
    data = bytearray(good())
    data[6] = 9  # a higher minor version is read
    read_bundle(sealed(data))
    Model(sealed(data))


def test_another_file() -> None:
    assert "SPNB" in refusal(b"\x7fELF" + bytes(200))


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (16, "<I", 32),  # arena not aligned
        (16, "<I", 64),  # arena too small
        (20, "<H", 0),  # no layers
        (22, "<H", 5000),  # classes
        (24, "<H", 9),  # input channels
        (32, "<I", 1 << 30),  # layer table outside
        (36, "<I", 1 << 30),  # golden outside
        (96, "<B", 9),  # operator
        (96 + 1, "<B", 3),  # padding that does not exist
        (96 + 1, "<B", 32),  # a flag that does not exist
        (96 + 2, "<B", 0),  # kernel
        (96 + 4, "<B", 3),  # stride
        (96 + 5, "<B", 200),  # padding
        (96 + 14, "<H", 77),  # output height
        (96 + 24, "<I", 8),  # unaligned output
        (96 + 32, "<I", 0),  # no scratch
        (96 + 36, "<I", 1 << 30),  # weights outside
        (96 + 44, "<I", 1 << 30),  # thresholds outside
    ],
)
def test_a_field_out_of_range(at: int, form: str, value: int) -> None:
    data = bytearray(good())
    struct.pack_into(form, data, at, value)
    refusal(sealed(data))


PLACES = st.one_of(st.integers(0, 800), st.integers(0, 1 << 20))  # header and records, and anywhere


@settings(max_examples=800, deadline=None)
@given(
    seed=st.sampled_from([21, 22, 23]),
    kernel=st.sampled_from([KernelKind.TREE, KernelKind.DENSE]),
    places=st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 40),
)
def test_damage_with_a_good_checksum(
    seed: int, kernel: KernelKind, places: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(good(seed, kernel))
    for place, change in places:
        data[place % len(data)] ^= change
    data = bytearray(sealed(data[: len(data) - cut]))
    try:
        read_bundle(bytes(data), "some.spb")
    except SpanbitError as error:
        assert error.code == ExitCode.BAD_BUNDLE
        try:
            Model(bytes(data))  # may still take it: spare bits do not endanger it
        except SpanbitError as refused:
            assert refused.code == ExitCode.BAD_BUNDLE
    else:
        Model(bytes(data))  # what the strict reader takes, the runtime takes


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    channels=st.integers(1, 20),
    taps=st.integers(1, 200),
    style=st.sampled_from(
        ["binary", "ternary", "sparse", "equal", "complementary", "zero", "family", "mixed"]
    ),
)
def test_taps_survive_their_stream(seed: int, channels: int, taps: int, style: str) -> None:
    weight = random_weight(np.random.default_rng(seed), (channels, taps), style)
    tree = build_tree(weight)
    data = encode_taps(tree, weight)
    nodes = [StreamNode(int(p), int(d)) for p, d in zip(tree.parent, tree.distance, strict=True)]
    rows = decode_taps(data, nodes, taps, bool(weight.all()))
    assert np.array_equal(rows, weight[tree.channel] * tree.sign[:, None])
    with pytest.raises(StreamError):
        decode_taps(data + b"\0", nodes, taps, bool(weight.all()))
    with pytest.raises(StreamError):
        decode_taps(data[:-1], nodes, taps, bool(weight.all()))


def test_a_sparse_stream_is_near_its_entropy() -> None:
    rng = np.random.default_rng(0)
    weight = np.where(rng.random((64, 1152)) < 0.1, 1, 0).astype(np.int8)
    weight[rng.random(weight.shape) < 0.5] *= -1
    share = np.count_nonzero(weight) / weight.size
    entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share) + share  # a sign a tap
    data = encode_taps(build_tree(weight), weight)
    assert len(data) * 8 < 1.06 * entropy * weight.size


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 140), st.integers(0, 1 << 20))
def test_planes_are_rows_of_pixels(channels: int, height: int, width: int, seed: int) -> None:
    bits = np.random.default_rng(seed).random((channels, height, width)) < 0.5
    planes = pack_planes(bits)
    assert planes.shape[1] % 32 == 0
    assert np.array_equal(unpack_planes(planes, height, width), bits)
    assert np.unpackbits(planes).sum() == bits.sum()  # nothing but pixels is set
    assert bits_crc(bits) != bits_crc(~bits)


def test_long_names_keep_their_end() -> None:
    assert short_name("backbone.stage3.block17.residual.conv2") == b"ne.stage3.block17.residual.conv2"
    assert len(short_name("é" * 40)) <= 32 and short_name("é" * 40).decode() == "é" * 16
