"""Networks as people write them, without spanbit's layers: signs, weights, blocks in many spellings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SignSTE(torch.autograd.Function):
    """An autograd.Function with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * (x.abs() <= 1)


_sign_ste = SignSTE.apply  # taken once, as code does


def binarize(x: Tensor) -> Tensor:
    """The sign that `forced` replaces."""
    result: Tensor = _sign_ste(x)
    return result


class PolynomialSign(nn.Module):
    """Bi-Real Net's: the sign forward, a polynomial for the gradient."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.sign(x)
        below, left, right = x < -1, x < 0, x < 1
        bent = -below.type(torch.float32) + (x * x + 2 * x) * (1 - below.type(torch.float32))
        bent = bent * left.type(torch.float32) + (-x * x + 2 * x) * (1 - left.type(torch.float32))
        bent = bent * right.type(torch.float32) + (1 - right.type(torch.float32))
        return out.detach() - bent.detach() + bent


def clip_and_cancel(x: Tensor) -> Tensor:
    """A function whose other terms cancel."""
    clipped = x.clamp(-1, 1)
    return (torch.sign(x) - clipped).detach() + clipped


def compare_and_scale(x: Tensor) -> Tensor:
    return (x >= 0).float() * 2 - 1


def compare_strictly(x: Tensor) -> Tensor:
    return 2 * (x > 0).to(x.dtype) - 1


def where(x: Tensor) -> Tensor:
    return torch.where(x < 0, -1.0, 1.0)


def inverted_inside(x: Tensor) -> Tensor:
    return -torch.sign(-x)


SIGNS: dict[str, Callable[[Tensor], Tensor]] = {
    "torch.sign": torch.sign,
    "method": lambda x: x.sign(),
    "autograd.Function": binarize,
    "a module": PolynomialSign(),
    "terms that cancel": clip_and_cancel,
    "a comparison": compare_and_scale,
    "a strict comparison": compare_strictly,
    "torch.where": where,
}


class BinaryConv(nn.Conv2d):
    """A convolution of the sign of its weights, scaled by their mean magnitude: XNOR-Net's, Bi-Real's."""

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs().mean(dim=(1, 2, 3), keepdim=True).detach()
        cut = torch.clamp(self.weight, -1, 1)
        weight = (scale * torch.sign(self.weight)).detach() - cut.detach() + cut
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class LearnedShift(nn.Module):
    """A shift a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(1, channels, 1, 1) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.expand_as(x)


class ReActBlock(nn.Module):
    """ReActNet's: shifted sign, convolution, batch-norm, shortcut, shifted PReLU; then 1x1, doubled."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.shift1, self.shift2 = LearnedShift(channels), LearnedShift(channels)
        self.conv = BinaryConv(channels, channels, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.curve1 = nn.Sequential(LearnedShift(channels), nn.PReLU(channels), LearnedShift(channels))
        self.point1 = BinaryConv(channels, channels, 1, bias=False)
        self.point2 = BinaryConv(channels, channels, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.curve2 = nn.Sequential(LearnedShift(2 * channels), nn.PReLU(2 * channels))
        self.after = LearnedShift(2 * channels)
        self.pool = nn.AvgPool2d(2, 2) if stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.conv(binarize(self.shift1(x))))
        if self.pool is not None:
            x = self.pool(x)
        out = self.curve1(x + out)
        bits = binarize(self.shift2(out))
        one = self.norm1(self.point1(bits))
        two = self.norm2(self.point2(bits))
        one += out
        two += out
        return self.after(self.curve2(torch.cat([one, two], dim=1)))


class ReActNet(nn.Module):
    """A stem of floats, two blocks, a mean and a real head; takes normalised images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList([ReActBlock(8, 1), ReActBlock(16, 2)])
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        x = F.adaptive_avg_pool2d(x, 1)
        logits: Tensor = self.head(x.view(x.size(0), -1))
        return logits


class DenseNet(nn.Module):
    """Each layer's result is joined to what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(6), nn.BatchNorm2d(10)])
        self.convs = nn.ModuleList([BinaryConv(6, 4, 3, padding=1), BinaryConv(10, 4, 3, padding=1)])
        self.squeeze = nn.Conv2d(14, 8, 1)
        self.squeeze_norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem((x / 255 - 0.5) / 0.25), 3, 2, 1)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat((x, conv(binarize(norm(x)))), 1)
        x = F.hardtanh(self.squeeze_norm(self.squeeze(x)), -1.5, 2.0)
        logits: Tensor = self.head(x.mean([2, 3]))
        return F.log_softmax(logits, dim=1)


class FirstBinarized(nn.Module):
    """As the first binary networks in PyTorch: tensors and weights are changed through `.data`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.norm2 = nn.BatchNorm2d(12)
        self.fc1 = nn.Linear(12 * 16, 20)
        self.norm3 = nn.BatchNorm1d(20)
        self.fc2 = nn.Linear(20, 4)

    @staticmethod
    def _binary(layer: nn.Module, x: Tensor) -> Any:
        x.data = x.data.sign()
        weight, bias = layer.weight.data.sign(), layer.bias
        if isinstance(layer, nn.Linear):
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardtanh(self.norm1(self.conv1((x - 128) / 64)))
        x = F.hardtanh(self.norm2(self.pool(self._binary(self.conv2, x))))
        x = x.reshape(-1, 12 * 16)
        x = F.hardtanh(self.norm3(self._binary(self.fc1, x)))
        logits: Tensor = self._binary(self.fc2, x)
        return logits
