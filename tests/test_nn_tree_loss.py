"""The tree loss is the trees' cost, and following it makes the trees cheaper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spanbit.nn import BinaryConv2d, TreeLoss, tree_loss
from spanbit.nn.tree_loss import layer_tree
from spanbit.tree import ZERO, ChannelTree


def random_tree(weight: NDArray[np.int8], random: np.random.Generator) -> ChannelTree:
    """Any spanning tree, with the distances its definition gives: not the least one."""
    count = len(weight)
    channel = random.permutation(count).astype(np.int32)
    parent = np.array([random.integers(-1, place) for place in range(count)], np.int32)
    sign = random.choice(np.array([-1, 1], np.int8), count)
    rows = weight[channel] * sign[:, None]
    above = np.vstack([rows, np.zeros_like(rows[:1])])[parent]  # ZERO is -1: the row of zeros
    unused = np.zeros(count, np.int32)
    distance = (rows != above).sum(axis=1).astype(np.int32)
    return ChannelTree(channel, parent, sign, distance, unused, unused, unused, 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.0, 0.3, 1.0]))
def test_the_loss_is_the_share_of_differing_taps(seed: int, density: float) -> None:
    torch.manual_seed(seed)
    convs = [BinaryConv2d(2, 6, 3, weights="ternary"), BinaryConv2d(6, 5, 1)]
    convs[0].mask.copy_(torch.rand(convs[0].mask.shape) < density)
    random = np.random.default_rng(seed)
    built: list[ChannelTree] = []

    def build(weight: NDArray[np.int8], restarts: int) -> ChannelTree:
        built.append(random_tree(weight, random))
        return built[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_loss, "build_tree", build)
        loss = TreeLoss(convs)()
    taps = sum(conv.weight.numel() for conv in convs)
    assert float(loss.detach()) == pytest.approx(sum(tree.total_distance for tree in built) / taps, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.3, 1.0]))
def test_the_depth_term_is_the_mean_distance_of_the_paths(seed: int, density: float) -> None:
    torch.manual_seed(seed)
    conv = BinaryConv2d(2, 7, 3, weights="ternary")
    conv.mask.copy_(torch.rand(conv.mask.shape) < density)
    rows = conv.effective_weight().detach().flatten(1).numpy().astype(np.int8)
    tree = random_tree(rows, np.random.default_rng(seed))
    along = np.zeros(7)
    for place, parent in enumerate(tree.parent):
        along[place] = tree.distance[place] + (along[parent] if parent != ZERO else 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_loss, "build_tree", lambda weight, restarts: tree)
        plain, deep = TreeLoss([conv]), TreeLoss([conv], depth=0.5)
        difference = float((deep() - plain()).detach())
    assert difference == pytest.approx(0.5 * along.mean() / conv.weight.numel(), rel=1e-4)


def test_following_the_depth_term_makes_the_trees_shallower() -> None:
    depths = []
    for depth in (0.0, 3.0):
        torch.manual_seed(0)
        conv = BinaryConv2d(8, 24, 3)
        loss = TreeLoss([conv], every=5, depth=depth)
        optimizer = torch.optim.Adam([conv.weight], lr=0.01)
        for _ in range(15):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        depths.append(float(layer_tree(conv).depth.mean()))
    assert depths[1] < depths[0]


def test_the_gradient_pulls_differing_taps_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def chain(weight: NDArray[np.int8], restarts: int) -> ChannelTree:
        places, ones = np.arange(2, dtype=np.int32), np.ones(2, np.int8)
        return ChannelTree(places, places - 1, ones, places, places, places, places, 1)

    monkeypatch.setattr(tree_loss, "build_tree", chain)
    conv = BinaryConv2d(3, 2, 1, weights="ternary")
    conv.mask.copy_(torch.tensor([[1, 1, 1], [1, 1, 0]]).view(2, 3, 1, 1))
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[0.5, 0.5, 0.5], [0.5, -0.5, 0.5]]).view(2, 3, 1, 1))
    TreeLoss([conv])().backward()
    assert conv.weight.grad is not None
    assert (conv.weight.grad.view(2, 3) * 6 * 2).tolist() == [[-1, 1, 0], [-1, -1, -1]]


def test_trees_are_built_again_every_so_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def count(weight: NDArray[np.int8], restarts: int) -> ChannelTree:
        calls.append(1)
        return random_tree(weight, np.random.default_rng(0))

    monkeypatch.setattr(tree_loss, "build_tree", count)
    loss = TreeLoss([BinaryConv2d(2, 4, 3)], every=3)
    for _ in range(7):
        loss()
    assert len(calls) == 3


def test_following_the_loss_shortens_the_minimum_tree() -> None:
    torch.manual_seed(0)
    conv = BinaryConv2d(8, 16, 3)
    before = layer_tree(conv).total_distance
    loss = TreeLoss([conv], every=5)
    assert float(loss().detach()) == pytest.approx(before / conv.weight.numel())
    optimizer = torch.optim.Adam(conv.parameters(), lr=5e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    tree = layer_tree(conv)
    assert ZERO in tree.parent
    assert tree.total_distance < 0.5 * before


def test_the_networks_parameters_are_not_the_losses() -> None:
    assert not list(TreeLoss([BinaryConv2d(2, 4, 3)]).parameters())
