"""CIFAR-10 as published, the python version or the binary one, unpacked.

    data = read_cifar10(Path("downloads"))     # holds cifar-10-batches-py or cifar-10-batches-bin, or is one

A batch of the binary version is records of a label and 3 x 32 x 32 pixels, a byte each, plane by plane. One
of the python version is a pickled dictionary with `data`, uint8 [N, 3072] in the same order, and `labels`. A
pickle can name any function and have it called; this reader knows the three that an array needs.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError
from spanbit.nn.data.dataset import DataSet

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_PIXELS = 3 * 32 * 32
_TRAIN, _TEST = tuple(f"data_batch_{part}" for part in range(1, 6)), "test_batch"
_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def read_cifar10(folder: Path) -> DataSet:
    """CIFAR-10, 50,000 and 10,000 images of 32x32.

    Raises:
        SpanbitError: a batch is missing or damaged.
    """
    place, ending, read = _version(folder)
    batches = [read(_existing(place / f"{name}{ending}")) for name in _TRAIN]
    test_images, test_labels = read(_existing(place / f"{_TEST}{ending}"))
    return DataSet(
        "cifar10",
        np.concatenate([images for images, _ in batches]),
        np.concatenate([labels for _, labels in batches]),
        test_images,
        test_labels,
        CLASSES,
    )


def _version(folder: Path) -> tuple[Path, str, Any]:
    for inner, ending, read in (
        ("cifar-10-batches-py", "", read_python_batch),
        ("cifar-10-batches-bin", ".bin", read_binary_batch),
    ):
        for place in (folder, folder / inner):
            if (place / f"{_TRAIN[0]}{ending}").is_file():
                return place, ending, read
    raise FileNotFoundError("cifar-10-batches-py/data_batch_1")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(path.name)
    return path


def read_binary_batch(path: Path) -> _Batch:
    """Images [N, 32, 32, 3] and labels [N] of a batch of the binary version."""
    records = np.frombuffer(_bytes(path), np.uint8)
    if not len(records) or len(records) % (1 + _PIXELS):
        raise _damaged(path, f"it is {len(records)} bytes long, records have {1 + _PIXELS}")
    records = records.reshape(-1, 1 + _PIXELS)
    return _checked(path, records[:, 1:], records[:, 0].astype(np.int64))


def read_python_batch(path: Path) -> _Batch:
    """Images [N, 32, 32, 3] and labels [N] of a batch of the python version."""
    data = _bytes(path)
    try:
        content = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = content[b"data"], np.asarray(content[b"labels"], np.int64)
    except Exception as failure:  # a damaged pickle raises whatever it likes
        raise _damaged(path, str(failure) or type(failure).__name__) from failure
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise _damaged(path, "its `data` is no table of bytes")
    return _checked(path, pixels, labels)


class _ArraysOnly(pickle.Unpickler):
    """Refuses every function but those that put an array together."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.replace("_core", "core"), name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]  # wherever this NumPy keeps it
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in the old protocols
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> _Batch:
    if labels.shape != (len(pixels),) or pixels.shape[1] != _PIXELS:
        raise _damaged(path, f"pixels {pixels.shape} and labels {labels.shape} do not belong together")
    if not len(labels) or labels.min() < 0 or labels.max() >= len(CLASSES):
        raise _damaged(path, "no images, or a label beyond the ten classes")
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        raise SpanbitError("cannot read the data set's file", where=str(path), why=str(failure)) from failure


def _damaged(path: Path, why: str) -> SpanbitError:
    return SpanbitError("not a batch of CIFAR-10", where=str(path), why=why, fix="get the file again")
