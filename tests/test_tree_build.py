"""Trees: least total distance, low depth, right signs, few slots."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from spanbit.tree import ZERO, build_tree, check_tree, distance_matrix, statistics, tree_cost
from spanbit.tree.rehang import edges_by_weight, lower_depth
from spanbit.tree.spanning import minimum_spanning_tree, tied_edges

TERNARY = st.integers(-1, 1)
BINARY = st.sampled_from([-1, 1])


def rows(channels: int, taps: int, elements: st.SearchStrategy[int]) -> st.SearchStrategy[NDArray[np.int8]]:
    shapes = st.tuples(st.integers(1, channels), st.integers(1, taps))
    return shapes.flatmap(lambda shape: arrays(np.int8, shape, elements=elements))


def as_networkx(graph: NDArray[np.int32]) -> nx.Graph:
    result = nx.Graph()
    for c, p in combinations(range(len(graph)), 2):
        result.add_edge(c, p, weight=int(graph[c, p]))
    return result


def depths_by_networkx(edges: list[tuple[int, int]], root: int) -> dict[int, int]:
    return dict(nx.single_source_shortest_path_length(nx.Graph(edges), root))


def least_depth(graph: NDArray[np.int32]) -> int:
    """Least depth of all minimum spanning trees, by trying every set of edges."""
    whole = as_networkx(graph)
    total = int(nx.minimum_spanning_tree(whole).size(weight="weight"))
    zero = len(graph) - 1
    least = len(graph)
    for edges in combinations(whole.edges, zero):
        if sum(int(graph[edge]) for edge in edges) == total:
            if not any(zero in edge for edge in edges):
                continue
            depths = depths_by_networkx(list(edges), zero)
            if len(depths) == zero + 1:
                least = min(least, max(depths.values()))
    return least


@settings(max_examples=120, deadline=None)
@given(weight=rows(14, 90, TERNARY) | rows(14, 90, BINARY) | rows(14, 4, TERNARY))
def test_total_distance_is_that_of_a_minimum_spanning_tree(weight: NDArray[np.int8]) -> None:
    tree = build_tree(weight)
    check_tree(tree, weight)
    expected = nx.minimum_spanning_tree(as_networkx(distance_matrix(weight).graph()))
    assert tree.total_distance == expected.size(weight="weight")
    assert tree.slot_count <= int(np.log2(len(weight))) + 1


@settings(max_examples=60, deadline=None)
@given(weight=rows(9, 7, TERNARY) | rows(9, 7, BINARY))
def test_tied_edges_are_those_that_a_minimum_tree_may_use(weight: NDArray[np.int8]) -> None:
    graph = distance_matrix(weight).graph()
    parent = minimum_spanning_tree(graph)
    tied = tied_edges(graph, parent)
    whole = as_networkx(graph)
    total = nx.minimum_spanning_tree(whole).size(weight="weight")
    for c, p in combinations(range(len(graph)), 2):
        # Forcing the edge in: contract it (weight 0) and see whether the total still comes out.
        forced = whole.copy()
        forced[c][p]["weight"] = -1
        with_edge = nx.minimum_spanning_tree(forced).size(weight="weight") + 1 + int(graph[c, p])
        assert tied[c, p] == tied[p, c] == (with_edge == total)


@settings(max_examples=60, deadline=None)
@given(weight=rows(14, 12, TERNARY) | rows(14, 12, BINARY))
def test_lowering_the_depth_keeps_the_distance(weight: NDArray[np.int8]) -> None:
    graph = distance_matrix(weight).graph()
    before = minimum_spanning_tree(graph)
    after = lower_depth(graph, before, edges_by_weight(graph, tied_edges(graph, before)))
    channels = np.arange(len(weight))
    assert graph[channels, before].sum() == graph[channels, after].sum()

    def deepest_first(parent: NDArray[np.int32]) -> list[int]:
        edges = [(int(c), int(parent[c])) for c in channels]
        return sorted(depths_by_networkx(edges, len(weight)).values(), reverse=True)

    assert deepest_first(after) <= deepest_first(before)


@pytest.mark.parametrize("values", [(-1, 1), (-1, 0, 1)])
def test_depth_of_small_random_layers_is_the_least_there_is(values: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        shape = (random.integers(3, 6), random.integers(3, 8))
        weight = random.choice(np.array(values, np.int8), shape)
        assert build_tree(weight).depth.max() == least_depth(distance_matrix(weight).graph())


@settings(max_examples=30, deadline=None)
@given(weight=rows(5, 6, BINARY) | rows(5, 6, TERNARY))
def test_depth_is_never_far_from_the_least(weight: NDArray[np.int8]) -> None:
    # The rule is a descent, not an exact search: where layers are sought to break it, one edge more may pass.
    assert build_tree(weight).depth.max() <= least_depth(distance_matrix(weight).graph()) + 1


@settings(max_examples=40, deadline=None)
@given(weight=rows(12, 8, TERNARY) | rows(12, 8, BINARY))
def test_restarts_change_the_depth_only(weight: NDArray[np.int8]) -> None:
    quick, thorough = build_tree(weight, restarts=0), build_tree(weight)
    assert quick.total_distance == thorough.total_distance
    assert thorough.depth.max() <= quick.depth.max()


@settings(max_examples=60, deadline=None)
@given(weight=rows(24, 200, BINARY))
def test_root_of_a_binary_layer_is_the_centre_of_its_tree(weight: NDArray[np.int8]) -> None:
    tree = build_tree(weight)
    assert np.count_nonzero(tree.parent == ZERO) == 1
    edges = [(i, int(p)) for i, p in enumerate(tree.parent) if p != ZERO]
    radius = [max(depths_by_networkx(edges, root).values()) if edges else 0 for root in range(len(weight))]
    assert tree.depth.max() == 1 + min(radius)


def test_a_path_is_rooted_in_its_middle() -> None:
    # Channel c has its first 2 c taps negative: neighbours differ in 2 taps, so the tree is the path.
    weight = np.ones((9, 64), np.int8)
    for c in range(9):
        weight[c, : 2 * c] = -1
    tree = build_tree(weight)
    assert tree.channel[0] == 4
    assert tree.depth.max() == 5
    assert tree.total_distance == 64 + 8 * 2


def test_a_root_that_is_nearer_to_zero_is_kept_though_it_is_not_the_centre() -> None:
    # A path again, but only its end is 1 tap away from zero: the others would cost more as a root.
    weight = np.zeros((4, 12), np.int8)
    for c, ones in enumerate((1, 6, 11, 12)):
        weight[c, :ones] = 1
    tree = build_tree(weight)
    assert tree.channel.tolist() == [0, 1, 2, 3]
    assert tree.depth.tolist() == [1, 2, 3, 4]
    check_tree(tree, weight)


def test_one_channel() -> None:
    tree = build_tree(np.array([[1, -1, 0]], np.int8))
    assert tree.channel.tolist() == [0]
    assert tree.parent.tolist() == [ZERO]
    assert tree.distance.tolist() == [2]
    assert tree.depth.tolist() == [1]
    assert tree.slot.tolist() == [0]
    assert tree.slot_count == 1


def test_identical_channels_cost_the_root_alone_and_hang_flat() -> None:
    weight = np.repeat(np.array([[1, -1, 1, 1, -1]], np.int8), 7, axis=0)
    tree = build_tree(weight)
    check_tree(tree, weight)
    assert tree.total_distance == 5
    assert tree.depth.max() == 2
    assert tree.sign.tolist() == [1] * 7


def test_complementary_channels_are_free_through_their_sign() -> None:
    row = np.array([1, -1, 0, 1, 1, -1], np.int8)
    tree = build_tree(np.stack([row, -row, row, -row]))
    assert tree.total_distance == 5
    assert sorted((tree.sign * tree.sign[0] * np.where(tree.channel % 2, -1, 1)).tolist()) in (
        [-1] * 4,
        [1] * 4,
    )
    check_tree(tree, np.stack([row, -row, row, -row]))


def test_zero_channels_cost_nothing_and_are_roots() -> None:
    weight = np.zeros((6, 10), np.int8)
    weight[2, 3] = 1
    tree = build_tree(weight)
    check_tree(tree, weight)
    assert tree.total_distance == 1
    assert tree.depth.max() == 1
    assert tree.slot_count == 1


def test_one_tap() -> None:
    weight = np.array([[1], [-1], [0], [1]], np.int8)
    tree = build_tree(weight)
    check_tree(tree, weight)
    assert tree.total_distance == 1
    assert tree_cost(tree, 1) == 0.25


@pytest.mark.parametrize("taps", [1, 63, 64, 65, 127, 129, 576])
def test_taps_that_do_not_fill_a_word(taps: int) -> None:
    random = np.random.default_rng(taps)
    for values in ((-1, 1), (-1, 0, 1)):
        weight = random.choice(np.array(values, np.int8), (40, taps))
        check_tree(build_tree(weight), weight)


def test_same_weights_give_the_same_tree() -> None:
    weight = np.random.default_rng(3).integers(-1, 2, (60, 9)).astype(np.int8)
    first, second = build_tree(weight), build_tree(weight.copy())
    assert np.array_equal(first.channel, second.channel)
    assert np.array_equal(first.parent, second.parent)


def test_statistics_add_up() -> None:
    weight = np.random.default_rng(4).integers(-1, 2, (30, 50)).astype(np.int8)
    tree = build_tree(weight)
    figures = statistics(tree, 50)
    assert figures.bit_ops_before == 30 * 50
    assert figures.bit_ops_after == figures.total_distance == int(tree.distance.sum())
    assert figures.cost == pytest.approx(figures.bit_ops_after / figures.bit_ops_before)
    assert sum(figures.distance_histogram) == 30
    assert figures.root_count == np.count_nonzero(tree.depth == 1)
    assert figures.zero_edge_share == figures.root_count / 30
    assert figures.depth_max == tree.depth.max()
