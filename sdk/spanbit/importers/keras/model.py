"""A Keras model's configuration as calls of layers, one after the other.

    calls = calls_of(file)
    calls[3].layer.path, calls[3].layer.kind         # "block/quant_conv2d", "QuantConv2D"

Models inside models are opened, and a layer that is called twice is two calls. The configuration says for
each call where its inputs come from (`inbound_nodes`): layer, which of its calls, which of its outputs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from spanbit.errors import SpanbitError
from spanbit.importers.keras.file import KerasFile
from spanbit.importers.values import refuse

_MODELS = ("Functional", "Model", "Sequential")


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer: path of names, class, configuration, and where a .keras file has its weights."""

    path: str
    kind: str
    config: dict[str, Any]
    stored: str


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a layer. `arguments` are those that are no tensors; of a TensorFlow function only."""

    layer: Layer
    sources: tuple[Call, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


def calls_of(file: KerasFile) -> tuple[list[Call], Call]:
    """All calls, each behind those it takes from, and the one that the model returns. The first is the image.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the model or the layer.
    """
    opener = _Opener(file)
    result = opener.model(file.config, "", "", None)
    return opener.calls, result


def snake_case(name: str) -> str:
    """QuantConv2D -> quant_conv2d, as Keras does it."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


class _Opener:
    def __init__(self, file: KerasFile) -> None:
        self.calls: list[Call] = []
        self._where = file.where

    def model(self, config: dict[str, Any], path: str, stored: str, given: list[Call] | None) -> Call:
        """The calls of one model, whose inputs are `given` (None: the outermost)."""
        kind, inside = config["class_name"], config["config"]
        # A class of somebody's own that is a functional model all the same has its layers and calls here.
        if kind not in _MODELS and not (isinstance(inside, dict) and "output_layers" in inside):
            refuse(
                path,
                kind,
                "it is a model with Python code of its own, which no file holds",
                "build it with tf.keras.Sequential or tf.keras.Model(inputs, outputs)",
            )
        # Keras before 2.2.3 has the layers themselves here.
        layers = inside if isinstance(inside, list) else inside["layers"]
        found = self._layers(layers, path, stored)
        if kind == "Sequential":
            return self._sequential(found, path, given)
        return self._functional(inside, layers, found, path, given)

    def _layers(self, layers: list[dict[str, Any]], path: str, stored: str) -> list[Layer]:
        used: dict[str, int] = {}
        found = []
        for entry in layers:
            inside = entry["config"]
            kind = str(entry["class_name"])
            name = entry.get("name") or (inside.get("name") if isinstance(inside, dict) else None) or kind
            group = snake_case(kind)
            count = used.get(group, 0)
            used[group] = count + 1
            place = f"layers/{group}" if count == 0 else f"layers/{group}_{count}"
            whole = {"class_name": kind, "config": inside} if kind in _MODELS else inside
            found.append(
                Layer(
                    f"{path}/{name}" if path else str(name),
                    kind,
                    whole,
                    f"{stored}/{place}" if stored else place,
                )
            )
        return found

    def _sequential(self, layers: list[Layer], path: str, given: list[Call] | None) -> Call:
        if not layers:
            refuse(path, "Sequential", "it has no layers")
        if given is None:
            first = layers[0]
            if first.kind != "InputLayer" and "batch_input_shape" in first.config:
                # Older files have the input's shape in the first layer alone.
                shape = {"batch_input_shape": first.config["batch_input_shape"]}
                layers = [Layer("input", "InputLayer", shape, ""), *layers]
            elif first.kind != "InputLayer":
                self._no_shape(path)
            given = [self._add(Call(layers[0], ()))]
        current = given[0]
        for layer in layers:
            if layer.kind != "InputLayer":
                current = self._call(layer, [current], {})
        return current

    def _functional(
        self,
        config: dict[str, Any],
        entries: list[dict[str, Any]],
        layers: list[Layer],
        path: str,
        given: list[Call] | None,
    ) -> Call:
        inputs, outputs = _ends(config["input_layers"]), _ends(config["output_layers"])
        if len(outputs) != 1 or (given is None and len(inputs) != 1):
            refuse(
                path,
                "Functional",
                f"it has {len(inputs)} inputs and {len(outputs)} outputs",
                "save a model of one image and one output: tf.keras.Model(image, logits)",
            )
        by_name = {entry["name"]: layer for entry, layer in zip(entries, layers, strict=True)}
        if given is None:
            given = [self._add(Call(by_name[inputs[0][0]], ()))]
        known = {(name, index): call for (name, index, _), call in zip(inputs, given, strict=True)}
        waiting = [
            # A model inside a model was called once already, when it was built.
            (by_name[entry["name"]], entry["name"], number + (entry["class_name"] in _MODELS), node)
            for entry in entries
            if entry["class_name"] != "InputLayer"
            for number, node in enumerate(entry["inbound_nodes"])
        ]
        while waiting:
            later = []
            for item in waiting:
                layer, name, index, node = item
                tensors, arguments = _inbound(layer, node)
                if all(key in known for key in tensors):
                    known[name, index] = self._call(layer, [known[key] for key in tensors], arguments)
                else:
                    later.append(item)
            if len(later) == len(waiting):
                raise SpanbitError(
                    f"layer {later[0][0].path} takes what no layer delivers",
                    where=self._where,
                    fix="save the model again",
                )
            waiting = later
        name, index, tensor = outputs[0]
        if (name, index) not in known or tensor:
            raise SpanbitError(f"no layer makes {name!r}", where=self._where, fix="save the model again")
        return known[name, index]

    def _call(self, layer: Layer, sources: list[Call], arguments: dict[str, Any]) -> Call:
        if layer.kind in _MODELS:
            return self.model(layer.config, layer.path, layer.stored, sources)
        return self._add(Call(layer, tuple(sources), arguments))

    def _add(self, call: Call) -> Call:
        self.calls.append(call)
        return call

    def _no_shape(self, path: str) -> NoReturn:
        refuse(
            path,
            "Sequential",
            "it does not know the shape of its images",
            "give its first layer input_shape=(height, width, channels)",
        )


_Key = tuple[str, int]


def _ends(ends: list[Any]) -> list[tuple[str, int, int]]:
    """[["dense", 0, 0]], or the entry alone where there is one."""
    entries = [ends] if ends and isinstance(ends[0], str) else ends
    return [(str(name), int(index), int(tensor)) for name, index, tensor in entries]


def _inbound(layer: Layer, node: list[Any]) -> tuple[list[_Key], dict[str, Any]]:
    """The tensors that one call takes, and its other arguments."""
    entries = [node] if isinstance(node[0], str) else node
    tensors: list[_Key] = []
    arguments: dict[str, Any] = {}
    for name, index, tensor, *rest in entries:
        if name == "_CONSTANT_VALUE":
            refuse(layer.path, layer.kind, "it calculates with a constant", "use layers.Rescaling")
        _first_output(layer, tensor)
        tensors.append((name, index))
        for key, value in (rest[0] if rest else {}).items():
            if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
                _first_output(layer, value[2])
                tensors.append((value[0], value[1]))
            elif value is not None and key != "name":
                arguments[key] = value
    return tensors, arguments


def _first_output(layer: Layer, tensor: int) -> None:
    if tensor:
        refuse(layer.path, layer.kind, "it takes the second output of a layer", "use layers of one output")


__all__ = ["Call", "Layer", "calls_of", "snake_case"]
