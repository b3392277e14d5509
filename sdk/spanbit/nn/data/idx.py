"""MNIST and Fashion-MNIST as published: four idx files, gzipped or not.

data = read_mnist(Path("downloads/mnist"))
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError
from spanbit.nn.data.dataset import DataSet

_FASHION_CLASSES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def read_mnist(folder: Path) -> DataSet:
    """MNIST, 60,000 and 10,000 images of 28x28.

    Raises:
        SpanbitError: a file is missing, damaged, or does not belong to the others.
    """
    return _read("mnist", folder, tuple("0123456789"))


def read_fashion(folder: Path) -> DataSet:
    """Fashion-MNIST, as `read_mnist`."""
    return _read("fashion-mnist", folder, _FASHION_CLASSES)


def _read(name: str, folder: Path, class_names: tuple[str, ...]) -> DataSet:
    train_images, train_labels = _part(folder, "train", len(class_names))
    test_images, test_labels = _part(folder, "t10k", len(class_names))
    return DataSet(name, train_images, train_labels, test_images, test_labels, class_names)


def _part(folder: Path, part: str, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = read_idx(_find(folder, f"{part}-images", "idx3-ubyte"))
    labels = read_idx(_find(folder, f"{part}-labels", "idx1-ubyte"))
    fits = images.ndim == 3 and labels.shape == images.shape[:1] and images.size > 0
    if not fits or labels.max() >= classes:
        raise SpanbitError(
            f"{part} images {images.shape} and labels {labels.shape} do not belong together",
            where=str(folder),
            fix="get the four files again",
        )
    return images[..., None], labels.astype(np.int64)


def _find(folder: Path, stem: str, kind: str) -> Path:
    # Some copies have a dot where the published names have a hyphen.
    for name in (f"{stem}-{kind}.gz", f"{stem}-{kind}", f"{stem}.{kind}.gz", f"{stem}.{kind}"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{stem}-{kind}.gz")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An array of bytes from an idx file, gzipped or not.

    The format: two zero bytes, type (8: unsigned byte), number of axes, each axis' length as a big-endian
    u32, then the values.

    Raises:
        SpanbitError: the file is not such a file, or is cut off.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as failure:
        raise SpanbitError("cannot read the data set's file", where=str(path), why=str(failure)) from failure
    axes = data[3] if len(data) >= 4 else 0
    start = 4 + 4 * axes
    if data[:3] != b"\0\0\x08" or not axes or len(data) < start:
        raise SpanbitError("not an idx file of unsigned bytes", where=str(path), why="its header is another")
    shape = tuple(int(side) for side in np.frombuffer(data, ">u4", axes, 4))
    if len(data) - start != math.prod(shape):
        raise SpanbitError(
            "the idx file is cut off or too long",
            where=str(path),
            why=f"{len(data) - start} values, its header says {math.prod(shape)}",
            fix="get the file again",
        )
    values: NDArray[np.uint8] = np.frombuffer(data, np.uint8, offset=start)
    return np.array(values.reshape(shape))  # a copy: PyTorch wants arrays that can be written to
