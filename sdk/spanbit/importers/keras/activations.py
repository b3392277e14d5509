"""Elementwise functions of Keras and Larq as steps, by the names that files have for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spanbit.importers.keras.quantizers import SIGNS, name_of, shown
from spanbit.importers.layers import Place
from spanbit.importers.values import Clamp, Ordered, Sign, Slope, Step

_LEAK = 0.2  # tf.nn.leaky_relu's own
_ENDS = ("softmax", "log_softmax", "sigmoid")
KNOWN = ("linear", *SIGNS, "relu", "relu6", "leaky_relu", "hard_tanh", "softmax at the end")


def activation(place: Place, spec: Any, channels: int) -> list[Step]:
    """The steps that an activation is; none where it changes nothing.

    Args:
        spec: name, or class and configuration, as the file has it.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL; there is no such operator.
    """
    name, config = name_of(spec)
    if name in SIGNS:
        return [Sign()]
    if name in _ENDS:
        return [Ordered()]
    match name:
        case "" | "linear":
            return []
        case "sign":
            return [Sign(zero=0)]
        case "relu" | "re_lu":
            return relu(place, config, channels)
        case "relu6":
            return relu(place, {"max_value": 6.0}, channels)
        case "leaky_relu" | "leaky_re_lu":
            return [Slope(np.full(channels, float(config.get("alpha", _LEAK))))]
        case "hard_tanh":
            return [Clamp(-1.0, 1.0)]
    place.refuse(
        f"its function {shown(spec)} has no operator in a compiled network", f"use one of {', '.join(KNOWN)}"
    )


def relu(place: Place, config: dict[str, Any], channels: int) -> list[Step]:
    """The ReLU layer with all its options but a threshold."""
    if config.get("threshold"):
        place.refuse(f"its threshold is {config['threshold']:g}", "leave threshold at 0")
    steps: list[Step] = [Slope(np.full(channels, float(config.get("negative_slope") or 0.0)))]
    highest = config.get("max_value")
    return steps if highest is None else [*steps, Clamp(-np.inf, float(highest))]


def quantizer(place: Place, spec: Any) -> list[Step]:
    """The sign that an input quantizer is; none where there is no quantizer."""
    name, _ = name_of(spec)
    if not name:
        return []
    if name not in SIGNS:
        place.refuse(
            f"its input quantizer {shown(spec)} does not give bits, -1 and +1",
            f"use one of {', '.join(SIGNS)}",
        )
    return [Sign()]
