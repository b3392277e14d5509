"""A folder of one's own images: classes, sizes, colours, and what is wrong with it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from spanbit.errors import SpanbitError
from spanbit.nn.data import DataSet, load


def write(folder: Path, mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> None:
    """Two images a class; size is columns, rows, as Pillow has it."""
    for part in ("train", "test"):
        for place, name in enumerate(("wren", "finch")):
            (folder / part / name).mkdir(parents=True)
            for number in range(2):
                shade = 40 * place + 10 * number
                image = Image.new(mode, size, shade if mode == "L" else (shade, 1, 2))
                image.save(folder / part / name / f"{number}.png")
    (folder / "train" / "finch" / "notes.txt").write_text("not an image")


def of_train(data: DataSet) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return data.train_images, data.train_labels


def test_classes_are_the_folders_sorted(tmp_path: Path) -> None:
    write(tmp_path)
    data = load("image-folder", tmp_path)
    assert data.class_names == ("finch", "wren")
    assert data.input_shape == (3, 4, 6)
    found = {tuple(image[0, 0].tolist()): label for image, label in zip(*of_train(data), strict=True)}
    assert found == {(40, 1, 2): 0, (50, 1, 2): 0, (0, 1, 2): 1, (10, 1, 2): 1}
    assert sorted(data.test_labels.tolist()) == [0, 0, 1, 1]


def test_the_first_and_the_last_images_are_of_all_classes(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for shade, name in enumerate(("finch", "owl", "wren")):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(40):
                Image.new("L", (1, 1), shade).save(tmp_path / part / name / f"{number}.png")
    data = load("image-folder", tmp_path)
    for images, labels in (of_train(data), (data.test_images, data.test_labels)):
        assert (images.reshape(-1) == labels).all()
        assert set(labels[:20].tolist()) == set(labels[-20:].tolist()) == {0, 1, 2}
    again = load("image-folder", tmp_path)
    assert (again.train_labels == data.train_labels).all() and (again.test_labels == data.test_labels).all()


def test_grey_images_have_one_channel_unless_one_has_colours(tmp_path: Path) -> None:
    write(tmp_path, "L")
    assert load("image-folder", tmp_path).input_shape == (1, 4, 6)
    Image.new("RGB", (6, 4)).save(tmp_path / "test" / "wren" / "0.png")
    assert load("image-folder", tmp_path).input_shape == (3, 4, 6)


def test_val_is_taken_where_there_is_no_test(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test").rename(tmp_path / "val")
    assert len(load("image-folder", tmp_path).test_images) == 4


def test_a_size_scales_the_shorter_side_and_cuts_the_middle_out(tmp_path: Path) -> None:
    write(tmp_path, "L")
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, 2:6] = 200
    Image.fromarray(pixels).save(tmp_path / "train" / "finch" / "0.png")
    with pytest.raises(SpanbitError, match="--image-size") as caught:
        load("image-folder", tmp_path)
    assert "4x6 pixels among others of 4x8" in caught.value.what
    data = load("image-folder", tmp_path, image_size=4)
    assert data.input_shape == (1, 4, 4)
    assert (data.train_images == 200).all((1, 2, 3)).any()


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    (tmp_path / "test" / "owl").mkdir()
    with pytest.raises(SpanbitError, match="owl"):
        load("image-folder", tmp_path)
    (tmp_path / "test" / "owl").rmdir()
    (tmp_path / "train" / "wren" / "0.png").write_bytes(b"no image")
    with pytest.raises(SpanbitError, match="not an image") as caught:
        load("image-folder", tmp_path)
    assert caught.value.where.endswith("0.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SpanbitError, match="pip install"):
        load("image-folder", tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "wren").mkdir(parents=True)
    with pytest.raises(SpanbitError, match="holds no image"):
        load("image-folder", tmp_path)
