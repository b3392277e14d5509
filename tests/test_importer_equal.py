"""PyTorch in evaluation and the graph in numpy give the same integers at every layer, and the same logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spanbit.graph.ops import Graph, Shape, Threshold
from spanbit.importers import from_torch
from spanbit.nn import BatchNormSign, BinaryConv2d, BinaryLinear, Sign, StemConv2d
from spanbit.nn.binary import Weights
from spanbit.reference import run_graph
from torch import Tensor, nn

_NO_OPERATOR = (nn.Sequential, nn.Flatten, nn.Dropout, nn.BatchNorm2d)  # the Sign behind it is the operator


@dataclass(frozen=True)
class Block:
    channels: int
    kernel: int
    stride: int
    padding: int
    pad_value: int
    weights: Weights
    pool: str  # "", "before" or "after" the threshold
    plain: bool  # nn.BatchNorm2d and Sign instead of BatchNormSign


BLOCKS = st.builds(
    Block,
    channels=st.integers(1, 9),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.sampled_from([1, 2]),
    padding=st.integers(0, 1),
    pad_value=st.sampled_from([-1, 0, 1]),
    weights=st.sampled_from(["binary", "ternary"]),
    pool=st.sampled_from(["", "before", "after"]),
    plain=st.booleans(),
)


def threshold(channels: int, spread: float, plain: bool) -> list[nn.Module]:
    """A batch-norm in the midst of sums that reach `spread`; some gammas are negative, some zero."""
    layer = BatchNormSign(channels)
    norm = nn.BatchNorm2d(channels, eps=0.0) if plain else layer.norm
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        if plain:
            # Values that float32 holds without rounding: there, PyTorch is exact as well, ties included.
            norm.weight.copy_(torch.randint(-1, 2, (channels,)).float())
            norm.bias.copy_(torch.randint(-2, 3, (channels,)).float())
            norm.running_mean.copy_(torch.randint(-3, 4, (channels,)).float())
        else:
            norm.weight.copy_(torch.randn(channels) * (torch.rand(channels) < 0.8))
            norm.bias.copy_(torch.randn(channels) * 0.3)
            norm.running_mean.copy_(torch.randn(channels) * spread * 0.3)
            norm.running_var.copy_((torch.rand(channels) + 0.1) * spread**2)
    return [norm, Sign(), nn.Dropout()] if plain else [layer]


def network(blocks: list[Block], inputs: int, side: int) -> nn.Sequential:
    """As many of the blocks as the image is large enough for, between a stem and a head."""
    stem = StemConv2d(inputs, 5, 3, 1 + side % 2, 1, mean=(0.4,) * inputs, std=(0.3,) * inputs)
    layers: list[nn.Module] = [stem, *threshold(5, 9000.0, False)]
    channels, side = 5, (side - 1) // (1 + side % 2) + 1
    for block in blocks:
        if side < block.kernel or block.padding >= block.kernel:
            continue
        conv = BinaryConv2d(
            channels,
            block.channels,
            block.kernel,
            block.stride,
            block.padding,
            pad_value=block.pad_value,
            weights=block.weights,
        )
        conv.mask.copy_(torch.rand(conv.mask.shape) < 0.5)
        side = (side + 2 * block.padding - block.kernel) // block.stride + 1
        bits = threshold(block.channels, (channels * block.kernel**2) ** 0.5, block.plain)
        pool = block.pool if side >= 2 else ""
        side = side // 2 if pool else side
        before = [nn.MaxPool2d(2)] if pool == "before" else []
        after = [nn.MaxPool2d(2)] if pool == "after" else []
        layers.append(nn.Sequential(conv, *before, *bits, *after))
        channels = block.channels
    head = BinaryLinear(channels * side * side, 3)
    with torch.no_grad():
        head.scale.copy_(torch.randn(3))
        head.bias.copy_(torch.randn(3))
    return nn.Sequential(*layers, nn.Flatten(), head).eval()


def trace(net: nn.Module, image: Tensor) -> list[NDArray[Any]]:
    """The output of every layer that becomes an operator."""
    outputs: list[NDArray[Any]] = []
    for layer in net.modules():
        if not isinstance(layer, _NO_OPERATOR):
            layer.register_forward_hook(lambda _, __, out: outputs.append(out[0].detach().numpy()))
    net(image)
    return outputs


def assert_equal(graph: Graph, net: nn.Module, image: Tensor) -> None:
    ours = run_graph(graph, image[0].permute(1, 2, 0).contiguous().numpy())
    theirs = trace(net, image)
    assert len(ours) == len(theirs) == len(graph.ops)
    for op, here, there in zip(graph.ops, ours, theirs, strict=True):
        expected = there > 0 if here.dtype == np.bool_ else there
        assert np.array_equal(here.reshape(expected.shape), expected), op.name


@settings(max_examples=80, deadline=None)
@given(
    blocks=st.lists(BLOCKS, max_size=3),
    inputs=st.integers(1, 3),
    side=st.integers(4, 12),
    seed=st.integers(0, 2**31),
)
def test_every_layer_is_equal(blocks: list[Block], inputs: int, side: int, seed: int) -> None:
    torch.manual_seed(seed)
    net = network(blocks, inputs, side)
    graph = from_torch(net, (inputs, side, side))
    assert graph.input == Shape(inputs, side, side)
    assert_equal(graph, net, torch.randint(0, 256, (1, inputs, side, side), dtype=torch.uint8))


def test_a_tie_of_the_threshold_is_equal() -> None:
    # The bound, mean - beta s / gamma, is the integer 4 * 127: the tie counts as +1 for both signs of gamma.
    stem, bits = StemConv2d(1, 2, 1, mean=(0.0,), std=(1.0,)), BatchNormSign(2)
    assert bits.norm.running_mean is not None
    with torch.no_grad():
        stem.weight.fill_(1.0)
        bits.norm.weight.copy_(torch.tensor([2.0, -2.0]))
        bits.norm.running_mean.fill_(127 * 4)
    net = nn.Sequential(stem, bits, nn.Flatten(), BinaryLinear(18, 2)).eval()
    graph = from_torch(net, (1, 3, 3))
    assert isinstance(graph.ops[1], Threshold) and graph.ops[1].value.tolist() == [508, 508]
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    assert trace(net, image)[1][:, 1, 1].tolist() == [1, 1]
    assert_equal(graph, net, image)
