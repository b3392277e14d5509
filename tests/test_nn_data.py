"""Data sets: shapes, and what is said when files are missing or damaged."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.data import load, read_idx


def write_idx(path: Path, array: NDArray[Any]) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion(folder: Path, labels: int = 5) -> None:
    images = np.arange(5 * 28 * 28).reshape(5, 28, 28)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(
            folder / f"{part}-labels-idx1-ubyte", np.arange(labels)
        )  # not packed: that is taken as well


def test_digits_are_whole_and_use_the_full_range() -> None:
    data = load()
    assert data.train_images.shape == (1437, 8, 8, 1) and data.test_images.shape == (360, 8, 8, 1)
    assert data.train_images.dtype == np.uint8 and data.train_images.max() == 255
    assert data.input_shape == (1, 8, 8) and len(data.class_names) == 10
    assert set(data.test_labels.tolist()) == set(range(10))
    assert 0 < data.mean[0] < 1 and 0 < data.std[0] < 1


def test_no_test_image_is_trained_on() -> None:
    data = load()
    trained = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in trained for image in data.test_images)


def test_fashion_is_read_from_a_folder(tmp_path: Path) -> None:
    write_fashion(tmp_path)
    data = load("fashion-mnist", tmp_path)
    assert data.input_shape == (1, 28, 28)
    assert data.train_images[1, 0, :3, 0].tolist() == [16, 17, 18]
    assert data.test_labels.tolist() == [0, 1, 2, 3, 4]


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="dataset-fashion-mnist") as caught:
        load("fashion-mnist", tmp_path)
    assert caught.value.where == str(tmp_path)


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_fashion(tmp_path, labels=4)
    with pytest.raises(SpanbitError, match="do not belong together"):
        load("fashion-mnist", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x00",
        b"\0\0\x09\x01\0\0\0\x01a",
        b"\0\0\x08\x03\0\0\0\x01",
        b"\0\0\x08\x01\0\0\0\x02a",
        b"\0\0\x08\x01\0\0\0\x01ab",
        b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SpanbitError, match="idx"):
        read_idx(path)


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01a")[:-6])
    with pytest.raises(SpanbitError, match="cannot read"):
        read_idx(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SpanbitError, match="digits") as caught:
        load("emnist")
    assert caught.value.code == ExitCode.USAGE


def test_missing_scikit_learn_is_a_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SpanbitError, match="pip install"):
        load("digits")


def test_mnist_is_read_also_with_a_dot_in_the_names(tmp_path: Path) -> None:
    write_fashion(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    data = load("mnist", tmp_path)
    assert data.name == "mnist" and data.class_names == tuple("0123456789")
    assert data.train_images.shape == (5, 28, 28, 1)


def test_a_data_set_is_found_in_the_folder_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANBIT_DATA", str(tmp_path))
    for name in ("mnist", "fashion-mnist"):
        (tmp_path / name).mkdir()
        write_fashion(tmp_path / name)
        assert load(name).name == name
    with pytest.raises(SpanbitError, match="kriz/cifar") as caught:
        load("cifar10")
    assert str(tmp_path / "cifar10") in caught.value.fix


@pytest.mark.parametrize("name", ["mnist", "cifar10", "image-folder"])
def test_every_missing_data_set_says_where_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="is missing") as caught:
        load(name, tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")
    assert "get" in caught.value.fix or "put" in caught.value.fix


def test_only_a_folder_of_images_takes_a_size_and_it_needs_a_folder() -> None:
    with pytest.raises(SpanbitError, match="image size"):
        load("digits", image_size=8)
    with pytest.raises(SpanbitError, match="without a folder"):
        load("image-folder")
