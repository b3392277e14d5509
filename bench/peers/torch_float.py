"""PyTorch, 32-bit float, channels last: what a network is trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from shapes import Layer
from torch import nn

NAME = f"PyTorch {torch.__version__.partition('+')[0]} float32"


def load(steps: Sequence[Layer], classes: int | None, threads: int) -> Callable[[], object]:
    """A sequential module in inference mode. The number of threads is that of the whole process."""
    torch.set_num_threads(threads)
    modules: list[nn.Module] = []
    for layer in steps:
        modules += [
            nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel, layer.stride, layer.padding),
            nn.ReLU(inplace=True),
        ]
        if layer.pool:
            modules.append(nn.MaxPool2d(2))
    if classes is not None:
        last = steps[-1]
        side = last.out_size // (2 if last.pool else 1)
        modules += [nn.Flatten(), nn.Linear(last.out_channels * side**2, classes)]
    network = nn.Sequential(*modules).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, steps[0].in_channels, steps[0].size, steps[0].size)
    image = image.to(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode():
            return network(image)

    return run
