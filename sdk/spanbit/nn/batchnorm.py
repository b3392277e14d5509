"""Batch-norm and sign as one layer: float in training, an integer comparison in evaluation.

    layer = BatchNormSign(64)        # behind a convolution, or a pool behind one

PyTorch's own nn.BatchNorm2d followed by `Sign` can be imported too, but where gamma (P - mean) / s + beta
is zero up to float32's rounding, PyTorch may fall on the other side than the exact comparison does. This
layer calculates its bits in evaluation by the thresholds of `spanbit.graph.fold`, and cannot.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spanbit.graph.fold import fold_batchnorm
from spanbit.graph.ops import Compare
from spanbit.nn.sign import sign


def thresholds(norm: nn.BatchNorm2d, where: str = "") -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Integer thresholds [C] and `Compare` codes [C] of a batch-norm followed by sign.

    Raises:
        SpanbitError: a parameter is not finite.
        ValueError: the batch-norm keeps no running statistics.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch-norm without running statistics has no thresholds")
    channels = norm.num_features
    gamma = np.ones(channels) if not norm.affine else norm.weight.detach().cpu().numpy()
    beta = np.zeros(channels) if not norm.affine else norm.bias.detach().cpu().numpy()
    mean, var = norm.running_mean.cpu().numpy(), norm.running_var.cpu().numpy()
    return fold_batchnorm(gamma, beta, mean, var, norm.eps, where=where)


def scale_and_bias(norm: nn.BatchNorm2d, where: str = "") -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A batch-norm in evaluation as scale * P + bias, float32 [C] each, calculated in float64.

    Raises:
        SpanbitError: a parameter is not finite.
        ValueError: the batch-norm keeps no running statistics.
    """
    thresholds(norm, where)  # the same parameters, the same checks
    assert norm.running_mean is not None and norm.running_var is not None
    gamma = np.ones(norm.num_features) if not norm.affine else norm.weight.detach().cpu().numpy()
    beta = np.zeros(norm.num_features) if not norm.affine else norm.bias.detach().cpu().numpy()
    mean, var = (part.cpu().numpy().astype(np.float64) for part in (norm.running_mean, norm.running_var))
    scale = gamma.astype(np.float64) / np.sqrt(var + norm.eps)
    return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


class BatchNormSign(nn.Module):
    """nn.BatchNorm2d, then sign. Integers in float32 [N, C, H, W] to -1, +1."""

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return sign(self.norm(x))
        value, compare = thresholds(self.norm)
        # Exact in float32: |P| < 2^24 is exact, and a bound that rounds stays beyond every such P.
        bound = torch.from_numpy(value.astype(np.float32)).to(x.device)[:, None, None]
        code = torch.from_numpy(compare).to(x.device)[:, None, None]
        bits = torch.where(code == Compare.LE, x <= bound, x >= bound)
        bits = (bits | (code == Compare.ALWAYS)) & (code != Compare.NEVER)
        return bits.to(x.dtype) * 2 - 1
