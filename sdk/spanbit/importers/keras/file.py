"""What a Keras file holds: the model's configuration as JSON, and weights as arrays. No TensorFlow.

    file = read_keras(Path("model.h5").read_bytes(), where="model.h5")
    file.config["class_name"]                        # "Sequential"
    file.weights.of(layer, ("kernel", "bias"))       # two arrays

Two formats of Keras 2, both written by `model.save(...)`:

    .h5      HDF5: attribute `model_config`, group `model_weights`; weights have names
    .keras   zip: config.json, metadata.json, model.weights.h5; weights have numbers, by the order of creation

Nothing in a file is ever run: what it calls by a name of Python (a Lambda layer) is refused by that name.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError, not_installed

if TYPE_CHECKING:
    from spanbit.importers.keras.model import Layer

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_SAVE = "write the whole model: model.save('model.h5') in TensorFlow 2, with its layers and their weights"


class Weights(Protocol):
    """Arrays of a layer, by the names that Keras gives them."""

    def of(self, layer: Layer, names: tuple[str, ...]) -> list[NDArray[Any]]:
        """One array a name.

        Raises:
            SpanbitError: one is missing, or cannot be told from others.
        """
        ...


@dataclass(frozen=True, eq=False)
class KerasFile:
    """A file's parts; `version` is of the Keras that wrote it."""

    where: str
    config: dict[str, Any]
    version: str
    weights: Weights


def is_keras(data: bytes) -> bool:
    """Whether the bytes look like a file of Keras: HDF5, or a zip with a config.json."""
    if data.startswith(_HDF5):
        return True
    if not data.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "config.json" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read_keras(data: bytes, where: str) -> KerasFile:
    """The parts of a .h5 or .keras file.

    Raises:
        SpanbitError: BAD_INPUT; not such a file, damaged, of Keras 3 or 1, or h5py is not installed.
    """
    try:
        import h5py
    except ModuleNotFoundError as missing:
        raise not_installed(
            "reading a Keras file needs h5py",
            missing,
            extra="keras",
            where=where,
            more="; TensorFlow is not needed",
        ) from missing
    if not is_keras(data):
        raise SpanbitError("not a .h5 or .keras file", where=where, fix=_SAVE)
    try:
        file = _zipped(h5py, data, where) if data.startswith(_ZIP) else _plain(h5py, data, where)
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise SpanbitError("cannot read the file", where=where, why=str(error), fix=_SAVE) from error
    if not isinstance(file.config, dict) or "class_name" not in file.config or "config" not in file.config:
        raise SpanbitError("its configuration is no model's", where=where, fix=_SAVE)
    if file.version.partition(".")[0] != "2":
        raise SpanbitError(
            f"it was written by Keras {file.version or '1'}",
            where=where,
            why="Larq runs on Keras 2, whose files are read",
            fix="load and save it with TensorFlow 2.15 or before, or with tf_keras",
        )
    return file


def _plain(h5py: Any, data: bytes, where: str) -> KerasFile:
    file = h5py.File(io.BytesIO(data), "r")
    if "model_config" not in file.attrs:
        raise SpanbitError("it holds weights alone, not the model", where=where, fix=_SAVE)
    config = json.loads(file.attrs["model_config"])
    version = _text(file.attrs.get("keras_version", ""))
    return KerasFile(where, config, version, _Named(file["model_weights"], where))


def _zipped(h5py: Any, data: bytes, where: str) -> KerasFile:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = json.loads(archive.read("config.json"))
        version = str(json.loads(archive.read("metadata.json"))["keras_version"])
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    return KerasFile(where, config, version, _Numbered(weights, where))


class _Named:
    """Weights of a .h5 file: a group for each layer of the outermost model."""

    def __init__(self, group: Any, where: str) -> None:
        self._group, self._where = group, where

    def of(self, layer: Layer, names: tuple[str, ...]) -> list[NDArray[Any]]:
        outermost, *inner = layer.path.split("/")
        group = self._group.get(outermost, {})
        stored = _weight_names(group)
        found = []
        for name in names:
            # "quant_conv2d/kernel:0": the variable's name, behind its layer's.
            parts = {full: full.split(":")[0].split("/") for full in stored}
            fits = [full for full, part in parts.items() if part[-1] == name]
            if inner:
                fits = [full for full in fits if parts[full][-2:-1] == [inner[-1]]]
            if len(fits) != 1:
                _no_weight(self._where, layer, name, stored)
            found.append(np.asarray(group[fits[0]]))
        return found


def _weight_names(group: Any) -> list[str]:
    if not hasattr(group, "attrs"):
        return []
    attributes = group.attrs
    if "weight_names" in attributes:
        return [_text(name) for name in attributes["weight_names"]]
    # Too many for one attribute: weight_names0, weight_names1, ...
    parts = [key for key in attributes if key.startswith("weight_names")]
    parts.sort(key=lambda key: int(key.removeprefix("weight_names")))
    return [_text(name) for key in parts for name in attributes[key]]


class _Numbered:
    """Weights of a .keras file: a group for each layer, named by the order among those of its class."""

    def __init__(self, group: Any, where: str) -> None:
        self._group, self._where = group, where

    def of(self, layer: Layer, names: tuple[str, ...]) -> list[NDArray[Any]]:
        place = f"{layer.stored}/vars"
        group = self._group.get(place, {})
        found = []
        for number, name in enumerate(names):
            if str(number) not in group:
                _no_weight(self._where, layer, name, [f"{place}/{key}" for key in group])
            found.append(np.asarray(group[str(number)]))
        return found


def _no_weight(where: str, layer: Layer, name: str, stored: list[str]) -> NoReturn:
    raise SpanbitError(
        f"no weight {name!r} of layer {layer.path} can be found",
        where=where,
        why=f"the file has {', '.join(stored) or 'none'} for it",
        fix="build the model before it is saved; if it is, save it in the other format (.h5 or .keras)",
        code=ExitCode.BAD_INPUT,
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
