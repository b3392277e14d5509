"""What the PyTorch importer takes, what it refuses, and what it says then."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    BinaryConv,
    Compare,
    Head,
    MaxPool,
    Output,
    OutputKind,
    Padding,
    StemConv,
    Threshold,
)
from spanbit.importers import from_torch
from spanbit.nn import BatchNormSign, BinaryConv2d, BinaryLinear, Sign, StemConv2d
from spanbit.reference import run_graph
from torch import nn


def stem(channels: int = 4) -> StemConv2d:
    return StemConv2d(1, channels, 3, padding=1, mean=(0.5,), std=(0.5,))


def test_a_nested_network_becomes_a_chain_with_qualified_names() -> None:
    block = nn.Sequential(
        BinaryConv2d(4, 6, 3, padding=1, pad_value=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(6),
        Sign(),
        nn.Dropout(),
    )
    net = nn.Sequential(stem(), BatchNormSign(4), nn.Identity(), block, nn.Flatten(), BinaryLinear(96, 3))
    graph = from_torch(net, (1, 8, 8), name="n", class_names=("a", "b", "c"))
    assert [type(op) for op in graph.ops] == [StemConv, Threshold, BinaryConv, MaxPool, Threshold, Head]
    assert [op.name for op in graph.ops] == ["0", "1", "3.0", "3.1", "3.2", "5"]
    stem_op, conv_op = graph.ops[0], graph.ops[2]
    assert isinstance(stem_op, StemConv) and stem_op.pad_value.tolist() == [128]
    assert isinstance(conv_op, BinaryConv) and conv_op.outside is Padding.ONE
    assert graph.class_names == ("a", "b", "c")


def test_a_plain_convolution_of_signs_is_padded_with_zeros() -> None:
    plain = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
    with torch.no_grad():
        plain.weight.copy_(torch.randint(-1, 2, plain.weight.shape))
    net = nn.Sequential(stem(), Sign(), plain, Sign(), nn.Flatten(), BinaryLinear(96, 2))
    conv = from_torch(net, (1, 8, 8)).ops[2]
    assert isinstance(conv, BinaryConv) and conv.outside is Padding.ZERO
    assert (conv.stride, conv.padding) == (2, 1)
    assert np.array_equal(conv.weight, plain.weight.detach().numpy())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"padding": (0, 1)}, "one number"),
        ({"stride": (1, 2)}, "one number"),
        ({"stride": 3}, "stride"),
        ({"padding": 3}, "padding"),
        ({"dilation": 4, "padding": 2}, "9x9"),
        ({"padding": 1, "padding_mode": "circular"}, "zeros"),
    ],
)
def test_a_plain_convolution_that_is_not_supported_says_why(options: dict[str, Any], why: str) -> None:
    plain = nn.Conv2d(4, 4, 3, **{"bias": False, **options})
    with torch.no_grad():
        plain.weight.fill_(1)
    with pytest.raises(SpanbitError, match=why):
        from_torch(nn.Sequential(stem(), Sign(), plain, Sign()), (1, 8, 8))


@pytest.mark.parametrize("scaled", [False, True])
def test_a_network_may_end_in_a_convolution(scaled: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            part.copy_(torch.rand(3) + 0.5)
    conv = BinaryConv2d(4, 3, 3, padding=1, pad_value=0)
    net = nn.Sequential(stem(), BatchNormSign(4), conv, *([norm] if scaled else [])).eval()
    graph = from_torch(net, (1, 8, 8))
    output = graph.ops[-1]
    assert isinstance(output, Output)
    assert output.kind is (OutputKind.FLOAT32 if scaled else OutputKind.INT16)
    image = torch.randint(0, 256, (1, 1, 8, 8), dtype=torch.uint8)
    ours = run_graph(graph, image[0].permute(1, 2, 0).contiguous().numpy())[-1]
    theirs = net(image)[0].detach().numpy()
    assert ours.shape == (3, 8, 8)
    assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-5) if scaled else np.array_equal(ours, theirs)


def test_sign_alone_is_a_threshold_at_zero() -> None:
    net = nn.Sequential(stem(), Sign(), nn.Flatten(), BinaryLinear(256, 2))
    threshold = from_torch(net, (1, 8, 8)).ops[1]
    assert isinstance(threshold, Threshold)
    assert threshold.value.tolist() == [0] * 4 and threshold.compare.tolist() == [Compare.GE] * 4


def test_a_layer_used_twice_is_imported_twice() -> None:
    conv, bits = BinaryConv2d(4, 4, 3, padding=1), BatchNormSign(4)
    net = nn.Sequential(stem(), BatchNormSign(4), conv, bits, conv, bits, nn.Flatten(), BinaryLinear(256, 2))
    assert len(from_torch(net, (1, 8, 8)).ops) == 7


def test_the_graph_keeps_its_numbers_when_training_goes_on() -> None:
    net = nn.Sequential(stem(), BatchNormSign(4), nn.Flatten(), BinaryLinear(256, 2))
    head = from_torch(net, (1, 8, 8)).ops[-1]
    assert isinstance(head, Head)
    before = head.bias.copy()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert np.array_equal(head.bias, before)


@pytest.mark.parametrize(
    ("layers", "where", "says"),
    [
        ([nn.Sequential(nn.ReLU())], "layer 2.0", "ReLU"),
        ([nn.Conv2d(4, 4, 3)], "layer 2", "Conv2d"),
        ([nn.MaxPool2d(8)], "layer 2", "MaxPool2d"),
        ([nn.MaxPool2d(2, stride=3)], "layer 2", "MaxPool2d"),
        ([nn.MaxPool2d((2, 3))], "layer 2", "MaxPool2d"),
        ([nn.MaxPool2d(2, ceil_mode=True)], "layer 2", "MaxPool2d"),
        ([BinaryConv2d(4, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2)], "layer 4", "Sign"),
        ([BinaryConv2d(4, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), Sign()], "layer 3", "running"),
        ([nn.Flatten(2)], "layer 2", "Flatten"),
        ([BinaryLinear(256, 4)], "layer 2", "Flatten"),
        ([nn.Flatten(), BatchNormSign(4)], "layer 3", "Flatten"),
        ([nn.Flatten(), BinaryLinear(256, 4), BatchNormSign(4)], "layer 4", "head"),
        ([BinaryConv2d(5, 4, 3), nn.Flatten(), BinaryLinear(4, 2)], "layer 2", "channels"),
    ],
)
def test_what_cannot_be_compiled_is_named(layers: list[nn.Module], where: str, says: str) -> None:
    net = nn.Sequential(stem(), BatchNormSign(4), *layers)
    with pytest.raises(SpanbitError) as caught:
        from_torch(net, (1, 8, 8))
    assert caught.value.code == ExitCode.UNSUPPORTED_MODEL
    assert caught.value.where == where
    assert says in str(caught.value)


def test_a_layer_that_nothing_is_known_of_is_refused_with_what_is_accepted() -> None:
    with pytest.raises(SpanbitError, match=r"(?s)layer 0.*Upsample.*BinaryConv2d"):
        from_torch(nn.Sequential(nn.Upsample(scale_factor=2)), (1, 8, 8))


def test_weights_that_are_not_finite_are_refused() -> None:
    broken = stem()
    with torch.no_grad():
        broken.weight[0] = torch.nan
    net = nn.Sequential(broken, BatchNormSign(4), nn.Flatten(), BinaryLinear(256, 2))
    with pytest.raises(SpanbitError, match="not finite"):
        from_torch(net, (1, 8, 8))


def test_class_names_must_fit() -> None:
    net = nn.Sequential(stem(), BatchNormSign(4), nn.Flatten(), BinaryLinear(256, 2))
    with pytest.raises(SpanbitError, match="3 class names for 2"):
        from_torch(net, (1, 8, 8), class_names=("a", "b", "c"))


def test_the_compiler_does_not_import_torch() -> None:
    code = "import sys, spanbit.importers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
