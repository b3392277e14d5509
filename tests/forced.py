"""A PyTorch module and its graph on one image, with the same bits: a bit that differs changes all behind it.

    run = forced(net, explain_torch(net, (3, 32, 32)), image)
    run.ours["stage1_1.add"], run.theirs["stage1_1"]

The module's signs, in the order of its calls, are replaced by the graph's. Where one would have decided
otherwise, its input must be within its error of zero: `turned` has how far from zero it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from spanbit.graph.ops import Threshold
from spanbit.importers.explain import Explanation
from spanbit.reference import run_graph
from torch import Tensor, nn


@dataclass(frozen=True)
class Forced:
    ours: dict[str, NDArray[Any]]  # of every operator, by name; real tensors in real numbers
    theirs: dict[str, NDArray[Any]]  # of every module, by path
    logits: tuple[NDArray[Any], NDArray[Any]]
    turned: dict[str, NDArray[Any]]  # by the threshold's name: the largest such distance, [C]


def forced(
    net: nn.Module, explanation: Explanation, image: NDArray[np.uint8], sign: str, given: Any
) -> Forced:
    """Runs both. `sign` is the dotted name of the module's sign function, `given` the module's input."""
    graph = explanation.graph
    outputs = run_graph(graph, image)
    ours = {}
    for position, (op, output) in enumerate(zip(graph.ops, outputs, strict=True)):
        real = explanation.reals.get(position)
        ours[op.name] = output if real is None else output / 2.0**real.fraction
    bits = iter(
        [(op.name, out) for op, out in zip(graph.ops, outputs, strict=True) if isinstance(op, Threshold)]
    )
    turned: dict[str, NDArray[Any]] = {}

    def replaced(x: Tensor) -> Tensor:
        name, wanted = next(bits)
        made = torch.from_numpy(np.where(wanted, 1.0, -1.0).astype(np.float32))[None]
        differ = ((x >= 0) != (made > 0))[0]
        turned[name] = (x[0].abs() * differ).amax(dim=(1, 2)).numpy()
        return made

    theirs: dict[str, NDArray[Any]] = {}
    with _hooks(net, theirs), mock.patch(sign, replaced), torch.no_grad():
        logits = net(given)[0].numpy()
    return Forced(ours, theirs, (outputs[-1], logits), turned)


class _hooks:  # noqa: N801
    """Keeps what every module delivers, while it lasts."""

    def __init__(self, net: nn.Module, kept: dict[str, NDArray[Any]]) -> None:
        self._handles = [
            module.register_forward_hook(self._keeper(name, kept)) for name, module in net.named_modules()
        ]

    @staticmethod
    def _keeper(name: str, kept: dict[str, NDArray[Any]]) -> Any:
        def keep(_: nn.Module, __: Any, output: Tensor) -> None:
            kept[name] = output[0].detach().numpy().copy()

        return keep

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()


def settled(net: nn.Module, images: Tensor, seed: int) -> nn.Module:
    """Batch-norms of some spread, with the statistics of `images`, as if it had been trained on them."""
    torch.manual_seed(seed)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.3, 1.2)
        nn.init.normal_(norm.bias, 0, 0.3)
        norm.momentum = None  # the mean over all that it sees
    with torch.no_grad():
        net.train()(images)
    return net.eval()


def smooth_images(count: int, channels: int, side: int, seed: int) -> Tensor:
    """uint8 [N, C, H, W], as smooth as photographs, so that sums are not all alike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 4, 4, generator=generator)
    large = nn.functional.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)
    return (large * 255).round().to(torch.uint8)
