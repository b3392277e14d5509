"""Traced calls of PyTorch as values: each module, function and method that is known, by its name.

values = Converter(image, pixel)
end = values.convert(trace)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from spanbit.graph.ops import Shape
from spanbit.importers.activations import Arguments, step_of_function, step_of_layer, uniform
from spanbit.importers.elementwise import Elementwise
from spanbit.importers.layers import (
    Geometry,
    Place,
    adaptive_mean,
    batch_norm,
    binary_convolution,
    convolution,
    convolved,
    dense,
    floats,
    max_pool,
    mean_pool,
    numbers_of,
    pixels_of,
)
from spanbit.importers.names import CASTS, CHANGES_NOTHING, ELEMENTWISE, ENDS, LAYERS, RESHAPES, name_of
from spanbit.importers.plan import Note
from spanbit.importers.probe import probe_sign
from spanbit.importers.shapes import before_flattening, framed, joined, mean_of_map, reshaped
from spanbit.importers.trace import ACCEPTED, Call, Trace
from spanbit.importers.values import (
    Affine,
    Flat,
    Image,
    Ordered,
    Stem,
    Step,
    Value,
)
from spanbit.nn.batchnorm import BatchNormSign
from spanbit.nn.binary import BinaryConv2d, BinaryLinear
from spanbit.nn.sign import Sign as SignLayer
from spanbit.nn.stem import StemConv2d

_BEGINNING = 0.1
_OURS = (StemConv2d, BinaryConv2d, BatchNormSign, BinaryLinear, SignLayer)
_DROPPED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def is_sign_module(module: nn.Module) -> bool:
    """Whether a module of somebody's own, without any numbers in it, is a sign."""
    own = not module.__module__.startswith("torch.") and not isinstance(module, nn.Sequential)
    numbers = any(True for _ in module.parameters()) or any(True for _ in module.buffers())
    if not own or numbers:
        return False
    with torch.no_grad():
        return probe_sign(lambda array: _array(module.forward(torch.from_numpy(array)))) is not None


def is_leaf(module: nn.Module) -> bool:
    """Modules that are traced as one call, beside PyTorch's own."""
    return isinstance(module, _OURS) or is_sign_module(module)


class Converter:
    """Turns the calls of one trace into values; `notes` has those that change nothing."""

    def __init__(self, image: Shape, pixel: Affine | None) -> None:
        self.notes: list[Note] = []
        self._image, self._pixel = image, pixel
        self._known: dict[Call, Any] = {}
        self._numbers: dict[Value, Value] = {}
        self._elementwise = Elementwise(torch.from_numpy, _array)

    def convert(self, trace: Trace) -> Value:
        """The value that the module returns.

        Raises:
            SpanbitError: UNSUPPORTED_MODEL, naming the call.
        """
        for call in trace.calls:
            self._known[call] = self._call(call)
        end = self._known[trace.result]
        if not isinstance(end, Value):
            Place("", "forward").refuse("what it returns does not depend on the image")
        return end

    def _call(self, call: Call) -> Any:
        place = Place(call.path, call.label)
        if call.target is None:
            return self._begin()
        if isinstance(call.target, nn.Module):
            source = self._of(call.args[0] if call.args else next(iter(call.kwargs.values())))
            if not isinstance(source, Value):
                return call.example
            return self._module(place, call, call.target, source)
        operands = self._operands(call)
        if not operands:
            return call.example
        return self._function(place, call, operands)

    def _begin(self) -> Value:
        value = Value("", "image", Image(), (), self._image)
        if self._pixel is not None:
            value = Value("", "normalisation", self._pixel, (value,), self._image)
        return value

    def _of(self, argument: Any) -> Any:
        return self._known[argument] if isinstance(argument, Call) else argument

    def _operands(self, call: Call) -> list[Value]:
        """The values among the arguments, each once."""
        found: dict[Value, None] = {}

        def look(part: Any) -> Any:
            value = self._of(part)
            if isinstance(value, Value):
                found[value] = None
            return part

        fx.node.map_aggregate((call.args, call.kwargs), look)
        return list(found)

    # Modules ----------------------------------------------------------------------------------------------

    def _module(self, place: Place, call: Call, layer: nn.Module, source: Value) -> Value:
        if isinstance(layer, _DROPPED):
            self.notes.append(Note(place.path, place.label, "changes nothing in evaluation"))
            return source
        match layer:
            case StemConv2d():
                return self._stem(place, layer, source)
            case BinaryConv2d():
                weight = layer.effective_weight()
                return binary_convolution(place, source, weight, layer.stride, layer.padding, layer.pad_value)
            case BinaryLinear():
                return self._dense(place, source, layer.effective_weight(), layer.scale, layer.bias)
            case BatchNormSign():
                behind = self._norm(place, layer.norm, source)
                return self._elementwise.sign(place.path, place.label, behind)
            case nn.Conv2d():
                how = Geometry(layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode)
                return convolution(place, source, layer.weight, layer.bias, how)
            case nn.Linear():
                return self._dense(place, source, layer.weight, None, layer.bias)
            case nn.BatchNorm2d() | nn.BatchNorm1d():
                return self._norm(place, layer, source)
            case nn.MaxPool2d():
                return max_pool(
                    place,
                    self._off_image(source),
                    layer.kernel_size,
                    layer.stride,
                    layer.padding,
                    layer.dilation,
                    layer.ceil_mode,
                )
            case nn.AvgPool2d():
                return mean_pool(
                    place,
                    self._off_image(source),
                    layer.kernel_size,
                    layer.stride,
                    layer.padding,
                    layer.ceil_mode,
                    _shape(call.example),
                )
            case nn.AdaptiveAvgPool2d():
                return adaptive_mean(place, self._off_image(source), _shape(call.example))
            case nn.Flatten():
                return reshaped(place, source, tuple(call.example.shape))
            case nn.Softmax() | nn.LogSoftmax():
                return Value(place.name, place.label, Ordered(), (source,), source.shape)
            case nn.ZeroPad2d() | nn.ConstantPad2d():
                return framed(place, source, tuple(layer.padding), layer.value)
            case SignLayer():
                return self._pointwise(place, call, [source], None, named=True)
        if is_sign_module(layer):
            return self._pointwise(place, call, [source], None, named=True)
        step = step_of_layer(place, layer, source.shape.channels)
        if step is None:
            place.refuse("there is no such operator in a compiled network", f"use {ACCEPTED}")
        return self._pointwise(place, call, [source], step)

    def _stem(self, place: Place, layer: StemConv2d, source: Value) -> Value:
        if not isinstance(source.step, Image):
            place.refuse(
                "it takes pixels 0..255, and normalises them itself",
                "let it be the first layer, and give no mean and std to the importer",
            )
        weight = layer.effective_weight()
        taps = floats(place, weight)
        pad = layer.pad_value.cpu().numpy().copy()
        shape = convolved(place, source.shape, taps, layer.stride, layer.padding)
        step = Stem(taps.astype(np.int8), layer.stride, layer.padding, pad)
        return Value(place.name, place.label, step, (source,), shape)

    def _norm(self, place: Place, norm: nn.BatchNorm2d | nn.BatchNorm1d, source: Value) -> Value:
        return batch_norm(
            place,
            source,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            norm.eps,
            _has_learnt(norm),
        )

    def _dense(
        self, place: Place, source: Value, weight: Tensor, scale: Tensor | None, bias: Tensor | None
    ) -> Value:
        flat = isinstance(source.step, Flat) or (source.shape.height, source.shape.width) == (1, 1)
        if not flat:
            place.refuse("it does not stand behind nn.Flatten", "put nn.Flatten() in front of it")
        return dense(place, source, weight, scale, bias)

    # Functions and methods --------------------------------------------------------------------------------

    def _function(self, place: Place, call: Call, operands: list[Value]) -> Any:
        name = name_of(call.label)
        get = Arguments(call, self._of)
        first = operands[0]
        if name not in LAYERS or not place.path:  # a layer's function is its module's one purpose
            place = Place(place.path, place.label, name)
        if name in CHANGES_NOTHING or (name in CASTS and _stays_float(call)):
            return self._of(get(0, "input", "self"))
        if name in RESHAPES:
            return reshaped(place, first, tuple(call.example.shape))
        match name:
            case "conv2d":
                how = Geometry(
                    get(3, "stride", default=1),
                    get(4, "padding", default=0),
                    get(5, "dilation", default=1),
                    get(6, "groups", default=1),
                )
                return convolution(place, first, get(1, "weight"), get(2, "bias"), how)
            case "linear":
                return self._dense(place, first, get(1, "weight"), None, get(2, "bias"))
            case "batch_norm":
                return batch_norm(
                    place,
                    first,
                    get(1, "running_mean"),
                    get(2, "running_var"),
                    get(3, "weight"),
                    get(4, "bias"),
                    float(get(7, "eps", default=1e-5)),
                )
            case "max_pool2d":
                return max_pool(
                    place,
                    self._off_image(first),
                    get(1, "kernel_size"),
                    get(2, "stride"),
                    get(3, "padding", default=0),
                    get(4, "dilation", default=1),
                    bool(get(5, "ceil_mode", default=False)),
                )
            case "avg_pool2d":
                return mean_pool(
                    place,
                    self._off_image(first),
                    get(1, "kernel_size"),
                    get(2, "stride"),
                    get(3, "padding", default=0),
                    bool(get(4, "ceil_mode", default=False)),
                    _shape(call.example),
                )
            case "adaptive_avg_pool2d":
                return adaptive_mean(place, self._off_image(first), _shape(call.example))
            case "mean":
                return mean_of_map(place, self._off_image(first), get(1, "dim"))
            case "cat":
                parts = [self._of(part) for part in get(0, "tensors")]
                parts = [self._off_image(part) if isinstance(part, Value) else part for part in parts]
                return joined(place, parts, get(1, "dim", default=0) % call.example.ndim)
            case "pad":
                mode, value = get(2, "mode", default="constant"), get(3, "value", default=0)
                if mode != "constant":
                    place.refuse(f"it pads by {mode!r}", "pad with -1, 0 or +1")
                return framed(place, first, tuple(get(1, "pad")), value)
            case name if name in ENDS:
                return Value(place.name, place.label, Ordered(), (first,), first.shape)
            case name if name in ELEMENTWISE:
                return self._pointwise(place, call, operands, step_of_function(place, call, get, operands))
        place.refuse("there is no such operator in a compiled network", f"use {ACCEPTED}")

    def _pointwise(
        self, place: Place, call: Call, operands: list[Value], step: Step | None, *, named: bool = False
    ) -> Value:
        """An elementwise call; a sign, if it is one together with those before it."""
        inside, step = before_flattening(place, operands, step)
        if inside != operands:
            flat = self._pointwise_inside(place, call, operands, inside, step, named)
            return Value(flat.path, "Flatten", Flat(), (flat,), operands[0].shape)
        if step is not None and isinstance(step, Affine) and pixels_of(operands[0]) is not None:
            return Value(place.name, place.label, step, (operands[0],), operands[0].shape)
        inside = [self._off_image(operand) for operand in operands]
        return self._pointwise_inside(place, call, operands, inside, step, named)

    def _pointwise_inside(
        self,
        place: Place,
        call: Call,
        operands: list[Value],
        inside: list[Value],
        step: Step | None,
        named: bool,
    ) -> Value:
        stands_for = dict(zip(operands, inside, strict=True))

        def run(tensors: dict[Value, Tensor]) -> Tensor:
            def fill(argument: Any) -> Any:
                known = self._of(argument)
                if isinstance(known, Value):
                    return tensors[stands_for[known]]
                known = uniform(known)
                return known.to(torch.float64) if _is_float(known) else known

            args = fx.node.map_aggregate(call.args, fill)
            kwargs = fx.node.map_aggregate(call.kwargs, fill)
            return _run(call.target, args, kwargs)

        sign = place if named else Place(Place(place.path, "", "sign").name, "sign")
        return self._elementwise.value(place.name, place.label, sign, inside, run, step)

    def _off_image(self, value: Value) -> Value:
        if value not in self._numbers:
            self._numbers[value] = numbers_of(value)
        return self._numbers[value]


def _has_learnt(norm: nn.BatchNorm2d | nn.BatchNorm1d) -> bool:
    """Whether its statistics are those of data, up to a tenth of what they began with."""
    if norm.num_batches_tracked is None:
        return True
    batches = int(norm.num_batches_tracked)
    return batches > 0 and (norm.momentum is None or bool((1 - norm.momentum) ** batches < _BEGINNING))


def _array(tensor: Any) -> Any:
    return tensor.numpy()


def _run(target: Any, args: Any, kwargs: Any) -> Tensor:
    if isinstance(target, str):
        result = getattr(args[0], target)(*args[1:], **kwargs)
    elif isinstance(target, nn.Module):
        result = target.forward(*args, **kwargs)
    else:
        result = target(*args, **kwargs)
    assert isinstance(result, Tensor)
    return result


def _stays_float(call: Call) -> bool:
    source = call.args[0].example if isinstance(call.args[0], Call) else call.args[0]
    return bool(_is_float(source) and _is_float(call.example) and call.example.dtype != torch.float16)


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _shape(example: Any) -> Shape:
    return Shape(*(int(side) for side in example.shape[1:]))
