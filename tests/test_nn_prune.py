"""Pruning meets its cost exactly, and keeps what is strong."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.nn import BinaryConv2d, TernaryPruner
from spanbit.nn.prune import _strongest


def layers() -> list[BinaryConv2d]:
    torch.manual_seed(1)
    return [BinaryConv2d(3, 5, 3, weights="ternary"), BinaryConv2d(5, 7, 1, weights="ternary")]


@settings(max_examples=50, deadline=None)
@given(cost=st.floats(0.01, 1.0), per_layer=st.booleans())
def test_the_target_is_met_exactly(cost: float, per_layer: bool) -> None:
    convs = layers()
    pruner = TernaryPruner(convs, cost, per_layer=per_layer)
    pruner.step(1.0)
    sizes = [conv.weight.numel() for conv in convs]
    kept = [int((conv.effective_weight() != 0).sum()) for conv in convs]
    if per_layer:
        assert kept == [round(cost * size) for size in sizes]
    assert abs(sum(kept) - cost * sum(sizes)) <= (1.0 if per_layer else 0.5)
    assert pruner.cost() == sum(kept) / sum(sizes)


def test_equal_weights_do_not_blur_the_target() -> None:
    conv = BinaryConv2d(4, 4, 3, weights="ternary")
    with torch.no_grad():
        conv.weight.fill_(0.5)
    TernaryPruner([conv], 0.25).step(1.0)
    assert int(conv.mask.sum()) == 36


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 0.75, float("inf")]), min_size=1, max_size=30), st.data())
def test_of_equal_magnitudes_the_first_are_kept(values: list[float], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(values)))
    order = sorted(range(len(values)), key=lambda place: -values[place])[:count]  # sorted is stable
    mask = _strongest(torch.tensor(values), count)
    assert mask.nonzero()[:, 0].tolist() == sorted(order)


def test_the_schedule_is_cubic_and_never_rises() -> None:
    pruner = TernaryPruner(layers(), 0.1, warmup=0.2)
    shares = [pruner.share(step / 100) for step in range(121)]
    assert shares[:21] == [1.0] * 21
    assert shares == sorted(shares, reverse=True)
    assert shares[60] == pytest.approx(0.1 + 0.9 * 0.5**3)
    assert shares[100:] == [0.1] * 21


def test_the_weakest_taps_go_and_may_come_back() -> None:
    conv = BinaryConv2d(1, 1, 2, weights="ternary")
    pruner = TernaryPruner([conv], 0.5)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[[0.1, -0.9], [0.8, -0.2]]]]))
    pruner.step(1.0)
    assert conv.effective_weight().tolist() == [[[[0, -1], [1, 0]]]]
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = 2
    pruner.step(1.0)
    assert conv.effective_weight().tolist() == [[[[1, -1], [0, 0]]]]


def test_a_layer_with_small_weights_is_not_emptied() -> None:
    convs = layers()
    with torch.no_grad():
        convs[1].weight.mul_(1e-3)
    TernaryPruner(convs, 0.2).step(1.0)
    assert convs[1].mask.float().mean() > 0.1


@pytest.mark.parametrize("floor", [0.0, 0.5])
def test_no_layer_falls_below_its_floor(floor: float) -> None:
    # All alike in one layer, a few that stand out in the other: without a floor the first loses everything.
    convs = [BinaryConv2d(4, 8, 3, weights="ternary") for _ in range(2)]
    with torch.no_grad():
        convs[0].weight.fill_(0.1)
        convs[1].weight.fill_(0.1).flatten()[::4] = 1.0
    TernaryPruner(convs, 0.1, floor=floor).step(1.0)
    kept = [int(conv.mask.sum()) for conv in convs]
    assert sum(kept) == round(0.1 * 2 * 288)
    assert kept[0] == int(floor * 0.1 * 288)


def test_binary_layers_and_impossible_costs_are_refused() -> None:
    with pytest.raises(ValueError, match="ternary"):
        TernaryPruner([BinaryConv2d(1, 1, 3)], 0.1)
    with pytest.raises(ValueError, match="cost"):
        TernaryPruner(layers(), 0.0)
