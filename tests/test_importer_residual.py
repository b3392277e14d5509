"""Residual networks: every real tensor is within its stated bound of PyTorch's, given the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from forced import forced, settled, smooth_images
from spanbit.graph.ops import Add, PRelu, Threshold
from spanbit.importers import explain_torch
from spanbit.nn.zoo import NETWORKS
from torch import nn


def build(name: str, side: int, width: int, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    net = NETWORKS[name].build(
        (3, side, side), 10, width, mean=(0.5,) * 3, std=(0.25,) * 3, weights="ternary"
    )
    return settled(net, smooth_images(16, 3, side, seed), seed)


@pytest.mark.parametrize(
    ("name", "side", "width"),
    [("resnet20", 32, 16), ("resnet18", 33, 8), ("resnet34", 64, 8), ("reactnet18", 33, 8)],
)
def test_every_number_is_within_its_bound(name: str, side: int, width: int) -> None:
    net = build(name, side, width)
    explanation = explain_torch(net, (3, side, side))
    graph, reals = explanation.graph, explanation.reals
    position = {op.name: at for at, op in enumerate(graph.ops)}
    image = smooth_images(20, 3, side, 1)[-1]
    run = forced(net, explanation, image.permute(1, 2, 0).numpy(), "spanbit.nn.resnet.sign", image[None])
    # Where a block ends: in its sum, or in the shifted PReLU behind it.
    shifted = any(isinstance(op, PRelu) for op in graph.ops)
    ends = [op.name for op in graph.ops if isinstance(op, PRelu if shifted else Add)]
    assert len(ends) == sum(isinstance(op, Threshold) for op in graph.ops) == len(run.turned)
    for name_of_sum in ends:
        real = reals[position[name_of_sum]]
        off = np.abs(run.ours[name_of_sum] - run.theirs[name_of_sum.removesuffix(".add")])
        # A number that saturates is further off; none does here.
        assert (off.max(axis=(1, 2)) <= real.error + 1e-5).all(), name_of_sum
        assert (np.abs(run.theirs[name_of_sum.removesuffix(".add")]) < 32767 / 2**real.fraction).all()
        assert off.max() > 0  # fixed point is not float32: the bound is about something
    for name_of_sign, distance in run.turned.items():
        (source,) = graph.sources[position[name_of_sign]]
        assert (distance <= reals[source].error + 1e-5).all(), name_of_sign
    ours, theirs = run.logits
    assert explanation.logits is not None
    assert (np.abs(ours - theirs) <= explanation.logits + 1e-5).all()


def test_bounds_are_near_what_is_seen() -> None:
    """A bound that is far too large says nothing: along the first stage it is within a factor of four."""
    net = build("resnet20", 32, 16)
    explanation = explain_torch(net, (3, 32, 32))
    image = smooth_images(4, 3, 32, 2)[0]
    run = forced(net, explanation, image.permute(1, 2, 0).numpy(), "spanbit.nn.resnet.sign", image[None])
    for at, op in enumerate(explanation.graph.ops):
        if isinstance(op, Add) and op.name.startswith("stage1"):
            off = np.abs(run.ours[op.name] - run.theirs[op.name.removesuffix(".add")]).max()
            assert explanation.reals[at].error.max() < 4 * off, op.name


def test_one_scale_along_a_shortcut_and_as_many_bits_as_fit() -> None:
    net = build("resnet20", 32, 16)
    explanation = explain_torch(net, (3, 32, 32))
    adds = [at for at, op in enumerate(explanation.graph.ops) if isinstance(op, Add)]
    for at in adds:
        fractions = {explanation.reals[source].fraction for source in explanation.graph.sources[at]}
        assert fractions == {explanation.reals[at].fraction}
    for stage in range(3):
        chosen = [explanation.reals[at] for at in adds[6 * stage : 6 * stage + 6]]
        largest = max(float(real.range.magnitude.max()) for real in chosen)
        assert largest * 2 ** chosen[0].fraction <= 32767 < largest * 2 ** (chosen[0].fraction + 1)


def test_statistics_that_saw_nothing_are_not_believed() -> None:
    torch.manual_seed(0)
    net = NETWORKS["resnet20"].build((3, 32, 32), 10, 16, mean=(0.5,) * 3, std=(0.25,) * 3, weights="binary")
    fresh = explain_torch(net, (3, 32, 32))
    first = next(at for at, op in enumerate(fresh.graph.ops) if op.name == "stage1_1.norm")
    # 144 taps, a variance of 1: the sums reach 144, not four deviations.
    assert fresh.reals[first].range.magnitude.max() == pytest.approx(144 / (1 + 1e-5) ** 0.5)
