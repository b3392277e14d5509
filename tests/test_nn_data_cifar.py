"""CIFAR-10: both published versions, written small, are the same images; a hostile pickle runs nothing."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from spanbit.errors import SpanbitError
from spanbit.nn.data import load
from spanbit.nn.data.cifar import read_binary_batch, read_python_batch

NAMES = [*(f"data_batch_{part}" for part in range(1, 6)), "test_batch"]


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """Writes bytes as Python 2 wrote its strings: so are the published files."""

    dispatch: ClassVar[Any] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, value: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_string


def published(content: Any) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(content)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def write(folder: Path) -> np.ndarray[Any, Any]:
    """Both versions of the same six batches of three images."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 3072), np.uint8)
    labels = np.arange(18).reshape(6, 3) % 10
    for version in ("py", "bin"):
        (folder / f"cifar-10-batches-{version}").mkdir()
    for name, rows, wanted in zip(NAMES, pixels, labels, strict=True):
        content = {b"batch_label": b"x", b"labels": wanted.tolist(), b"data": rows, b"filenames": [b"a.png"]}
        (folder / "cifar-10-batches-py" / name).write_bytes(published(content))
        records = np.hstack([wanted[:, None].astype(np.uint8), rows])
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(records.tobytes())
    return pixels


def test_both_versions_are_the_same_images(tmp_path: Path) -> None:
    pixels = write(tmp_path)
    python = load("cifar10", tmp_path / "cifar-10-batches-py")
    binary = load("cifar10", tmp_path / "cifar-10-batches-bin")
    assert python.input_shape == binary.input_shape == (3, 32, 32)
    assert np.array_equal(python.train_images, binary.train_images)
    assert python.train_labels.tolist() == binary.train_labels.tolist() == [n % 10 for n in range(15)]
    assert python.test_labels.tolist() == binary.test_labels.tolist() == [5, 6, 7]
    # Row 2, column 5, green: plane 1 of the record.
    assert python.train_images[0, 2, 5, 1] == pixels[0, 0, 1024 + 2 * 32 + 5]
    assert load("cifar10", tmp_path).name == "cifar10"  # the folder above


def test_what_this_python_pickles_is_read_too(tmp_path: Path) -> None:
    rows = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
    for protocol in (2, 4, 5):
        (tmp_path / "x").write_bytes(pickle.dumps({b"labels": [1, 2], b"data": rows}, protocol))
        if protocol == 5:  # arrays are then put together by another function
            with pytest.raises(SpanbitError, match="which no array needs"):
                read_python_batch(tmp_path / "x")
        else:
            images, labels = read_python_batch(tmp_path / "x")
            assert images[1, 0, 0, 0] == rows[1, 0] and labels.tolist() == [1, 2]


def test_a_pickle_that_calls_something_is_refused(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "was here",)

    (tmp_path / "x").write_bytes(pickle.dumps({b"labels": [], b"data": Hostile()}, 2))
    with pytest.raises(SpanbitError, match="not a batch"):
        read_python_batch(tmp_path / "x")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps([1, 2], 2),
        pickle.dumps({b"labels": [1], b"data": b"abc"}, 2),
        pickle.dumps({b"labels": [1, 2], b"data": np.zeros((1, 3072), np.uint8)}, 2),
        pickle.dumps({b"labels": [11], b"data": np.zeros((1, 3072), np.uint8)}, 2),
        pickle.dumps({b"labels": [1], b"data": np.zeros((1, 3071), np.uint8)}, 2),
        pickle.dumps({b"labels": [1], b"data": np.zeros((1, 3072), np.uint8)}, 2)[:-400],
    ],
)
def test_a_damaged_python_batch_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SpanbitError, match="not a batch"):
        read_python_batch(tmp_path / "x")


@pytest.mark.parametrize("content", [b"", b"\1" * 3072, b"\12" + b"\0" * 3072])
def test_a_damaged_binary_batch_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SpanbitError, match="not a batch"):
        read_binary_batch(tmp_path / "x")


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_a_missing_batch_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / "cifar-10-batches-py" / name).unlink()
    with pytest.raises(SpanbitError, match=name):
        load("cifar10", tmp_path)
