"""Images to classify: an npz archive as `spanbit train` writes it, or raw bytes.

images = load_images(None, None, bundle_path=Path("demo.spb"), shape=bundle.input, count=200)
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Shape
from spanbit.image_files import ENDINGS, fitted, open_image

_LOGITS, _LAYER = "logits", "layer/"


@dataclass(frozen=True, eq=False)
class Images:
    """Images uint8 [N, H, W, C], labels uint8 [N] or None, and the file that they are from.

    `logits` [N, O] are what the model's own framework gave for them, if the file has them; `layers` what its
    layers did, by their paths, [N, ...]: of the file, what is called layer/PATH.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    where: str
    logits: NDArray[np.float64] | None = None
    layers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def default_images(bundle: Path) -> Path:
    """The archive that lies beside a bundle: demo.test.npz for demo.spb."""
    return bundle.with_suffix(".test.npz")


def load_images(
    path: Path | None, labels: Path | None, *, bundle_path: Path, shape: Shape, count: int
) -> Images | None:
    """The first `count` images of `path`, or of the archive beside the bundle; None if there is none.

    Raises:
        SpanbitError: a file cannot be read, or its images are not of this shape.
    """
    if path is None:
        if labels is not None:
            raise SpanbitError("--labels needs --images", code=ExitCode.USAGE)
        path = default_images(bundle_path)
        if not path.is_file():
            return None
    data = read_file(path)
    if path.suffix == ".npz":
        if labels is not None:
            raise SpanbitError("an npz archive has its own labels", where=str(path), fix="leave out --labels")
        pixels, numbers, said = _from_npz(data, path)
    else:
        said = {}
        pixels = _from_raw(data, path, shape)
        numbers = None if labels is None else np.frombuffer(read_file(labels), np.uint8)
    wanted = (shape.height, shape.width, shape.channels)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted or len(pixels) == 0:
        raise SpanbitError(
            "the images do not fit the bundle",
            where=str(path),
            why=f"they are {pixels.dtype} {pixels.shape}, it takes uint8 [N, *{wanted}]",
            fix="scale them to that size first",
        )
    if numbers is not None:
        numbers = _checked_labels(numbers, len(pixels), labels or path)[:count]
    for name, rows in said.items():
        if len(rows) != len(pixels):
            raise SpanbitError(f"{len(rows)} rows of {name} for {len(pixels)} images", where=str(path))
    first = {name: rows[:count] for name, rows in said.items()}
    logits = first.pop(_LOGITS, None)
    layers = {name.removeprefix(_LAYER): rows for name, rows in first.items()}
    return Images(np.ascontiguousarray(pixels[:count]), numbers, str(path), logits, layers)


def images_of_folder(folder: Path, shape: Shape, count: int) -> Images:
    """The first `count` image files below `folder`, in the order of their names, scaled to `shape`.

    Raises:
        SpanbitError: there is none, one cannot be read, or Pillow is not installed.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS][:count]
    if not paths:
        raise SpanbitError(
            "no images", where=str(folder), why=f"no file ends in {', '.join(sorted(ENDINGS))}"
        )
    mode = "L" if shape.channels == 1 else "RGB"
    size = (shape.width, shape.height)
    images = [np.asarray(fitted(open_image(path).convert(mode), size), np.uint8) for path in paths]
    if shape.channels not in (1, 3):
        raise SpanbitError(f"images of {shape.channels} channels", fix="give an .npz", code=ExitCode.USAGE)
    pixels = np.stack(images).reshape(len(images), shape.height, shape.width, -1)
    return Images(pixels, None, str(folder))


def _from_npz(
    data: bytes, path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.integer] | None, dict[str, NDArray[np.float64]]]:
    """Images, labels, and what the model's own framework said of them."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            said = {name: archive[name] for name in archive if name == _LOGITS or name.startswith(_LAYER)}
            return archive["images"], archive.get("labels"), said
    except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise SpanbitError(
            "not an archive of images",
            where=str(path),
            why=str(error),
            fix="write an npz with `images`, uint8 [N, H, W, C], and `labels`; `spanbit train` makes one",
        ) from error


def _from_raw(data: bytes, path: Path, shape: Shape) -> NDArray[np.uint8]:
    size = shape.height * shape.width * shape.channels
    if not data or len(data) % size:
        raise SpanbitError(
            "the file is not a whole number of images",
            where=str(path),
            why=f"it has {len(data):,} bytes, an image of {shape} takes {size:,}",
            fix="write the images one after the other, rows of interleaved channels",
        )
    return np.frombuffer(data, np.uint8).reshape(-1, shape.height, shape.width, shape.channels)


def _checked_labels(labels: NDArray[np.integer], images: int, path: Path) -> NDArray[np.uint8]:
    if labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise SpanbitError(
            "one label an image is needed",
            where=str(path),
            why=f"labels are {labels.dtype} {labels.shape}, there are {images} images",
        )
    if labels.min() < 0 or labels.max() > 255:
        raise SpanbitError("a label is not in 0 .. 255", where=str(path))
    return labels.astype(np.uint8)
