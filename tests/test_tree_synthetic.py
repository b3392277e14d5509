"""The synthetic layers of the benchmarks cost what they claim to cost."""

from __future__ import annotations

import numpy as np
import pytest
from spanbit.errors import SpanbitError
from spanbit.tree import build_tree, synthetic, tree_cost


@pytest.mark.parametrize("cost", [0.05, 0.10, 0.20, 0.30, 0.40])
@pytest.mark.parametrize("size", [(64, 32, 3), (128, 128, 3), (128, 512, 1)])
def test_binary_layer_costs_what_was_asked(size: tuple[int, int, int], cost: float) -> None:
    weight = synthetic.binary_tree_layer(*size, cost=cost, seed=1)
    out_channels, in_channels, kernel = size
    assert weight.shape == (out_channels, in_channels, kernel, kernel)
    assert weight.dtype == np.int8
    assert set(np.unique(weight)) == {-1, 1}
    rows = weight.reshape(out_channels, -1)
    assert tree_cost(build_tree(rows), rows.shape[1]) == pytest.approx(cost, rel=0.03)


@pytest.mark.parametrize("cost", [0.02, 0.05, 0.10, 0.20, 0.40])
def test_ternary_layer_costs_what_was_asked(cost: float) -> None:
    weight = synthetic.sparse_ternary_layer(128, 64, 3, cost=cost, seed=2)
    assert weight.dtype == np.int8
    assert np.count_nonzero(weight) == round(cost * weight.size)
    rows = weight.reshape(128, -1)
    assert tree_cost(build_tree(rows), rows.shape[1]) == pytest.approx(cost, rel=0.03)


@pytest.mark.parametrize("cost", [0.05, 0.10, 0.25])
@pytest.mark.parametrize("size", [(64, 64, 3), (128, 128, 3)])
def test_mixed_weights_cost_what_was_asked(size: tuple[int, int, int], cost: float) -> None:
    weight = synthetic.mixed_layer(*size, cost=cost, seed=1)
    assert np.array_equal(weight, synthetic.mixed_layer(*size, cost=cost, seed=1))
    assert set(np.unique(weight)) == {-1, 0, 1}
    rows = weight.reshape(size[0], -1)
    assert (rows != 0).all(axis=1).any(), "there is a binary root"
    # A little less in small layers: the tree hangs zero from the sparsest row, not from the binary one.
    assert 0.9 * cost < tree_cost(build_tree(rows), rows.shape[1]) <= cost


def test_a_seed_names_a_layer() -> None:
    first = synthetic.binary_tree_layer(8, 4, 3, cost=0.3, seed=5)
    assert np.array_equal(first, synthetic.binary_tree_layer(8, 4, 3, cost=0.3, seed=5))
    assert not np.array_equal(first, synthetic.binary_tree_layer(8, 4, 3, cost=0.3, seed=6))


def test_impossible_costs_are_refused() -> None:
    for cost in (0.05, 0.9):
        with pytest.raises(SpanbitError, match="tree cost"):
            synthetic.binary_tree_layer(8, 4, 3, cost=cost, seed=0)
    with pytest.raises(SpanbitError, match="share"):
        synthetic.sparse_ternary_layer(8, 4, 3, cost=1.5, seed=0)
    with pytest.raises(SpanbitError, match="tree cost"):  # less than its root
        synthetic.mixed_layer(8, 4, 3, cost=0.05, seed=0)
