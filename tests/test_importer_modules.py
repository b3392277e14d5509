"""Modules as people write them: the graph calculates what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import user_modules
from forced import forced, settled, smooth_images
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    BinaryConv,
    Compare,
    Concat,
    Graph,
    Head,
    MaxPool,
    Padding,
    PRelu,
    RealConv,
    RealHead,
    StemConv,
    Threshold,
)
from spanbit.importers import explain_torch, from_torch
from spanbit.nn import BinaryConv2d, StemConv2d
from spanbit.reference import run_graph
from torch import Tensor, nn
from torch.nn import functional as F
from user_modules import SIGNS, DenseNet, FirstBinarized, PolynomialSign, ReActNet, binarize

MEAN, STD = (0.48, 0.45, 0.4), (0.22, 0.23, 0.25)


class Behind(nn.Module):
    """An exact stem, a batch-norm, whatever `function` is, and the sums of a convolution of bits."""

    def __init__(self, function: Callable[[Tensor], Tensor], channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = StemConv2d(1, 6, 3, padding=1, mean=(0.5,), std=(0.5,))
        self.norm = nn.BatchNorm2d(6)
        self.function = function
        self.conv = BinaryConv2d(channels, 5, 3, padding=1, pad_value=0)

    def forward(self, x: Tensor) -> Tensor:
        sums: Tensor = self.conv(self.function(self.norm(self.stem(x))))
        return sums


def image(net: nn.Module, channels: int = 1, side: int = 12) -> Tensor:
    """An image, and `net` with batch-norms that suit it."""
    settled(net, smooth_images(8, channels, side, 0), 0)
    return smooth_images(12, channels, side, 0)[-1]


def run(graph: Graph, given: Tensor) -> NDArray[Any]:
    return run_graph(graph, given.permute(1, 2, 0).contiguous().numpy())[-1]


@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_in_any_spelling_is_a_comparison(name: str) -> None:
    net = Behind(SIGNS[name])
    given = image(net)
    graph = from_torch(net, (1, 12, 12))
    assert [type(op).__name__ for op in graph.ops] == ["StemConv", "Threshold", "BinaryConv", "Output"]
    with torch.no_grad():
        assert np.array_equal(run(graph, given), net(given[None])[0].round().numpy())


def test_a_sign_of_zero_is_what_the_source_says() -> None:
    for sign, zero in ((user_modules.where, True), (user_modules.compare_strictly, False)):
        net = Behind(sign)
        nn.init.zeros_(net.norm.weight)
        nn.init.zeros_(net.norm.bias)
        threshold = from_torch(net.eval(), (1, 12, 12)).ops[1]
        assert isinstance(threshold, Threshold)
        assert (threshold.compare == (Compare.ALWAYS if zero else Compare.NEVER)).all()


def test_torchs_own_zero_is_told() -> None:
    line = next(line for line in explain_torch(Behind(torch.sign), (1, 12, 12)).lines if line.label == "sign")
    assert "zero counts as +1" in str(line)


@pytest.mark.parametrize(
    "before",
    [
        nn.Hardtanh(),
        nn.Hardtanh(-2, 0.5),
        nn.ReLU6(),
        nn.PReLU(6, 0.3),
        nn.LeakyReLU(0.1),
        nn.ReLU(),
        nn.Sequential(nn.PReLU(6), user_modules.LearnedShift(6)),
        nn.Sequential(user_modules.LearnedShift(6), nn.Hardtanh(-0.2, 0.2), user_modules.LearnedShift(6)),
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.Sequential(nn.MaxPool2d(2), user_modules.LearnedShift(6), nn.MaxPool2d(3, 1, 1)),
    ],
    ids=str,
)
def test_what_stands_before_a_sign_is_part_of_the_comparison(before: nn.Module) -> None:
    net = Behind(lambda x: binarize(before(x)))
    net.add_module("before", before)
    given = image(net)
    with torch.no_grad():  # so that comparisons turn round, and some are constant
        net.norm.weight.mul_(torch.tensor([1.0, -1, 1, -1, 0, 1]))
    graph = from_torch(net, (1, 12, 12))
    assert {type(op) for op in graph.ops[1:-2]} <= {Threshold, MaxPool}
    with torch.no_grad():
        assert np.array_equal(run(graph, given), net(given[None])[0].round().numpy())


def test_what_changes_no_sign_is_elided() -> None:
    net = Behind(lambda x: torch.sign(F.hardtanh(x)))
    lines = [str(line) for line in explain_torch(net, (1, 12, 12)).lines]
    assert any("hardtanh" in line and "elided" in line for line in lines)


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2}, {"padding": "same"}, {"bias": True}])
def test_convolutions_of_signs_with_options(options: dict[str, Any]) -> None:
    net = Behind(binarize)
    given = image(net)
    net.conv = user_modules.BinaryConv(6, 6, 3, **{"bias": False, **options})
    graph = from_torch(net, (1, 12, 12))
    conv = graph.ops[2]
    assert isinstance(conv, BinaryConv) and conv.outside is Padding.ZERO
    with torch.no_grad():
        expected = net(given[None])[0].numpy()
    assert np.allclose(run(graph, given), expected, rtol=1e-5, atol=1e-5)


def test_bits_may_be_padded_by_a_call() -> None:
    net = Behind(lambda x: F.pad(binarize(x), (1, 1, 1, 1), value=-1))
    given = image(net)
    net.conv = nn.Conv2d(6, 4, 3, bias=False)
    with torch.no_grad():
        net.conv.weight.copy_(net.conv.weight.sign())
    graph = from_torch(net, (1, 12, 12))
    conv = graph.ops[2]
    assert isinstance(conv, BinaryConv) and conv.outside is Padding.MINUS_ONE and conv.padding == 1
    with torch.no_grad():
        assert np.array_equal(run(graph, given), net(given[None])[0].numpy())


def test_a_network_that_changes_tensors_through_data() -> None:
    net = FirstBinarized()
    with torch.no_grad():  # weights that int8 holds as they are, so that no sign turns
        net.conv1.weight.copy_(torch.randint(-127, 128, net.conv1.weight.shape) / 127)
        net.conv1.weight[:, 0, 0, 0] = 1
    given = image(net, side=8)
    graph = from_torch(net, (1, 8, 8))
    kinds = [type(op).__name__ for op in graph.ops]
    hidden = graph.ops[5]
    assert kinds == [
        *("StemConv", "Threshold", "BinaryConv", "Threshold", "MaxPool", "BinaryConv", "Threshold", "Head")
    ]
    assert isinstance(hidden, BinaryConv) and hidden.weight.shape == (20, 12, 4, 4)
    with torch.no_grad():
        theirs = net(given[None].float())[0].numpy()
    assert np.allclose(run(graph, given), theirs, atol=1e-4)


def test_a_reactnet_is_within_its_bounds() -> None:
    torch.manual_seed(0)
    net = ReActNet()
    mean, std = (torch.tensor(part)[:, None, None] for part in (MEAN, STD))
    images = smooth_images(17, 3, 32, 0)
    settled(net, (images[:-1] / 255 - mean) / std, 0)
    explanation = explain_torch(net, (3, 32, 32), mean=MEAN, std=STD)
    kinds = [type(op) for op in explanation.graph.ops]
    assert kinds.count(PRelu) == 5 and kinds.count(Concat) == 2 and kinds[-1] is RealHead
    given = (images[-1:] / 255 - mean) / std
    check(net, explanation, images[-1], given)


def test_a_dense_network_is_within_its_bounds() -> None:
    torch.manual_seed(1)
    net = DenseNet()
    images = smooth_images(17, 1, 16, 0)
    settled(net, images[:-1].float(), 0)
    explanation = explain_torch(net, (1, 16, 16))
    kinds = [type(op) for op in explanation.graph.ops]
    assert kinds.count(Concat) == 2 and RealConv in kinds
    run_ = forced(
        net.eval(),
        explanation,
        images[-1].permute(1, 2, 0).numpy(),
        "user_modules.binarize",
        images[-1:].float(),
    )
    ours, theirs = run_.logits
    assert np.ptp(ours - theirs) <= 2 * explanation.logits.max()  # log-softmax shifts all alike
    assert any(line.verb == "elided" and "log_softmax" in line.label for line in explanation.lines)


def check(net: nn.Module, explanation: Any, pixels: Tensor, given: Tensor) -> None:
    """Logits and signs are within what the explanation says, given the same bits."""
    result = forced(net, explanation, pixels.permute(1, 2, 0).numpy(), "user_modules.binarize", given)
    graph = explanation.graph
    position = {op.name: at for at, op in enumerate(graph.ops)}
    for name, distance in result.turned.items():
        (source,) = graph.sources[position[name]]
        assert (distance <= explanation.reals[source].error + 1e-5).all(), name
    ours, theirs = result.logits
    assert (np.abs(ours - theirs) <= explanation.logits + 1e-5).all()
    assert np.abs(ours - theirs).max() < 0.02 * np.ptp(theirs)


def test_a_stem_of_floats_is_within_its_bound() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 7, 5, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 4)
    ).eval()
    explanation = explain_torch(net, (3, 20, 20), mean=MEAN, std=STD)
    stem = explanation.graph.ops[0]
    assert isinstance(stem, StemConv) and stem.pad_value.tolist() == [122, 115, 102]
    pixels = torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8)
    mean, std = (torch.tensor(part)[:, None, None] for part in (MEAN, STD))
    with torch.no_grad():
        theirs = net(((pixels / 255 - mean) / std)[None])[0].numpy()
    ours = run(explanation.graph, pixels)
    assert 0 < np.abs(ours - theirs).max() <= explanation.logits.max()


def test_a_head_of_floats_on_bits_has_int8_weights() -> None:
    net = nn.Sequential(
        StemConv2d(1, 4, 3, mean=(0.5,), std=(0.5,)), PolynomialSign(), nn.Flatten(), nn.Linear(144, 3)
    )
    explanation = explain_torch(net, (1, 8, 8))
    graph = explanation.graph
    head = graph.ops[-1]
    assert isinstance(head, Head) and np.abs(head.weight).max(axis=1).tolist() == [127] * 3
    pixels = torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        theirs = net(pixels[None])[0].numpy()
    linear = net[-1]
    assert isinstance(linear, nn.Linear)
    bound = 144 * linear.weight.detach().abs().max().item() / 127 / 2
    off = np.abs(run(graph, pixels) - theirs)
    assert explanation.logits is not None and explanation.logits.max() < bound
    assert off.max() > 0 and (off <= explanation.logits).all()


class ByValue(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0 else -x


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(x)
        return x + y  # x has changed


class Shuffle(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(1, 2, 3, 12, 12).transpose(1, 2).reshape(1, 6, 12, 12)


class PixelShift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.randn(1, 6, 12, 12))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.shift


@pytest.mark.parametrize(
    ("module", "where", "says"),
    [
        (ByValue(), "function", "differ from image to image"),
        (InPlace(), "", "in place"),
        (Shuffle(), "function", "flatten"),
        (PixelShift(), "function", "number of its own"),
        (nn.Conv2d(6, 6, 3, padding=1), "function", "not bits"),
        (nn.Tanh(), "function", "no operator"),
        (nn.Upsample(scale_factor=2), "function", "no such operator"),
        (nn.Dropout(), "conv", "sign in front of it"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_path(module: nn.Module, where: str, says: str) -> None:
    net = Behind(nn.Identity())
    net.function = nn.Sequential(module) if where == "deep" else module
    with pytest.raises(SpanbitError, match=says) as caught:
        from_torch(net, (1, 12, 12))
    assert caught.value.code == ExitCode.UNSUPPORTED_MODEL
    assert caught.value.where == f"layer {where or '(the module itself)'}"
    assert caught.value.fix


def test_the_module_comes_back_as_it_was() -> None:
    net = Behind(binarize)
    net.train()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    from_torch(net, (1, 12, 12))
    assert net.training and not net.norm.training and net.conv.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert "apply" not in vars(torch.autograd.function._SingleLevelFunction)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parent.parent / "docs" / "import-torch.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    # What follows needs passes and bundle, which have tests of their own.
    exec(code.partition("\nimages = ")[0], {"__name__": "example"})
    said = capsys.readouterr().out
    assert "stem (Conv2d): kept as StemConv" in said and "head (Linear): kept as RealHead" in said
