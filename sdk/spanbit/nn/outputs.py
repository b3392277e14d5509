"""What the modules of a network deliver for an image.

delivered, result = module_outputs(net, image, {"conv1", "norm1"})
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Network = nn.Module
"""For those who do not import PyTorch."""


@torch.no_grad()
def module_outputs(
    net: Network, image: NDArray[np.uint8], names: Set[str]
) -> tuple[Mapping[str, NDArray[np.float64]], NDArray[np.float64]]:
    """What each module of `names` delivers for an image uint8 [H, W, C] in evaluation, and what all do.

    All flat. A module that runs more than once has its last result.
    """
    kept: dict[str, NDArray[np.float64]] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor):
                kept[name] = _flat(output)

        return hook

    hooks = [part.register_forward_hook(keep(name)) for name, part in net.named_modules() if name in names]
    training = net.training
    try:
        net.eval()
        result = net(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None])
    finally:
        net.train(training)
        for handle in hooks:
            handle.remove()
    return kept, _flat(result)


def _flat(tensor: Tensor) -> NDArray[np.float64]:
    flat: NDArray[np.float64] = tensor.detach().double().cpu().numpy().reshape(-1)
    return flat
