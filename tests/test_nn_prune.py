"""Pruning meets its cost exactly, and keeps what is strong."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.nn import BinaryConv2d, TernaryPruner
from spanbit.nn.prune import Prune, _strongest


def layers() -> list[BinaryConv2d]:
    torch.manual_seed(1)
    return [BinaryConv2d(3, 5, 3, weights="ternary"), BinaryConv2d(5, 7, 1, weights="ternary")]


@settings(max_examples=50, deadline=None)
@given(cost=st.floats(0.01, 1.0))
def test_the_target_is_met_exactly_in_each_layer(cost: float) -> None:
    convs = layers()
    pruner = TernaryPruner(convs, cost)
    pruner.step(1.0)
    sizes = [conv.weight.numel() for conv in convs]
    kept = [int((conv.effective_weight() != 0).sum()) for conv in convs]
    assert kept == [round(cost * size) for size in sizes]
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


def test_the_taps_are_chosen_on_after_the_cost_is_met_until_they_are_fixed() -> None:
    conv = BinaryConv2d(1, 4, 2, weights="ternary")
    compressor = Prune(0.25, warmup=0.0, reached_at=0.4, fixed_at=0.9)
    compressor.prepare([conv])
    met, first_is_used = {}, {}
    for progress in (0.0, 0.2, 0.4, 0.6, 0.89, 0.9, 0.99):
        with torch.no_grad():  # the first tap is strong at one step, weak at the next
            conv.weight.copy_(torch.linspace(0.5, 0.9, 16).view_as(conv.weight))
            conv.weight[0, 0, 0, 0] = 1.0 if progress in (0.4, 0.89) else 0.1
        compressor.step(progress)
        met[progress], first_is_used[progress] = compressor.met, bool(conv.mask[0, 0, 0, 0])
        assert not compressor.met or int(conv.mask.sum()) == 4
    assert met == {0.0: False, 0.2: False, 0.4: True, 0.6: True, 0.89: True, 0.9: True, 0.99: True}
    assert first_is_used == {0.0: True, 0.2: False, 0.4: True, 0.6: False, 0.89: True, 0.9: True, 0.99: True}


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_the_cost_is_met_in_time_however_rarely_taps_are_chosen(every: int) -> None:
    convs = layers()
    compressor = Prune(0.25, every=every)
    compressor.prepare(convs)
    for step in range(40):
        compressor.step(step / 100)
    assert not compressor.met
    compressor.step(0.40)
    assert compressor.met
    assert [int(conv.mask.sum()) for conv in convs] == [round(0.25 * conv.mask.numel()) for conv in convs]


def test_binary_layers_and_impossible_costs_are_refused() -> None:
    with pytest.raises(ValueError, match="ternary"):
        TernaryPruner([BinaryConv2d(1, 1, 3)], 0.1)
    with pytest.raises(ValueError, match="cost"):
        TernaryPruner(layers(), 0.0)
