"""Each layer of Keras and Larq as values.

    converter = Converter(file.weights, pixel)
    end = converter.convert(calls, result)

Keras has rows, columns, channels; values have channels, rows, columns: kernels are turned here, and
the weights behind a Flatten with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import Shape
from spanbit.importers.keras.activations import activation, quantizer, relu
from spanbit.importers.keras.convolutions import Kernel, convolved
from spanbit.importers.keras.file import Weights
from spanbit.importers.keras.model import Call, Layer
from spanbit.importers.keras.padding import NONE, Pads
from spanbit.importers.keras.pools import global_max, global_mean, max_pool, mean_pool
from spanbit.importers.keras.quantizers import name_of, quantised_kernel
from spanbit.importers.keras.tensor import Tensor, no_channels_first, pair, plain
from spanbit.importers.layers import Place, batch_norm, dense, floats, numbers_of
from spanbit.importers.plan import Note
from spanbit.importers.values import Affine, Flat, Image, Joined, Sign, Slope, Step, Sum, Value

_QUANTIZERS = ("SteSign", "ApproxSign", "SwishSign")
_DROPPED = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout2D",
)
_TAKE_IMAGES = (
    "QuantConv2D",
    "Conv2D",
    "QuantDepthwiseConv2D",
    "DepthwiseConv2D",
    "BatchNormalization",
    "SyncBatchNormalization",
    "Rescaling",
    "Normalization",
    "ZeroPadding2D",
)
_EPSILON = 1e-7  # tf.keras.backend.epsilon(): a deviation of Normalization is no smaller
ACCEPTED = (
    "QuantConv2D, QuantDepthwiseConv2D and QuantDense of Larq, Keras's Conv2D, Dense, BatchNormalization, "
    "Activation, ReLU, PReLU, MaxPool2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPool2D, "
    "ZeroPadding2D, Add, Concatenate, Flatten, Rescaling, Normalization, Dropout, Softmax"
)


class Converter:
    """Turns the calls of one model into values.

    `notes` has those that change nothing; `named` by its layer's path what the first call of each delivers.
    """

    def __init__(self, weights: Weights, pixel: Callable[[Shape], Affine | None]) -> None:
        self.notes: list[Note] = []
        self.named: dict[Value, str] = {}
        self._weights, self._pixel = weights, pixel
        self._signs: dict[Value, Value] = {}
        self._numbers: dict[Value, Value] = {}

    def convert(self, calls: list[Call], result: Call) -> Value:
        """The value that the model returns.

        Raises:
            SpanbitError: UNSUPPORTED_MODEL, naming the layer.
        """
        known: dict[Call, Tensor] = {}
        for call in calls:
            layer = call.layer
            place = Place(layer.path, layer.kind)
            given = [known[source] for source in call.sources]
            known[call] = self._image(place, layer) if not given else self._call(place, call, given)
            made = known[call]
            in_our_order = made.pads == NONE and (made.is_pixel or not made.is_vector)
            if given and in_our_order and layer.path not in self.named.values():
                self.named.setdefault(made.value, layer.path)
        tensor = known[result]
        place = Place(result.layer.path, result.layer.kind)
        return tensor.value if tensor.pads == NONE else plain(place, tensor)

    def _off_image(self, source: Tensor) -> Tensor:
        """`source`; pixels as numbers, which only the first convolution takes as they are."""
        if source.value not in self._numbers:
            self._numbers[source.value] = numbers_of(source.value)
        return replace(source, value=self._numbers[source.value])

    def _image(self, place: Place, layer: Layer) -> Tensor:
        sides = layer.config["batch_input_shape"][1:]
        if len(sides) != 3 or None in sides:
            shown = ", ".join("?" if side is None else str(side) for side in sides)
            place.refuse(
                f"its input is ({shown}), not one image of known rows, columns and channels",
                "give the input the shape (height, width, channels)",
            )
        height, width, channels = (int(side) for side in sides)
        value = Value("", "image", Image(), (), Shape(channels, height, width))
        pixel = self._pixel(value.shape)
        if pixel is not None:
            value = Value("", "normalisation", pixel, (value,), value.shape)
        return Tensor(value)

    def _call(self, place: Place, call: Call, given: list[Tensor]) -> Tensor:
        layer, config, source = call.layer, call.layer.config, given[0]
        if layer.kind in _DROPPED or (layer.kind == "Activation" and not name_of(config["activation"])[0]):
            self.notes.append(Note(place.path, place.label, "changes nothing in evaluation"))
            return source
        if layer.kind not in _TAKE_IMAGES:
            given = [self._off_image(tensor) for tensor in given]
            source = given[0]
        match layer.kind:
            case "QuantConv2D" | "Conv2D":
                return self._convolution(place, layer, source)
            case "QuantDepthwiseConv2D" | "DepthwiseConv2D":
                return self._depthwise(place, layer, source)
            case "QuantDense" | "Dense":
                return self._dense(place, layer, source)
            case "BatchNormalization" | "SyncBatchNormalization":
                return self._batch_norm(place, layer, source)
            case "Activation":
                return self._steps(place, source, activation(place, config["activation"], _channels(source)))
            case "ReLU":
                return self._steps(place, source, relu(place, config, _channels(source)))
            case "LeakyReLU":
                slope = np.full(_channels(source), float(config.get("alpha", 0.3)))
                return self._steps(place, source, [Slope(slope)])
            case "PReLU":
                return self._prelu(place, layer, source)
            case "Softmax":
                return self._steps(place, source, activation(place, "softmax", _channels(source)))
            case "MaxPooling2D" | "MaxPool2D":
                return Tensor(max_pool(place, source, config))
            case "AveragePooling2D":
                return Tensor(mean_pool(place, source, config))
            case "GlobalAveragePooling2D":
                return Tensor(global_mean(place, source, config), not config.get("keepdims"))
            case "GlobalMaxPooling2D":
                return Tensor(global_max(place, source, config), not config.get("keepdims"))
            case "ZeroPadding2D":
                return self._zero_padding(place, config, source)
            case "Add":
                return self._sum(place, given)
            case "Concatenate":
                return self._joined(place, given, config["axis"])
            case "Flatten":
                no_channels_first(place, config)
                return self._flat(place, source)
            case "Reshape":
                return self._reshape(place, config, source)
            case "Rescaling":
                ones = np.ones(_channels(source))
                affine = Affine(ones * config["scale"], ones * config["offset"])
                return self._steps(place, source, [affine])
            case "Normalization":
                return self._normalization(place, layer, source)
            case "TFOpLambda":
                return self._function(place, call, given)
        if layer.kind in _QUANTIZERS:
            return self._steps(place, source, [Sign()])
        return self._refuse(place, layer)

    def _refuse(self, place: Place, layer: Layer) -> Tensor:
        fix = {
            "QuantSeparableConv2D": "use QuantDepthwiseConv2D, then QuantConv2D of kernel 1, both quantized",
            "Lambda": "write it with layers of Keras; Python code in a file is never run",
        }.get(layer.kind, f"use {ACCEPTED}")
        place.refuse("there is no such operator in a compiled network", fix)

    # Elementwise ------------------------------------------------------------------------------------------

    def _steps(self, place: Place, source: Tensor, steps: list[Step]) -> Tensor:
        """`source` behind steps that are one function a channel; the same sign is made once."""
        for step in steps:
            if isinstance(step, Sign):
                source = self._sign(place, source, step)
                continue
            value = plain(place, source)
            if source.is_vector and not _alike(step) and not source.is_pixel:
                place.refuse("it stands behind Flatten", "put it in front of Flatten, one number a channel")
            source = replace(source, value=Value(place.path, place.label, step, (value,), value.shape))
        return source

    def _sign(self, place: Place, source: Tensor, step: Sign) -> Tensor:
        before = self._off_image(source).value
        plain(place, replace(source, pads=NONE))
        if before not in self._signs:
            self._signs[before] = Value(place.path, place.label, step, (before,), before.shape)
        # The sign of a zero that was put around is +1, and of a bit that was, itself.
        outside = source.outside if source.outside else 1
        return replace(source, value=self._signs[before], outside=outside if source.pads != NONE else 0)

    def _quantised(self, place: Place, spec: Any, source: Tensor) -> Tensor:
        inner = Place(f"{place.path}.sign", name_of(spec)[0])
        return self._steps(inner, source, quantizer(place, spec))

    def _activated(self, place: Place, layer: Layer, made: Tensor) -> Tensor:
        spec = layer.config.get("activation")
        inner = Place(f"{place.path}.activation", name_of(spec)[0])
        return self._steps(inner, made, activation(place, spec, _channels(made)))

    def _prelu(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        (alpha,) = self._weights.of(layer, ("alpha",))
        slopes = floats(place, alpha).reshape(-1, alpha.shape[-1])
        if not (slopes == slopes[:1]).all() or (source.is_vector and not source.is_pixel):
            place.refuse("it has a slope for every pixel", "use PReLU(shared_axes=[1, 2])")
        return self._steps(place, source, [Slope(slopes[0].copy())])

    def _batch_norm(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        config = layer.config
        self._check_axis(place, config["axis"], source)
        if config.get("renorm"):
            place.refuse("it has renorm=True", "leave renorm at False")
        value = plain(place, source)
        if source.is_vector and not source.is_pixel:
            place.refuse("it stands behind Flatten", "put it in front of Flatten, one number a channel")
        names = ("gamma",) * bool(config["scale"]) + ("beta",) * bool(config["center"])
        *given, mean, var = self._weights.of(layer, (*names, "moving_mean", "moving_variance"))
        found = dict(zip(names, given, strict=True))
        # Keras begins with a mean of 0 and a variance of 1: statistics of no data.
        learnt = bool((mean != 0).any() or (var != 1).any())
        parts = found.get("gamma"), found.get("beta")
        made = batch_norm(place, value, mean, var, *parts, float(config["epsilon"]), learnt)
        return replace(source, value=made)

    def _normalization(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        config = layer.config
        self._check_axis(place, config.get("axis", -1), source)
        if config.get("invert"):
            place.refuse("it has invert=True", "use Rescaling")
        if config.get("mean") is not None:
            mean, var = np.asarray(config["mean"], np.float64), np.asarray(config["variance"], np.float64)
        else:
            mean, var = self._weights.of(layer, ("mean", "variance"))
        mean, var = (np.broadcast_to(floats(place, part).ravel(), _channels(source)) for part in (mean, var))
        scale = 1 / np.maximum(np.sqrt(var), _EPSILON)
        return self._steps(place, source, [Affine(scale, -mean * scale)])

    @staticmethod
    def _check_axis(place: Place, axis: Any, source: Tensor) -> None:
        axes = axis if isinstance(axis, list | tuple) else [axis]
        if list(axes) not in ([-1], [1 if source.is_vector else 3]):
            place.refuse(f"its axis is {axis}, not the channels'", "leave axis at -1")

    # Layers with kernels ----------------------------------------------------------------------------------

    def _convolution(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        plain(place, replace(source, pads=NONE))
        source = self._quantised(place, layer.config.get("input_quantizer"), source)
        kernel, bias = self._kernel(layer, "kernel")
        taps = quantised_kernel(place, layer.config.get("kernel_quantizer"), kernel).transpose(3, 2, 0, 1)
        whole = Kernel(np.ascontiguousarray(taps), bias, int(layer.config.get("groups", 1)))
        return self._activated(place, layer, Tensor(convolved(place, source, whole, layer.config)))

    def _depthwise(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        plain(place, replace(source, pads=NONE))
        source = self._quantised(place, layer.config.get("input_quantizer"), source)
        kernel, bias = self._kernel(layer, "depthwise_kernel")
        taps = quantised_kernel(place, layer.config.get("depthwise_quantizer"), kernel)
        rows, columns, channels, times = taps.shape
        # Output c * times + m looks at channel c.
        taps = taps.transpose(2, 3, 0, 1).reshape(channels * times, 1, rows, columns)
        whole = Kernel(np.ascontiguousarray(taps), bias, channels)
        return self._activated(place, layer, Tensor(convolved(place, source, whole, layer.config)))

    def _dense(self, place: Place, layer: Layer, source: Tensor) -> Tensor:
        if not source.is_vector:
            place.refuse(
                f"its input is a map of {source.value.shape}", "put Flatten or a global pool in front of it"
            )
        source = self._quantised(place, layer.config.get("input_quantizer"), source)
        kernel, bias = self._kernel(layer, "kernel")
        taps = quantised_kernel(place, layer.config.get("kernel_quantizer"), kernel)
        shape = source.value.shape
        if len(taps) == shape.channels * shape.height * shape.width:
            # Row, column, channel, as Flatten has it, to channel, row, column.
            outputs = taps.shape[1]
            taps = taps.reshape(shape.height, shape.width, shape.channels, outputs).transpose(3, 2, 0, 1)
            taps = np.ascontiguousarray(taps.reshape(outputs, -1))
        made = dense(place, plain(place, source), taps, None, bias)
        return self._activated(place, layer, Tensor(made, is_vector=True))

    def _kernel(self, layer: Layer, name: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        names = (name, "bias") if layer.config.get("use_bias", True) else (name,)
        kernel, *bias = self._weights.of(layer, names)
        floats(Place(layer.path, layer.kind), kernel)  # finite, before it is compared with anything
        return kernel, bias[0] if bias else None

    # Shapes and shortcuts ---------------------------------------------------------------------------------

    def _zero_padding(self, place: Place, config: dict[str, Any], source: Tensor) -> Tensor:
        no_channels_first(place, config)
        value = plain(place, source)
        rows, columns = (pair(part) for part in config["padding"])
        pads = Pads(*rows, *columns)
        self.notes.append(Note(place.path, place.label, "taken in by the convolution behind it"))
        return Tensor(value, pads=pads, padder=place.path) if pads != NONE else source

    def _sum(self, place: Place, given: list[Tensor]) -> Tensor:
        values = [plain(place, tensor) for tensor in given]
        total = values[0]
        for value in values[1:]:
            if value.shape != total.shape:
                place.refuse(
                    f"it adds {total.shape} and {value.shape}",
                    "bring both to one shape: a 1x1 Conv2D, and AveragePooling2D where there are strides",
                )
            total = Value(place.path, place.label, Sum(), (total, value), total.shape)
        return replace(given[0], value=total)

    def _joined(self, place: Place, given: list[Tensor], axis: int) -> Tensor:
        values = [plain(place, tensor) for tensor in given]
        first, is_vector = values[0].shape, given[0].is_vector
        alike = all(
            (value.shape.height, value.shape.width) == (first.height, first.width) for value in values
        )
        if axis not in (-1, 1 if is_vector else 3) or not alike:
            shapes = " and ".join(str(value.shape) for value in values)
            place.refuse(f"it joins {shapes} along axis {axis}", "join channels (axis=-1), maps of one size")
        if is_vector and not all(tensor.is_pixel for tensor in given):
            place.refuse("it joins maps behind Flatten", "put it in front of Flatten")
        shape = Shape(sum(value.shape.channels for value in values), first.height, first.width)
        return Tensor(Value(place.path, place.label, Joined(), tuple(values), shape), is_vector)

    def _flat(self, place: Place, source: Tensor) -> Tensor:
        value = plain(place, source)
        if source.is_vector:
            return source
        return Tensor(Value(place.path, place.label, Flat(), (value,), value.shape), is_vector=True)

    def _reshape(self, place: Place, config: dict[str, Any], source: Tensor) -> Tensor:
        shape, target = source.value.shape, [int(side) for side in config["target_shape"]]
        if len(target) == 1:
            return self._flat(place, source)
        if source.is_pixel and target in ([1, 1, shape.channels], [1, 1, -1]):
            return Tensor(plain(place, source))
        place.refuse(f"it makes {target} of {shape}", "use Flatten; a map keeps its rows and columns")

    def _function(self, place: Place, call: Call, given: list[Tensor]) -> Tensor:
        """TensorFlow's own functions in a functional model; few of them."""
        name = str(call.layer.config["function"])
        place = Place(place.path, f"tf.{name}")
        match name:
            case "__operators__.add" | "math.add" if len(given) == 2:
                return self._sum(place, given)
            case "nn.relu" if len(given) == 1:
                return self._steps(place, given[0], activation(place, "relu", _channels(given[0])))
            case "concat":
                return self._joined(place, given, int(call.arguments.get("axis", -1)))
        place.refuse(
            "of TensorFlow's functions only + of two tensors, tf.nn.relu and tf.concat are read",
            "use a layer of Keras",
        )


def _channels(tensor: Tensor) -> int:
    return tensor.value.shape.channels


def _alike(step: Step) -> bool:
    """Whether it is the same function in all channels."""
    parts = {Slope: ("slope",), Affine: ("scale", "bias")}.get(type(step), ())
    return all(bool((getattr(step, part) == getattr(step, part)[:1]).all()) for part in parts)
