"""What every compressor promises: the cost exactly, weights that fit the tree, a plain layer at the end."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.errors import ExitCode, SpanbitError
from spanbit.importers import from_torch
from spanbit.nn import BatchNormSign, BinaryConv2d, BinaryLinear, StemConv2d
from spanbit.nn.compress import Compressor, falling_share
from spanbit.nn.methods import make_compressor
from spanbit.nn.prune import Prune
from spanbit.nn.steer import TreeLossSteer
from spanbit.nn.tie import Tie, effective_tree, tied_to
from spanbit.nn.tied import Tied
from spanbit.nn.tree_loss import layer_tree
from spanbit.tree import check_tree
from test_importer_equal import assert_equal
from torch import nn

WAYS = {
    "prune": Prune,
    "tie": lambda cost: Tie(cost, every=3),
    "mixed": lambda cost: Tie(cost, mixed=True, every=3),
    "tree-loss": lambda cost: TreeLossSteer(cost, every=3),
}


def layers_for(compressor: Compressor) -> list[BinaryConv2d]:
    return [
        BinaryConv2d(3, 16, 3, padding=1, weights=compressor.weights),
        BinaryConv2d(16, 12, 1, weights=compressor.weights),
    ]


def learn(compressor: Compressor, layers: list[BinaryConv2d], steps: int) -> None:
    """Training on noise: the weights move, and nothing else matters here."""
    compressor.prepare(layers)
    optimizer = torch.optim.Adam([layer.weight for layer in layers], lr=0.02)
    anchor = torch.zeros((), requires_grad=True)  # at the end no weight has a gradient
    for step in range(steps):
        compressor.step(step / steps)
        noise = [(layer.effective_weight() * torch.randn_like(layer.weight)).sum() for layer in layers]
        optimizer.zero_grad()
        (torch.stack(noise).sum() * 0.01 + compressor.loss() + anchor).backward()
        optimizer.step()
    compressor.finish()


@pytest.mark.parametrize("way", sorted(WAYS))
@settings(max_examples=5, deadline=None)
@given(cost=st.sampled_from([0.15, 0.2, 0.25]), steps=st.sampled_from([1, 2, 30]), seed=st.integers(0, 999))
def test_the_cost_is_met_and_the_layers_are_plain_again(way: str, cost: float, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    compressor = WAYS[way](cost)
    layers = layers_for(compressor)
    learn(compressor, layers, steps)
    spent = 0
    for layer in layers:
        tree, value = layer_tree(layer), layer.effective_weight().detach().flatten(1).numpy()
        check_tree(tree, value.astype(np.int8))
        spent += tree.total_distance
        assert layer.tied is None
        assert set(np.unique(value)) <= ({-1, 1} if compressor.weights == "binary" else {-1, 0, 1})
        assert np.array_equal(layer.mask.flatten(1).numpy(), value != 0)
    # The tree is the least one over the final weights: it may undercut the one that was trained for.
    target = sum(round(cost * layer.weight.numel()) for layer in layers)
    assert spent <= target
    if way == "tie":
        assert spent > 0.8 * target


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.13, 0.4), mixed=st.booleans(), seed=st.integers(0, 10**6))
def test_ties_fit_their_tree_and_have_the_budget_exactly(share: float, mixed: bool, seed: int) -> None:
    torch.manual_seed(seed)
    layer = BinaryConv2d(4, 16, 3, weights="ternary" if mixed else "binary")
    untied = effective_tree(layer).total_distance
    budget = round(share * layer.weight.numel())
    ties = tied_to(layer, budget)
    layer.tied = Tied.of(ties, layer.weight.device)
    value = layer.effective_weight().detach().flatten(1).numpy()
    assert np.array_equal(value, ties.value)  # the gather finds what the algorithm meant
    assert ties.distance == (budget if mixed else min(budget, untied))
    assert layer_tree(layer).total_distance <= ties.distance
    assert mixed or (value != 0).all()


def test_a_new_tree_never_costs_more() -> None:
    torch.manual_seed(3)
    layer = BinaryConv2d(8, 24, 3)
    cost = effective_tree(layer).total_distance
    for budget in (1700, 1200, 800, 400, 300):
        ties = tied_to(layer, budget)
        assert ties.distance == min(budget, cost)
        layer.tied = Tied.of(ties, layer.weight.device)
        cost = effective_tree(layer).total_distance
        assert cost <= ties.distance


def test_the_gradient_goes_to_the_owner_and_to_the_tied_tap() -> None:
    # Channel 1 has tap 0 from channel 0 with the sign turned, tap 1 from zero, tap 2 itself.
    tied = Tied(torch.tensor([[0, 0, 0], [0, 2, 1]]), torch.tensor([[1.0, 1, 1], [-1, 1, 1]]))
    latent = torch.tensor([[0.5, -0.5, 0.5], [0.1, 0.2, -0.3]], requires_grad=True)
    value = tied.effective(latent)
    assert value.tolist() == [[1, -1, 1], [-1, 0, -1]]
    (value * torch.tensor([[1.0, 2, 3], [10, 20, 30]])).sum().backward()
    assert latent.grad is not None
    assert latent.grad.tolist() == [[1 - 10, 2, 3], [10, 20, 30]]
    assert not tied.freeze(latent).effective(latent).requires_grad


def test_the_weakest_differing_tap_is_tied_first() -> None:
    layer = BinaryConv2d(4, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1, 1, 1], [0.9, 0.8, -0.1, -0.9]]).view(2, 4, 1, 1))
    value = tied_to(layer, 5).value
    assert sorted(map(abs, value.sum(axis=1))) in ([2, 4], [0, 2])
    assert (value[0] != value[1]).sum() in (1, 3)  # tap 2 gave way, tap 3 did not
    assert value[0, 2] == value[1, 2] and value[0, 3] != value[1, 3]


@pytest.mark.parametrize("way", [*sorted(WAYS), "none"])
@pytest.mark.parametrize("stop", [1, 4, 13, 20, 28])
def test_a_state_goes_on_as_if_nothing_had_happened(way: str, stop: int) -> None:
    make = WAYS.get(way, lambda _: Compressor())

    def learn_on(compressor: Compressor, layers: list[BinaryConv2d], steps: range) -> None:
        anchor = torch.zeros((), requires_grad=True)
        for step in steps:
            compressor.step(step / 30)
            noise = torch.Generator().manual_seed(step)
            for layer in layers:
                layer.weight.grad = None
            (compressor.loss() + sum(layer.effective_weight().mean() for layer in layers) + anchor).backward()
            with torch.no_grad():
                for layer in layers:
                    layer.weight += 0.1 * torch.randn(layer.weight.shape, generator=noise)
                    if layer.weight.grad is not None:
                        layer.weight -= layer.weight.grad

    torch.manual_seed(1)
    first, again = make(0.2), make(0.2)
    layers = layers_for(first)
    first.prepare(layers)
    learn_on(first, layers, range(stop))
    file = io.BytesIO()
    torch.save([first.state_dict(), [layer.state_dict() for layer in layers]], file)
    learn_on(first, layers, range(stop, 30))
    first.finish()

    file.seek(0)
    state, weights = torch.load(file, weights_only=True)
    copies = layers_for(again)
    for layer, weight in zip(copies, weights, strict=True):
        layer.load_state_dict(weight)
    again.prepare(copies)
    again.load_state_dict(state)
    learn_on(again, copies, range(stop, 30))
    again.finish()
    for layer, copy in zip(layers, copies, strict=True):
        assert torch.equal(layer.weight, copy.weight) and torch.equal(layer.mask, copy.mask)


def test_a_state_of_another_compressor_or_of_other_layers_is_refused() -> None:
    first, other = Prune(0.2), Tie(0.2)
    layers = layers_for(first)
    first.prepare(layers)
    other.prepare(layers_for(other))
    with pytest.raises(ValueError, match="of Prune is not one of Tie"):
        other.load_state_dict(first.state_dict())
    fewer = Prune(0.2)
    fewer.prepare(layers[:1])
    with pytest.raises(ValueError, match="2 layers"):
        fewer.load_state_dict(first.state_dict())


@pytest.mark.parametrize("way", sorted(WAYS))
def test_the_exported_graph_is_the_trained_network(way: str) -> None:
    torch.manual_seed(5)
    compressor = WAYS[way](0.2)
    convs = [BinaryConv2d(6, 12, 3, padding=1, weights=compressor.weights) for _ in range(1)]
    net = nn.Sequential(
        StemConv2d(1, 6, 3, padding=1, mean=(0.4,), std=(0.3,)),
        *(BatchNormSign(6), convs[0], BatchNormSign(12), nn.Flatten(), BinaryLinear(12 * 36, 3)),
    )
    image = torch.randint(0, 256, (8, 1, 6, 6), dtype=torch.uint8)
    compressor.prepare(convs)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for step in range(30):
        compressor.step(step / 30)
        optimizer.zero_grad()
        (net(image).square().mean() + compressor.loss()).backward()
        optimizer.step()
    before = convs[0].effective_weight().detach().clone()
    compressor.finish()
    if way != "prune":  # settled: what was trained last is what is kept
        assert torch.equal(before, convs[0].effective_weight())
    assert_equal(from_torch(net, (1, 6, 6)), net.eval(), image[:1])


def test_steering_pulls_harder_on_the_layer_that_is_behind() -> None:
    torch.manual_seed(0)
    compressor = TreeLossSteer(0.2, every=1, warmup=0.0, reached_at=0.1)
    layers = layers_for(compressor)
    compressor.prepare(layers)
    compressor.step(0.0)
    assert compressor.loss() > 0
    with torch.no_grad():
        layers[0].weight.fill_(1.0)  # one row for all: far below the target
    compressor.step(0.2)
    compressor.loss()
    assert compressor.coefficients[0] < 0.3 < compressor.coefficients[1]


def test_without_a_warm_up_over_nothing_is_asked() -> None:
    compressor = TreeLossSteer(0.2, warmup=0.5)
    compressor.prepare(layers_for(compressor))
    compressor.step(0.4)
    assert float(compressor.loss()) == 0


def test_shares_fall_from_start_to_target() -> None:
    shares = [falling_share(0.1, 0.4, passed / 10) for passed in range(-2, 13)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.4) and shares[-1] == 0.1


@pytest.mark.parametrize("method", ["tie", "tree-loss"])
def test_a_cost_below_the_root_is_refused(method: str) -> None:
    compressor = make_compressor(method, 0.05)  # type: ignore[arg-type]
    with pytest.raises(SpanbitError, match="too low for binary") as caught:
        compressor.prepare(layers_for(compressor))
    assert caught.value.code == ExitCode.USAGE


def test_layers_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="ternary"):
        Prune(0.1).prepare([BinaryConv2d(3, 16, 3)])
    with pytest.raises(ValueError, match="needs layers"):
        Compressor().prepare([])
