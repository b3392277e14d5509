"""What an elementwise layer or function is on its own: a clamp, a slope, a scale, a shift, a sum.

step = step_of_layer(place, nn.PReLU(64), channels=64)
step = step_of_function(place, call, arguments, values)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spanbit.importers.layers import Place, floats
from spanbit.importers.names import name_of
from spanbit.importers.trace import Call
from spanbit.importers.values import Affine, Clamp, Floats, Opaque, Slope, Step, Sum, Value


class Arguments:
    """A call's argument by its place or by one of its names; `known` gives what was made of a call."""

    def __init__(self, call: Call, known: Callable[[Any], Any]) -> None:
        self._call, self._known = call, known

    def __call__(self, place: int, *names: str, default: Any = None) -> Any:
        if place < len(self._call.args):
            return self._known(self._call.args[place])
        found = (self._call.kwargs[name] for name in names if name in self._call.kwargs)
        return self._known(next(found, default))

    def by_place(self) -> list[Any]:
        """All that were given without a name; constants that are alike everywhere as one number."""
        return [uniform(self._known(argument)) for argument in self._call.args]


def uniform(constant: Any) -> Any:
    """A tensor whose elements are all the same as one of no dimensions; anything else as it is."""
    alike = (
        isinstance(constant, Tensor) and constant.numel() and bool((constant == constant.flatten()[0]).all())
    )
    return constant.flatten()[0] if alike else constant


def step_of_layer(place: Place, layer: nn.Module, channels: int) -> Step | None:
    """The step that an activation of PyTorch is; None where nothing is known of it."""
    match layer:
        case nn.Hardtanh():  # ReLU6 among them
            return Clamp(float(layer.min_val), float(layer.max_val))
        case nn.ReLU():
            return Slope(np.zeros(channels))
        case nn.LeakyReLU():
            return Slope(np.full(channels, float(layer.negative_slope)))
        case nn.PReLU():
            return Slope(np.broadcast_to(floats(place, layer.weight), channels).copy())
        case nn.Tanh() | nn.Softsign() | nn.ELU() | nn.GELU() | nn.Sigmoid() | nn.SiLU():
            return Opaque()
    return None


def step_of_function(place: Place, call: Call, get: Arguments, operands: list[Value]) -> Step | None:
    """The step that an elementwise call is; None where it is part of a sign at most."""
    name = name_of(call.label)
    channels = operands[0].shape.channels
    if len(operands) == 2:
        alike = operands[0].shape == operands[1].shape
        return Sum() if name == "add" and alike and get(2, "alpha", default=1) == 1 else None
    ones, zeros = np.ones(channels), np.zeros(channels)
    match name:
        case "relu":
            return Slope(zeros)
        case "relu6":
            return Clamp(0.0, 6.0)
        case "leaky_relu":
            return Slope(np.full(channels, float(get(1, "negative_slope", default=0.01))))
        case "prelu":
            return Slope(np.broadcast_to(floats(place, get(1, "weight")), channels).copy())
        case "hardtanh":
            return Clamp(float(get(1, "min_val", default=-1)), float(get(2, "max_val", default=1)))
        case "clamp":
            return _clamp(get(1, "min"), get(2, "max"))
        case "clamp_min":
            return _clamp(get(1, "min"), None)
        case "clamp_max":
            return _clamp(None, get(1, "max"))
        case "neg":
            return Affine(-ones, zeros)
        case "add" | "sub" | "rsub" | "mul" | "div":
            given = get.by_place()
            if len(given) != 2 or call.kwargs:
                return None
            left, right = (isinstance(part, Value) for part in given)
            if left and right:
                return Affine(2 * ones, zeros) if name == "add" else None
            return _arithmetic(name, _per_channel(place, given[1 if left else 0], call), left)
    return None


def _clamp(lowest: Any, highest: Any) -> Clamp:
    return Clamp(-np.inf if lowest is None else float(lowest), np.inf if highest is None else float(highest))


def _per_channel(place: Place, constant: Any, call: Call) -> Floats:
    """A number, or one a channel, as [C]."""
    tensor = torch.as_tensor(constant).detach()
    shape = call.example.shape
    if (call.example * 0 + tensor).shape != shape:
        place.refuse(f"a constant of shape {list(tensor.shape)} for {list(shape)}")
    over = torch.broadcast_to(tensor, shape)[0].reshape(shape[1], -1)
    if not bool((over == over[:, :1]).all()):
        place.refuse("it scales or shifts every pixel by a number of its own", "use one number a channel")
    return floats(place, over[:, 0])


def _arithmetic(name: str, constant: Floats, value_is_left: bool) -> Affine | None:
    ones, zeros = np.ones_like(constant), np.zeros_like(constant)
    match name:
        case "add":
            return Affine(ones, constant)
        case "sub":
            return Affine(ones, -constant) if value_is_left else Affine(-ones, constant)
        case "rsub":
            return Affine(-ones, constant)
        case "mul":
            return Affine(constant, zeros)
    return Affine(1 / constant, zeros) if value_is_left and (constant != 0).all() else None
