"""Image data sets as uint8 arrays: scikit-learn's digits, and Fashion-MNIST from the user's disk.

    data = load("digits")                                  # 8x8, comes with scikit-learn
    data = load("fashion-mnist")                           # 28x28, Debian's dataset-fashion-mnist
    data = load("fashion-mnist", folder="downloads/fmnist")

Nothing is downloaded.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError

DATASETS = ("digits", "fashion-mnist")
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_FASHION_CLASSES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
_DIGITS_TEST = 360


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


def load(name: str = "digits", folder: str | Path | None = None) -> DataSet:
    """A data set by its name, one of `DATASETS`; `folder` says where Fashion-MNIST's four files are.

    Raises:
        SpanbitError: no such data set, files missing or damaged; says where to get them.
    """
    if name == "digits":
        return _digits()
    if name == "fashion-mnist":
        return _fashion(Path(folder) if folder is not None else DEBIAN_FOLDER)
    raise SpanbitError(f"no data set {name!r}", fix=f"use one of: {', '.join(DATASETS)}", code=ExitCode.USAGE)


def _digits() -> DataSet:
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise SpanbitError(
            "the digits come with scikit-learn, which is not installed",
            why=str(missing),
            fix="pip install 'spanbit[train]'",
        ) from missing
    values: NDArray[np.float64]
    labels: NDArray[np.int64]
    values, labels = load_digits(return_X_y=True)
    images = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    # The set is sorted by writer; a fixed shuffle, so that a test image means the same on every machine.
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order], labels[order].astype(np.int64)
    return DataSet(
        "digits",
        images[:-_DIGITS_TEST],
        labels[:-_DIGITS_TEST],
        images[-_DIGITS_TEST:],
        labels[-_DIGITS_TEST:],
        tuple("0123456789"),
    )


def _fashion(folder: Path) -> DataSet:
    train_images, train_labels = _fashion_part(folder, "train")
    test_images, test_labels = _fashion_part(folder, "t10k")
    return DataSet("fashion-mnist", train_images, train_labels, test_images, test_labels, _FASHION_CLASSES)


def _fashion_part(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = read_idx(_find(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte"))
    fits = images.ndim == 3 and labels.shape == images.shape[:1] and images.size > 0
    if not fits or labels.max() >= len(_FASHION_CLASSES):
        raise SpanbitError(
            f"{part} images {images.shape} and labels {labels.shape} do not belong together",
            where=str(folder),
            fix="get the four files again",
        )
    return images[..., None], labels.astype(np.int64)


def _find(folder: Path, stem: str) -> Path:
    for candidate in (folder / f"{stem}.gz", folder / stem):
        if candidate.is_file():
            return candidate
    raise SpanbitError(
        f"Fashion-MNIST's file {stem}.gz is missing",
        where=str(folder),
        fix="apt install dataset-fashion-mnist, or name the folder that holds the four files of "
        "https://github.com/zalandoresearch/fashion-mnist",
    )


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
