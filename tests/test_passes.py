"""Each pass keeps the function; the arena plan is sound and tight; the choice follows the cost figures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import random_graph, random_image, random_weight
from numpy.typing import NDArray
from spanbit.errors import SpanbitError
from spanbit.graph import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
    validate,
)
from spanbit.passes import compile_graph, fold_nodes, move_pools
from spanbit.passes.border import axis_classes
from spanbit.passes.layout import (
    ARENA_ALIGN,
    ARENA_SLACK,
    prepared_bytes,
    round_up,
    row_bytes,
    strip_rows,
    tensor_bytes,
    window_channels,
)
from spanbit.passes.memory import output_bytes
from spanbit.passes.trees import tree_obstacle
from spanbit.reference import run_graph
from spanbit.targets import load_target
from spanbit.tree import build_tree

RPI4 = load_target("rpi4")


def vgg_like(channels: int = 64, side: int = 16, weight: NDArray[np.int8] | None = None) -> Graph:
    """Stem, two binary convolutions, a pool, a head."""
    rng = np.random.default_rng(0)
    shape = (channels, channels, 3, 3)
    weight = random_weight(rng, shape, "sparse") if weight is None else weight
    bits = Threshold("bits", np.zeros(channels, np.int32), np.zeros(channels, np.uint8))
    stem = StemConv(
        "stem", rng.integers(-9, 9, (channels, 3, 3, 3)).astype(np.int8), 1, 1, np.zeros(3, np.uint8)
    )
    inputs = channels * (side // 2) ** 2
    head = Head("head", np.ones((10, inputs), np.int8), np.ones(10, np.float32), np.zeros(10, np.float32))
    ops = (
        stem,
        bits,
        BinaryConv("conv1", weight, 1, 1, Padding.MINUS_ONE),
        bits,
        BinaryConv("conv2", weight, 1, 1, Padding.MINUS_ONE),
        MaxPool("pool"),
        bits,
        head,
    )
    return Graph("vgg-like", Shape(3, side, side), ops)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_pools_move_behind_thresholds(seed: int) -> None:
    graph = random_graph(seed, channels_max=8, side_max=17)
    moved = move_pools(graph)
    for op, following in pairwise(moved.ops):
        assert not (isinstance(op, MaxPool) and isinstance(following, Threshold))
    image = random_image(graph, seed)
    assert np.array_equal(run_graph(graph, image)[-1], run_graph(moved, image)[-1])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    channels=st.integers(1, 9),
    taps=st.integers(1, 9),
    style=st.sampled_from(["binary", "ternary", "complementary", "zero", "mixed"]),
)
def test_comparisons_of_s_are_the_thresholds_on_p(seed: int, channels: int, taps: int, style: str) -> None:
    rng = np.random.default_rng(seed)
    weight = random_weight(rng, (channels, taps), style)
    value = rng.integers(-taps - 3, taps + 4, channels).astype(np.int32)
    threshold = Threshold("t", value, rng.integers(0, 4, channels).astype(np.uint8))
    tree = build_tree(weight)
    op = BinaryConv("c", weight.reshape(channels, taps, 1, 1), 1, 0, Padding.MINUS_ONE, tree=tree)
    table = fold_nodes(op, threshold, Shape(taps, 1, 1), Shape(channels, 1, 1))
    every = (np.arange(1 << taps)[:, None] >> np.arange(taps) & 1).astype(np.int64)  # all activations
    none = np.zeros(len(every), np.bool_)
    for at, channel in enumerate(tree.channel):
        row = weight[channel].astype(np.int64)
        p = (2 * every - 1) @ row
        s = int(tree.sign[at]) * (every @ row)
        wanted = {0: p >= value[channel], 1: p <= value[channel], 2: none, 3: ~none}
        got = {0: s >= table.value[at], 1: s <= table.value[at], 2: none, 3: ~none}
        assert np.array_equal(got[int(table.compare[at])], wanted[int(threshold.compare[channel])])
        if table.compare[at] <= Compare.LE:
            apart = s - table.value[at] - (table.compare[at] == Compare.LE)
            limit = 1 << (table.planes - 1)  # the kernel looks at the sign of this, modulo 2^planes
            assert -limit <= apart.min() and apart.max() < limit
            assert got[int(table.compare[at])].any() and not got[int(table.compare[at])].all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([None, KernelKind.TREE, KernelKind.DENSE]))
def test_no_two_living_regions_overlap(seed: int, kernel: KernelKind | None) -> None:
    compiled = compile_graph(random_graph(seed, side_max=33), RPI4, kernel)
    tables = (compiled.tables_arena, compiled.tables_bytes)
    for index, layer in enumerate(compiled.layers):
        regions = [
            tables,
            (layer.out_arena, output_bytes(layer)),
            (layer.scratch_arena, layer.scratch_bytes),
        ]
        if index:
            before = compiled.layers[index - 1]
            assert layer.in_arena == before.out_arena
            regions.append((layer.in_arena, output_bytes(before)))
        used = sorted((begin, begin + size) for begin, size in regions if size)
        assert all(begin % ARENA_ALIGN == 0 for begin, _ in used)
        assert all(one[1] <= other[0] for one, other in pairwise(used))
        assert used[-1][1] + ARENA_SLACK <= compiled.arena_bytes


def test_the_arena_is_as_small_as_its_busiest_layer() -> None:
    compiled = compile_graph(vgg_like(), RPI4)
    busiest = max(
        (0 if index == 0 else tensor_bytes(layer.source)) + output_bytes(layer) + layer.scratch_bytes
        for index, layer in enumerate(compiled.layers)
    )
    assert compiled.arena_bytes - compiled.tables_bytes <= busiest + 3 * ARENA_ALIGN + ARENA_SLACK


def test_sparse_layers_take_the_tree_and_random_ones_follow_the_cost_figures() -> None:
    sparse = compile_graph(vgg_like(), RPI4)
    assert [op.kernel for op in sparse.graph.ops if isinstance(op, BinaryConv)] == [KernelKind.TREE] * 2
    noise = random_weight(np.random.default_rng(1), (64, 64, 3, 3), "binary")
    slow_tree = replace(RPI4, cost=replace(RPI4.cost, tree=50.0))
    dense = compile_graph(vgg_like(weight=noise), slow_tree)
    chosen = [op for op in dense.graph.ops if isinstance(op, BinaryConv)]
    assert [op.kernel for op in chosen] == [KernelKind.DENSE] * 2
    assert "model cycles" in chosen[0].kernel_reason


def test_what_the_tree_kernel_cannot_run_is_said() -> None:
    def conv(channels: int, kernel: int) -> BinaryConv:
        return BinaryConv(
            "wide", np.ones((2, channels, kernel, kernel), np.int8), 1, kernel // 2, Padding.MINUS_ONE
        )

    def obstacle(channels: int, kernel: int, side: int) -> str:
        return tree_obstacle(conv(channels, kernel), Shape(channels, side, side), Shape(2, side, side))

    assert "68600 taps" in obstacle(1400, 7, 1)
    assert obstacle(2300, 3, 8) == obstacle(4000, 1, 8) == obstacle(128, 3, 224) == ""


def test_every_legal_shape_has_a_window() -> None:
    for stride in (1, 2):
        op = BinaryConv("wide", np.ones((2, 2, 7, 7), np.int8), stride, 6, Padding.MINUS_ONE)
        source, result = Shape(2, 1024, 1024), Shape(2, 1030 // stride, 1030 // stride)
        assert window_channels(op, source, result, strip_rows(op, source, result)) == 2


def test_a_window_of_prepared_planes_ends_before_offsets_do() -> None:
    op = BinaryConv("wide", np.ones((2, 2300, 3, 3), np.int8), 1, 1, Padding.MINUS_ONE)
    source, result = Shape(2300, 8, 8), Shape(2, 8, 8)
    each = window_channels(op, source, result, rows=8)
    copies = 3 * (8 + 2)  # of a channel: a byte a row
    assert each * copies <= 0xFFC0 < (each + 1) * copies
    zeros = 128
    assert prepared_bytes(op, source, result, rows=8) == 2 * (round_up(each * copies, 64) + zeros)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32))
def test_strips_are_whole_words_or_the_image(seed: int) -> None:
    for layer in compile_graph(random_graph(seed, side_max=70), RPI4, KernelKind.TREE).layers:
        if layer.nodes is not None and layer.strip_rows != layer.result.height:
            assert 0 < layer.strip_rows < layer.result.height
            assert layer.strip_rows * row_bytes(layer.result.width) % 32 == 0


def test_a_forced_tree_that_cannot_be_names_the_layer() -> None:
    rng = np.random.default_rng(0)
    graph = vgg_like(channels=1400, side=2, weight=random_weight(rng, (1400, 1400, 1, 1), "zero"))
    wide = random_weight(rng, (2, 1400, 7, 7), "zero")
    bits = Threshold("bits", np.zeros(2, np.int32), np.zeros(2, np.uint8))
    head = Head("head", np.ones((1, 8), np.int8), np.ones(1, np.float32), np.zeros(1, np.float32))
    graph = replace(
        graph, ops=(*graph.ops[:2], BinaryConv("wide", wide, 1, 3, Padding.MINUS_ONE), bits, head)
    )
    with pytest.raises(SpanbitError, match="wide"):
        compile_graph(graph, RPI4, KernelKind.TREE)
    compiled = compile_graph(graph, RPI4)
    assert [op.kernel for op in compiled.graph.ops if isinstance(op, BinaryConv)] == [KernelKind.DENSE]


def test_many_border_classes_run_dense_and_say_so() -> None:
    weight = random_weight(np.random.default_rng(0), (8, 8, 7, 7), "sparse")
    graph = vgg_like(channels=8, side=16)
    conv = BinaryConv("far", weight, 1, 3, Padding.ZERO)
    graph = replace(graph, ops=(*graph.ops[:2], conv, *graph.ops[3:]))
    chosen = compile_graph(graph, RPI4).graph.ops[2]
    assert isinstance(chosen, BinaryConv) and chosen.kernel is KernelKind.DENSE
    assert "49 border classes" in chosen.kernel_reason
    with pytest.raises(SpanbitError, match="far"):
        compile_graph(graph, RPI4, KernelKind.TREE)


@settings(max_examples=100, deadline=None)
@given(
    side=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 2),
    padding=st.integers(0, 6),
)
def test_border_classes_are_the_different_windows(side: int, kernel: int, stride: int, padding: int) -> None:
    if side + 2 * padding < kernel:
        return
    out = (side + 2 * padding - kernel) // stride + 1
    inside = [tuple(0 <= y * stride - padding + k < side for k in range(kernel)) for y in range(out)]
    rows = axis_classes(side, out, kernel, stride, padding)
    assert {inside[row] for row in rows} == set(inside)
    for before, after in pairwise([*rows, out]):  # rows between two classes are the first's
        assert len(set(inside[before:after])) == 1


@pytest.mark.parametrize("kind", [OutputKind.INT16, OutputKind.INT32])
def test_int16_must_hold_the_sums(kind: OutputKind) -> None:
    graph = vgg_like(channels=700, side=2, weight=np.ones((700, 700, 7, 7), np.int8))
    conv = BinaryConv("wide", np.ones((1, 700, 7, 7), np.int8), 1, 3, Padding.ONE)
    graph = replace(graph, ops=(*graph.ops[:2], conv, Output("end", kind)))
    if kind is OutputKind.INT32:
        validate(graph)
        return
    with pytest.raises(SpanbitError, match="int16"):
        validate(graph)


def test_an_output_stands_at_the_end_behind_a_convolution() -> None:
    graph = vgg_like()
    end = Output("end", OutputKind.INT32)
    with pytest.raises(SpanbitError, match="end"):
        validate(replace(graph, ops=(*graph.ops[:3], end, *graph.ops[3:])))
    with pytest.raises(SpanbitError, match="end"):
        validate(replace(graph, ops=(graph.ops[0], end)))
    scales = np.ones(3, np.float32)
    for wrong in (Output("end", OutputKind.FLOAT32), Output("end", OutputKind.INT16, scales, scales)):
        with pytest.raises(SpanbitError, match="end"):
            validate(replace(graph, ops=(*graph.ops[:3], wrong)))
