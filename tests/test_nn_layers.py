"""Layers: exact values forward, straight-through gradients backward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spanbit.nn import BatchNormSign, BinaryConv2d, BinaryLinear, Sign, StemConv2d
from spanbit.nn.binary import Weights
from spanbit.nn.sign import sign
from torch import nn


def correlate(
    image: NDArray[np.int64], weight: NDArray[np.int64], stride: int, padding: int, pad: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The definition of a convolution, tap by tap, in int64."""
    channels, height, width = image.shape
    padded = np.empty((channels, height + 2 * padding, width + 2 * padding), np.int64)
    padded[:] = pad[:, None, None]
    padded[:, padding : padding + height, padding : padding + width] = image
    kernel = weight.shape[2]
    rows = (padded.shape[1] - kernel) // stride + 1
    columns = (padded.shape[2] - kernel) // stride + 1
    result = np.zeros((len(weight), rows, columns), np.int64)
    for y in range(rows):
        for x in range(columns):
            window = padded[:, y * stride : y * stride + kernel, x * stride : x * stride + kernel]
            result[:, y, x] = (weight * window).sum(axis=(1, 2, 3))
    return result


def test_sign_of_zero_is_plus_one_and_gradient_is_clipped() -> None:
    x = torch.tensor([-1.5, -1.0, -0.25, -0.0, 0.0, 1.0, 1.5], requires_grad=True)
    y = sign(x)
    assert y.tolist() == [-1, -1, -1, 1, 1, 1, 1]
    (gradient,) = torch.autograd.grad((y * torch.arange(1.0, 8.0)).sum(), x)
    assert gradient.tolist() == [0, 2, 3, 4, 5, 6, 0]
    assert torch.equal(Sign()(x), y)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.sampled_from([1, 2]),
    padding=st.integers(0, 2),
    pad_value=st.sampled_from([-1, 0, 1]),
    weights=st.sampled_from(["binary", "ternary"]),
)
def test_binary_convolution_is_its_definition(
    seed: int, kernel: int, stride: int, padding: int, *, pad_value: int, weights: Weights
) -> None:
    torch.manual_seed(seed)
    conv = BinaryConv2d(5, 7, kernel, stride, padding, pad_value=pad_value, weights=weights)
    conv.mask.copy_(torch.rand(conv.mask.shape) < 0.4)
    x = torch.randint(0, 2, (1, 5, 7, 6)) * 2.0 - 1
    weight = conv.effective_weight().detach().numpy().astype(np.int64)
    assert set(np.unique(weight)) <= ({-1, 0, 1} if weights == "ternary" else {-1, 1})
    expected = correlate(x[0].numpy().astype(np.int64), weight, stride, padding, np.full(5, pad_value))
    assert np.array_equal(conv(x)[0].detach().numpy(), expected)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.sampled_from([1, 3]),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    padding=st.integers(0, 2),
)
def test_stem_is_integers_of_pixels(seed: int, channels: int, kernel: int, stride: int, padding: int) -> None:
    torch.manual_seed(seed)
    mean, std = torch.rand(channels).tolist(), (torch.rand(channels) + 0.1).tolist()
    stem = StemConv2d(channels, 6, kernel, stride, padding, mean=mean, std=std)
    images = torch.randint(0, 256, (1, channels, 8, 7), dtype=torch.uint8)
    weight = stem.effective_weight().detach().numpy().astype(np.int64)
    assert (np.abs(weight).max(axis=(1, 2, 3)) == 127).all()
    pad = np.array([round(255 * part) for part in mean])
    expected = correlate(images[0].numpy().astype(np.int64), weight, stride, padding, pad)
    assert np.array_equal(stem(images)[0].detach().numpy(), expected)
    assert torch.equal(stem(images), stem(images.float()))


def test_stem_of_a_dead_channel_is_zero_and_gradient_flows() -> None:
    stem = StemConv2d(1, 2, 3, mean=(0.5,), std=(0.5,))
    with torch.no_grad():
        stem.weight[0] = 0
    out = stem(torch.full((1, 1, 3, 3), 255, dtype=torch.uint8))
    assert out[0, 0].item() == 0
    out.sum().backward()
    assert stem.weight.grad is not None
    assert bool((stem.weight.grad[1] > 0).all())


def test_the_exactness_bound_is_checked_at_construction() -> None:
    StemConv2d(10, 1, 7, mean=(0.5,) * 10, std=(1,) * 10)  # 490 taps
    with pytest.raises(ValueError, match="at most 518"):
        StemConv2d(11, 1, 7, mean=(0.5,) * 11, std=(1,) * 11)


@pytest.mark.parametrize(("mean", "std"), [((0.5, 0.5), (1.0,)), ((1.5,), (1.0,)), ((0.5,), (0.0,))])
def test_a_wrong_normalisation_is_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="std"):
        StemConv2d(1, 1, 3, mean=mean, std=std)


def test_padding_with_zeros_is_what_a_plain_convolution_does() -> None:
    torch.manual_seed(0)
    conv, plain = BinaryConv2d(3, 4, 3, padding=1, pad_value=0), nn.Conv2d(3, 4, 3, padding=1, bias=False)
    with torch.no_grad():
        plain.weight.copy_(conv.effective_weight())
    x = torch.randint(0, 2, (2, 3, 5, 6)) * 2.0 - 1
    assert torch.equal(conv(x), plain(x))


def test_padding_with_another_value_is_refused() -> None:
    with pytest.raises(ValueError, match="pad_value"):
        BinaryConv2d(1, 1, 3, padding=1, pad_value=2)


def test_masked_taps_still_get_a_gradient() -> None:
    conv = BinaryConv2d(1, 1, 2, weights="ternary")
    conv.mask.copy_(torch.tensor([[[[True, False], [False, True]]]]))
    conv(torch.ones(1, 1, 2, 2)).sum().backward()
    assert conv.weight.grad is not None
    assert conv.weight.grad.tolist() == [[[[1, 1], [1, 1]]]]


def test_head_scales_an_exact_sum() -> None:
    head = BinaryLinear(9, 2)
    with torch.no_grad():
        head.scale.copy_(torch.tensor([0.1, -0.3]))
        head.bias.copy_(torch.tensor([0.7, 0.2]))
    x = torch.tensor([[1.0, -1, 1, 1, -1, -1, 1, 1, 1]])
    sums = (x @ head.effective_weight().T).detach().numpy().astype(np.float32)
    expected = np.array([0.1, -0.3], np.float32) * sums + np.array([0.7, 0.2], np.float32)
    assert np.array_equal(head(x).detach().numpy(), expected)


def test_batchnorm_sign_is_batchnorm_then_sign_in_training() -> None:
    torch.manual_seed(0)
    layer, plain = BatchNormSign(4).train(), nn.BatchNorm2d(4).train()
    x = torch.randint(-50, 50, (8, 4, 3, 3)).float()
    assert torch.equal(layer(x), sign(plain(x)))
    assert layer.norm.running_mean is not None and plain.running_mean is not None
    assert torch.equal(layer.norm.running_mean, plain.running_mean)


def test_batchnorm_sign_in_evaluation_knows_dead_and_negative_channels() -> None:
    layer = BatchNormSign(5, eps=0.0).eval()
    assert layer.norm.running_mean is not None
    with torch.no_grad():
        layer.norm.weight.copy_(torch.tensor([1.0, -1.0, 0.0, 0.0, 1e-30]))
        layer.norm.bias.copy_(torch.tensor([0.0, 0.0, 0.0, -1e-9, 1.0]))
        layer.norm.running_mean.copy_(torch.tensor([2.0, 2.0, 0.0, 0.0, 0.0]))
    x = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1).expand(3, 5, 1, 1)
    expected = [[-1, 1, 1, -1, 1], [1, 1, 1, -1, 1], [1, -1, 1, -1, 1]]
    assert layer(x).flatten(1).tolist() == expected
