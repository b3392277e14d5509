"""The zoo counts the bits and bit-OPs of the literature; residual networks learn, and are imported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spanbit.graph.ops import Add
from spanbit.importers import from_checkpoint
from spanbit.nn import BinaryConv2d
from spanbit.nn.bit_ops import dense_bit_ops
from spanbit.nn.data import load
from spanbit.nn.evaluate import images_of
from spanbit.nn.resnet import ReactResidual, Residual
from spanbit.nn.train import TrainConfig, train
from spanbit.nn.zoo import NETWORKS
from spanbit.reference import classify
from torch import nn

CIFAR, IMAGENET = (3, 32, 32), (3, 224, 224)
# Network, image, bits, bit-OPs: as the papers on binary networks count them.
LITERATURE = [
    ("vgg_small", CIFAR, 4_571_136, 603_979_776),
    ("resnet20", CIFAR, 267_264, 40_108_032),
    ("resnet18", CIFAR, 10_985_472, 547_356_672),
    ("resnet18", IMAGENET, 10_985_472, 1_676_279_808),
    ("reactnet18", IMAGENET, 10_985_472, 1_676_279_808),
    ("resnet34", IMAGENET, 21_086_208, 3_525_967_872),
]
RESIDUAL = ["resnet18", "resnet20", "resnet34", "reactnet18"]


def build(name: str, shape: tuple[int, int, int], width: int | None = None) -> nn.Module:
    network = NETWORKS[name]
    stats = (0.5,) * shape[0]
    return network.build(shape, 10, width or network.width, mean=stats, std=stats, weights="binary")


@pytest.mark.parametrize(("name", "shape", "bits", "bit_ops"), LITERATURE)
def test_bits_and_bit_ops_are_the_literatures(
    name: str, shape: tuple[int, int, int], bits: int, bit_ops: int
) -> None:
    net = build(name, shape)
    assert sum(m.weight.numel() for m in net.modules() if isinstance(m, BinaryConv2d)) == bits
    assert dense_bit_ops(net, shape) == bit_ops


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 9, 15), (3, 64, 65)])
def test_any_image_and_width_fits(name: str, shape: tuple[int, int, int]) -> None:
    net = build(name, shape, 4).eval()
    assert net(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, 10)
    with pytest.raises(ValueError, match="too small"):
        build(name, (3, 7, 32), 4)


def test_a_residual_layer_adds_its_input_as_it_is() -> None:
    layer = Residual(4, 4, 1, "binary").eval()
    x = torch.randn(2, 4, 5, 5)
    assert isinstance(layer.norm, nn.BatchNorm2d)
    assert torch.equal(layer(x), x + layer.norm(layer.conv(x.sign())))
    with torch.no_grad():
        layer.norm.weight.zero_()
    assert torch.equal(layer(x), x)


def test_reactnets_shifts_are_around_the_sign_and_the_sum() -> None:
    layer = ReactResidual(3, 3, 1, "binary").eval()
    before, after, slope = (
        torch.tensor(part) for part in ([0.5, -0.5, 0.0], [1.0, 0.0, -1.0], [0.1, 2.0, -1.0])
    )
    with torch.no_grad():
        layer.shift.bias.copy_(before)
        layer.act.before.bias.copy_(-before)
        layer.act.slope.weight.copy_(slope)
        layer.act.after.bias.copy_(after)
    x = torch.randn(2, 3, 5, 5)
    wide = [part[:, None, None] for part in (before, after, slope)]
    bits = torch.where(x + wide[0] >= 0, 1.0, -1.0)
    summed = layer.norm(layer.conv(bits)) + x - wide[0]
    assert torch.allclose(layer(x), torch.where(summed >= 0, summed, wide[2] * summed) + wide[1])


def test_a_residual_network_learns_at_a_cost_and_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    config = TrainConfig("digits", network="resnet20", width=8, epochs=8, cost=0.2, threads=1)
    result = train(config, checkpoint=path)
    assert result.accuracy > 0.4  # a tenth by chance; so few channels learn slowly
    assert result.tree_cost <= 0.2001
    graph = from_checkpoint(path.read_bytes(), where=str(path))
    assert sum(isinstance(op, Add) for op in graph.ops) == 18
    data = load("digits")
    images = data.test_images[:100]
    with torch.no_grad():
        theirs = result.net.eval()(images_of(images)).argmax(1).numpy()
    # A sign may turn where a shortcut is within its error of zero, and now and then that decides.
    assert (classify(graph, images) == theirs).mean() >= 0.95
