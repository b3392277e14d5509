"""Order and slots of trees of any shape, and the check that a reader of bundles relies on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError
from spanbit.tree import (
    ChannelTree,
    build_tree,
    check_structure,
    check_tree,
    distance_matrix,
    tree_from_parents,
)
from spanbit.tree.order import schedule, slots_needed


@st.composite
def parents(draw: st.DrawFn, most: int = 60) -> NDArray[np.int32]:
    """A random rooted tree with its vertices renamed; the last number is the zero vertex."""
    channels = draw(st.integers(1, most))
    names = draw(st.permutations(range(channels)))
    result = np.full(channels, channels, np.int32)
    for i in range(1, channels):
        above = draw(st.integers(-1, i - 1))
        result[names[i]] = channels if above < 0 else names[above]
    return result


def replay(parent: NDArray[np.int32]) -> int:
    """Follow the schedule as a kernel does, slot by slot; returns the slots used."""
    order, source_slot, slot, slot_count = schedule(parent)
    channels = len(parent)
    assert sorted(order) == list(range(channels))
    holds: dict[int, int] = {}
    for i, c in enumerate(order):
        if parent[c] == channels:
            assert source_slot[i] == -1
        else:
            assert holds[int(source_slot[i])] == parent[c]
        holds[int(slot[i])] = c
    assert set(holds) == set(range(slot_count))
    return slot_count


@settings(max_examples=150, deadline=None)
@given(parent=parents())
def test_slots_hold_what_is_read_and_stay_few(parent: NDArray[np.int32]) -> None:
    slot_count = replay(parent)
    assert slot_count == slots_needed(parent)[-1]
    assert slot_count <= int(np.log2(len(parent))) + 1


def test_a_path_needs_one_slot_a_star_two() -> None:
    path = np.array([5, 0, 1, 2, 3], np.int32)
    star = np.array([5, 0, 0, 0, 0], np.int32)
    assert replay(path) == 1
    assert replay(star) == 2


@pytest.mark.parametrize("levels", range(1, 9))
def test_a_complete_binary_tree_is_the_worst_case(levels: int) -> None:
    channels = 2**levels - 1
    parent = np.array([channels] + [(c - 1) // 2 for c in range(1, channels)], np.int32)
    assert replay(parent) == levels


def test_a_long_path_does_not_recurse() -> None:
    channels = 4096
    assert replay(np.array([channels, *range(channels - 1)], np.int32)) == 1


@settings(max_examples=60, deadline=None)
@given(parent=parents(most=12), seed=st.integers(0, 1000))
def test_any_spanning_tree_passes_the_check(parent: NDArray[np.int32], seed: int) -> None:
    weight = np.random.default_rng(seed).integers(-1, 2, (len(parent), 9)).astype(np.int8)
    check_tree(tree_from_parents(parent, distance_matrix(weight)), weight)


def _sample() -> tuple[ChannelTree, NDArray[np.int8]]:
    weight = np.random.default_rng(7).choice(np.array((-1, 1), np.int8), (16, 40))
    return build_tree(weight), weight


@pytest.mark.parametrize(
    ("column", "position", "value", "says"),
    [
        ("channel", 3, 0, "exactly once"),
        ("parent", 3, 3, "not calculated before"),
        ("parent", 3, -2, "not calculated before"),
        ("sign", 2, 0, "sign 0"),
        ("distance", 5, -1, "distance -1"),
        ("distance", 5, 39, "claims distance 39"),
        ("depth", 4, 99, "depth 99"),
        ("source_slot", 0, 0, "is a root"),
        ("source_slot", 6, 77, "reads slot 77"),
        ("slot", 1, 77, "writes slot 77"),
        ("slot", 1, -1, "writes slot -1"),
    ],
)
def test_every_damage_is_named(column: str, position: int, value: int, says: str) -> None:
    tree, weight = _sample()
    damaged = getattr(tree, column).copy()
    assert damaged[position] != value or column == "channel"
    damaged[position] = value
    if column == "channel":
        damaged[:] = value
    with pytest.raises(SpanbitError) as caught:
        check_tree(replace(tree, **{column: damaged}), weight, where="layer 'conv2'")
    assert says in str(caught.value)
    assert "conv2" in str(caught.value)
    assert caught.value.code == ExitCode.BAD_BUNDLE


def test_a_sum_that_was_overwritten_is_noticed() -> None:
    tree, _ = _sample()
    with pytest.raises(SpanbitError, match="does not hold its parent"):
        check_structure(replace(tree, slot=np.zeros_like(tree.slot)))


def test_wrong_weights_are_noticed() -> None:
    tree, weight = _sample()
    weight = weight.copy()
    weight[3, 5] *= -1
    with pytest.raises(SpanbitError, match="claims distance"):
        check_tree(tree, weight)
    with pytest.raises(SpanbitError, match="16 channels for weights"):
        check_tree(tree, weight[:5])
