"""A model of Larq or Keras 2 as a graph, from its .h5 or .keras file, without TensorFlow.

    graph = from_keras("model.h5", mean=0.5, std=0.5)       # it takes images / 127.5 - 1
    print(explain_keras("model.keras"))                     # it has a Rescaling layer

A file is read (`file.py`), its configuration becomes calls of layers (`model.py`), and those values
(`layers.py`); from there on all importers go the same way. docs/import-keras.md has the layers that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from spanbit.errors import SpanbitError
from spanbit.graph.ops import Graph, Shape
from spanbit.importers.assemble import Numbers, assemble, name_of_file, normalisation
from spanbit.importers.explain import Explanation
from spanbit.importers.keras.file import KerasFile, is_keras, read_keras
from spanbit.importers.keras.layers import ACCEPTED, Converter
from spanbit.importers.keras.model import Call, calls_of
from spanbit.importers.keras.words import in_words_of_keras, translated
from spanbit.importers.plan import Note
from spanbit.importers.values import Affine, Image, Value, in_order

__all__ = ["ACCEPTED", "explain_keras", "explain_keras_bytes", "from_keras", "is_keras", "values_of"]

_SAYS_PIXELS = ("Rescaling", "Normalization")
_CHANGES_NO_PIXEL = ("Dropout", "GaussianNoise", "ZeroPadding2D")


def from_keras(
    path: Path | str,
    name: str = "",
    class_names: Sequence[str] = (),
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Graph:
    """The graph of a model that `model.save(path)` wrote, named as the file if no name is given.

    Args:
        mean, std: one number or one a channel, if the model takes (pixel / 255 - mean) / std. A model that
            begins with Rescaling or Normalization takes pixels 0..255 and needs neither.

    Raises:
        SpanbitError: BAD_INPUT for a file that cannot be read, or a model of which nobody says what it takes;
            UNSUPPORTED_MODEL, naming the layer by its path.
    """
    return explain_keras(path, name, class_names, mean=mean, std=std).graph


def explain_keras(
    path: Path | str,
    name: str = "",
    class_names: Sequence[str] = (),
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Explanation:
    """As `from_keras`: the graph, what became of every layer, and the errors of its numbers."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise SpanbitError(
            "a folder is no file of Keras",
            where=str(path),
            why="a SavedModel has no layers any more, only TensorFlow's operations",
            fix="save the model as one file: model.save('model.h5')",
        ) from error
    except OSError as error:
        raise SpanbitError(
            "cannot read the file", where=str(path), why=error.strerror or str(error), fix="check the path"
        ) from error
    return explain_keras_bytes(data, str(path), name, class_names, mean=mean, std=std)


def explain_keras_bytes(
    data: bytes,
    where: str,
    name: str = "",
    class_names: Sequence[str] = (),
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Explanation:
    """As `explain_keras`, of the bytes of a file called `where`."""
    name = name or name_of_file(where)
    try:
        end, notes, named = _read(read_keras(data, where), mean, std)
        image = next(value for value in in_order(end) if isinstance(value.step, Image)).shape
        explanation = assemble(end, notes, image, name, class_names, named)
    except SpanbitError as error:
        raise translated(error) from error
    lines = tuple(replace(line, detail=in_words_of_keras(line.detail)) for line in explanation.lines)
    return replace(explanation, lines=lines)


def values_of(
    file: KerasFile, *, mean: Numbers | None = None, std: Numbers | None = None
) -> tuple[Value, list[Note]]:
    """What the model calculates, in real numbers, and the layers that are no part of it.

    Raises:
        SpanbitError: as `from_keras`.
    """
    end, notes, _ = _read(file, mean, std)
    return end, notes


def _read(
    file: KerasFile, mean: Numbers | None, std: Numbers | None
) -> tuple[Value, list[Note], dict[Value, str]]:
    try:
        calls, result = calls_of(file)
        if mean is None and std is None:
            _check_pixels(calls, file.where)
        converter = Converter(file.weights, _pixel(mean, std, file.where))
        return converter.convert(calls, result), converter.notes, converter.named
    except (AttributeError, IndexError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise SpanbitError(
            "its configuration or its weights are not as Keras writes them",
            where=file.where,
            why=f"{type(error).__name__}: {error}",
            fix="save the model again; `spanbit --debug` shows where",
        ) from error


def _check_pixels(calls: list[Call], where: str) -> None:
    """The model says how pixels become what it takes; to guess would be wrong without a word."""
    image = {calls[0]}
    for call in calls[1:]:
        if not image.intersection(call.sources) or call.layer.kind in _SAYS_PIXELS:
            continue
        if call.layer.kind not in _CHANGES_NO_PIXEL:
            raise SpanbitError(
                "it is not said how pixels 0..255 become what the model takes",
                where=where,
                why=f"it begins with {call.layer.path} ({call.layer.kind}), no Rescaling or Normalization",
                fix="give mean and std; it takes (pixel / 255 - mean) / std: 0.5 and 0.5 for "
                "images / 127.5 - 1, 0 and 1 for images / 255, "
                "0 and 0.00392156862745098 (1/255) for pixels as they are",
            )
        image.add(call)


def _pixel(mean: Numbers | None, std: Numbers | None, where: str) -> Callable[[Shape], Affine | None]:
    def of(image: Shape) -> Affine | None:
        return normalisation(image, mean, std, where)

    return of
