"""Bit-OPs of a network: binary multiply-accumulates over its binary convolutions, before any compression.

dense_bit_ops(net, (1, 28, 28))
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spanbit.nn.binary import BinaryConv2d


@torch.no_grad()
def dense_bit_ops(net: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Taps times output pixels over all BinaryConv2d, for one image [channels, height, width]."""
    found: list[int] = []

    def count(layer: Any, _: Any, output: Tensor) -> None:
        found.append(layer.weight.numel() * output.shape[-2] * output.shape[-1])

    hooks = [part.register_forward_hook(count) for part in net.modules() if isinstance(part, BinaryConv2d)]
    training = net.training
    net.eval()(torch.zeros(1, *input_shape, dtype=torch.uint8))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return sum(found)
