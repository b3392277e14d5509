"""The data sets by name: where each is looked for, and where to get it.

A folder that is named goes first. Without one, NAME in the folder that the environment's SPANBIT_DATA names
(or the user's data folder, as platformdirs has it), then where a package of the system puts it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.data.cifar import read_cifar10
from spanbit.nn.data.dataset import DataSet
from spanbit.nn.data.digits import read_digits
from spanbit.nn.data.folder import read_image_folder
from spanbit.nn.data.idx import read_fashion, read_mnist

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Source:
    """How a data set that lies in files is read, and where a user gets them."""

    read: Callable[[Path], DataSet]
    title: str
    get: str


_SOURCES = {
    "fashion-mnist": Source(
        read_fashion,
        "Fashion-MNIST",
        "apt install dataset-fashion-mnist, or get the four files of "
        "https://github.com/zalandoresearch/fashion-mnist",
    ),
    "mnist": Source(
        read_mnist,
        "MNIST",
        "get train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the two t10k- files, from "
        "http://yann.lecun.com/exdb/mnist or a mirror of it",
    ),
    "cifar10": Source(
        read_cifar10,
        "CIFAR-10",
        "get the python or the binary version from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it",
    ),
    "image-folder": Source(
        read_image_folder, "a folder of images", "put images of your own into train/CLASS/ and test/CLASS/"
    ),
}
DATASETS = ("digits", *_SOURCES)


def load(name: str = "digits", folder: str | Path | None = None, *, image_size: int | None = None) -> DataSet:
    """A data set by its name, one of `DATASETS`; nothing is downloaded.

    Args:
        folder: where its files are.
        image_size: of "image-folder" alone, see `read_image_folder`.

    Raises:
        SpanbitError: no such data set, files missing or damaged; says where to get and put them.
    """
    if name not in DATASETS:
        raise _usage(f"no data set {name!r}", f"use one of: {', '.join(DATASETS)}")
    if image_size is not None and name != "image-folder":
        raise _usage(f"an image size for {name}", "only the images of image-folder are scaled")
    if name == "digits":
        return read_digits()
    source = _SOURCES[name]
    if name == "image-folder" and folder is None:
        raise _usage("image-folder without a folder", "name the folder that holds train/ and test/")
    place = Path(folder) if folder is not None else default_folder(name)
    try:
        if name == "image-folder":
            return read_image_folder(place, image_size)
        return source.read(place)
    except FileNotFoundError as missing:
        there = "there" if folder is not None else f"into {data_root() / name}, or name their folder"
        raise SpanbitError(
            f"{source.title}'s {missing} is missing", where=str(place), fix=f"{source.get}; put them {there}"
        ) from missing


def default_folder(name: str) -> Path:
    """Where the files of `name` are looked for if no folder is named."""
    own = data_root() / name
    return DEBIAN_FOLDER if name == "fashion-mnist" and not own.is_dir() else own


def data_root() -> Path:
    """The folder of all data sets."""
    named = os.environ.get("SPANBIT_DATA")
    return Path(named) if named else platformdirs.user_data_path("spanbit") / "data"


def _usage(what: str, fix: str) -> SpanbitError:
    return SpanbitError(what, fix=fix, code=ExitCode.USAGE)
