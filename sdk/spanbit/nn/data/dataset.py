"""What every reader of this package makes: images and labels, for training and, apart, for the test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images uint8 [N, H, W, C] and labels int64 [N], for training and, apart, for the test."""

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, height, width, channels = self.train_images.shape
        return channels, height, width

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of the training pixels scaled to 0..1, per channel."""
        return tuple(float(part) for part in self.train_images.mean(axis=(0, 1, 2)) / 255)

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of the training pixels scaled to 0..1, per channel."""
        return tuple(float(part) for part in self.train_images.std(axis=(0, 1, 2)) / 255)
