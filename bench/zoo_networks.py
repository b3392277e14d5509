"""The zoo's networks with weights in them, for bench/zoo.py: random ones, and trained on the digits.

    subject = random_network("resnet18", "ternary")      # the literature's shape
    subject = trained_network("resnet18")                # narrow, on the digits, about a minute

Trained networks have as many layers as the others and fewer channels. `vgg_small` and `resnet20` see the
digits' 8x8 pixels; the others 64x64, each pixel as 8x8, so that they have the stem of large images: 7x7 with
stride 2, and a pool of 3x3 with stride 2.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.data import load
from spanbit.nn.evaluate import images_of
from spanbit.nn.train import TrainConfig, train
from spanbit.nn.zoo import NETWORKS
from torch import nn

SHAPES = {
    "vgg_small": (3, 32, 32),
    "resnet20": (3, 32, 32),
    "resnet18": (3, 224, 224),
    "resnet34": (3, 224, 224),
    "reactnet18": (3, 224, 224),
}
"""The literature's. `bireal18` is `resnet18` by another name, and is not made twice."""
COST = 0.10
"""Share of differing taps of the ternary and the trained ones."""
GOLDEN = 8
"""Test images that become golden records of a trained network."""
_SEEN = 4  # random images that the batch-norms of a random network see


@dataclass(frozen=True)
class Digits:
    """How a network is trained: channels of its stem, each pixel's side, epochs."""

    width: int
    scale: int
    epochs: int


TRAINED = {
    "vgg_small": Digits(16, 1, 40),
    "resnet20": Digits(16, 1, 30),
    "resnet18": Digits(8, 8, 15),
    "resnet34": Digits(8, 8, 15),
    "reactnet18": Digits(8, 8, 12),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in evaluation, its golden images uint8 [N, H, W, C], and of a trained one what is known.

    `accuracy` is PyTorch's on the test images.
    """

    net: nn.Module
    width: int
    images: NDArray[np.uint8]
    train_s: float | None = None
    accuracy: float | None = None
    test: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, height, width, channels = self.images.shape
        return channels, height, width


def random_network(name: str, weights: str) -> Subject:
    """Binary, as a network begins with, or ternary with one tap in ten that is not zero."""
    torch.manual_seed(0)
    shape, network = SHAPES[name], NETWORKS[name]
    kind: Any = weights
    classes = 1000 if shape[1] > 32 else 10
    net = network.build(shape, classes, network.width, mean=(0.45,) * 3, std=(0.25,) * 3, weights=kind)
    with torch.no_grad():
        for layer in net.modules():
            if weights == "ternary" and isinstance(layer, BinaryConv2d):
                layer.mask.copy_(torch.rand(layer.mask.shape) < COST)
        net.train()
        for _ in range(2):
            net(torch.randint(0, 256, (_SEEN, *shape), dtype=torch.uint8))
    image = np.random.default_rng(0).integers(0, 256, (1, shape[1], shape[2], shape[0])).astype(np.uint8)
    return Subject(net.eval(), network.width, image)


def trained_network(name: str) -> Subject:
    """Pruned to the cost while it learnt, as `spanbit train` does it."""
    how, digits = TRAINED[name], load("digits")
    data = replace(
        digits,
        train_images=_enlarged(digits.train_images, how.scale),
        test_images=_enlarged(digits.test_images, how.scale),
    )
    config = TrainConfig(
        "digits", network=name, width=how.width, epochs=how.epochs, cost=COST, shift=how.scale, threads=1
    )
    begin = time.process_time()
    result = train(config, data=data)
    return Subject(
        net=result.net,
        width=how.width,
        images=data.test_images[:GOLDEN],
        train_s=round(time.process_time() - begin, 1),
        accuracy=result.accuracy,
        test=(data.test_images, data.test_labels),
    )


def classes_of(net: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """What PyTorch makes of images uint8 [N, H, W, C]."""
    with torch.no_grad():
        return np.concatenate([net(images_of(part)).argmax(1).numpy() for part in np.array_split(images, 8)])


def _enlarged(images: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    return images.repeat(scale, axis=1).repeat(scale, axis=2)
