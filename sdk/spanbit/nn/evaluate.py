"""Accuracy of a network in evaluation mode: what the compiled one would have.

evaluate(net, images_of(data.test_images), torch.from_numpy(data.test_labels))
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def evaluate(net: nn.Module, images: Tensor, labels: Tensor, batch: int = 500) -> float:
    """The share of `images` (uint8 [N, C, H, W]) that `net` in evaluation mode classifies as `labels` say."""
    training = net.training
    device = next(net.parameters()).device
    net.eval()
    right = sum(
        int((net(part.to(device)).argmax(1).cpu() == truth).sum())
        for part, truth in zip(torch.split(images, batch), torch.split(labels, batch), strict=True)
    )
    net.train(training)
    return right / len(labels)


def images_of(array: Any) -> Tensor:
    """uint8 [N, H, W, C] as PyTorch has them: [N, C, H, W]."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)
