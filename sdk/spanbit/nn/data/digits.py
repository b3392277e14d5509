"""scikit-learn's digits: 1,797 images of 8x8 pixels, no file to get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import not_installed
from spanbit.nn.data.dataset import DataSet

_TEST = 360


def read_digits(_: Path | None = None) -> DataSet:
    """The digits, the last 360 of a fixed shuffle as test images.

    Raises:
        SpanbitError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise not_installed("the digits come with scikit-learn", missing, extra="train") from missing
    values: NDArray[np.float64]
    labels: NDArray[np.int64]
    values, labels = load_digits(return_X_y=True)
    images = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    # The set is sorted by writer; a fixed shuffle, so that a test image means the same on every machine.
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order], labels[order].astype(np.int64)
    return DataSet(
        "digits", images[:-_TEST], labels[:-_TEST], images[-_TEST:], labels[-_TEST:], tuple("0123456789")
    )
