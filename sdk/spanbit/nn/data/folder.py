"""Images of one's own: a folder a class, in a folder `train` and a folder `test` (or `val`).

    data = read_image_folder(Path("birds"), size=32)     # birds/train/finch/*.jpg, birds/test/finch/*.jpg

Files of any kind that Pillow reads. All are grey if every one of them is, else RGB. All are held in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError
from spanbit.image_files import ENDINGS, fitted, open_image
from spanbit.nn.data.dataset import DataSet

if TYPE_CHECKING:
    from PIL.Image import Image


def read_image_folder(folder: Path, size: int | None = None) -> DataSet:
    """The images below `folder`; the classes are the names of the folders in `train`, sorted.

    Both parts come in a fixed order that mixes the classes, since a few of them stand for all: the last ones
    of `train` may be held back, the first ones of `test` go with the checkpoint.

    Args:
        size: side of the square that every image becomes: its shorter side is scaled to it, the middle cut
            out. Without it, images must all be of one size already.

    Raises:
        SpanbitError: a folder or class without images, a file that is no image, sizes that differ; Pillow is
            not installed.
    """
    train, test = folder / "train", _test_folder(folder)
    class_names = tuple(sorted(part.name for part in train.iterdir() if part.is_dir()))
    if strangers := {part.name for part in test.iterdir() if part.is_dir()} - set(class_names):
        raise _wrong(test, f"classes that are not in train: {', '.join(sorted(strangers))}")
    files = [_files(part, class_names) for part in (train, test)]
    images = [open_image(path) for part in files for path, _ in part]
    mode = "L" if all(image.mode in ("L", "1") for image in images) else "RGB"
    pixels = _same_size([np.asarray(_squared(image.convert(mode), size)) for image in images], files)
    pixels = pixels.reshape(*pixels.shape[:3], -1)
    labels = np.array([label for part in files for _, label in part], np.int64)
    counts = [len(part) for part in files]
    first, second = (np.random.RandomState(0).permutation(count) for count in counts)
    second += counts[0]
    return DataSet("image-folder", pixels[first], labels[first], pixels[second], labels[second], class_names)


def _test_folder(folder: Path) -> Path:
    if not (folder / "train").is_dir():
        raise FileNotFoundError("train/CLASS/")
    for name in ("test", "val"):
        if (folder / name).is_dir():
            return folder / name
    raise FileNotFoundError("test/CLASS/")


def _files(part: Path, class_names: Sequence[str]) -> list[tuple[Path, int]]:
    found = [
        (path, label)
        for label, name in enumerate(class_names)
        for path in sorted((part / name).glob("*"))
        if path.suffix.lower() in ENDINGS
    ]
    if not found:
        raise _wrong(part, "it holds no image")
    return found


def _squared(image: Image, size: int | None) -> Image:
    return image if size is None else fitted(image, (size, size))


def _same_size(arrays: list[NDArray[np.uint8]], files: list[list[tuple[Path, int]]]) -> NDArray[np.uint8]:
    for array, (path, _) in zip(arrays, [entry for part in files for entry in part], strict=True):
        if array.shape != arrays[0].shape:
            raise SpanbitError(
                f"an image of {array.shape[0]}x{array.shape[1]} pixels among others of "
                f"{arrays[0].shape[0]}x{arrays[0].shape[1]}",
                where=str(path),
                why="a network takes images of one size",
                fix="say which with --image-size, and all are scaled to it",
            )
    return np.stack(arrays)


def _wrong(folder: Path, why: str) -> SpanbitError:
    return SpanbitError(
        "not a folder of images by class",
        where=str(folder),
        why=why,
        fix="put images into train/CLASS/ and test/CLASS/",
    )
