"""Larq's quantizers: signs of activations, and what they make of a kernel.

    kernel = quantised_kernel(place, config["kernel_quantizer"], kernel)
    name_of({"class_name": "SteSign", "config": {...}})      # "ste_sign"

larq.math.sign is +1 for zero, also for -0: it is sign(sign(x) + 0.1). Its signs differ in their
gradients alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.importers.keras.model import snake_case
from spanbit.importers.layers import Place
from spanbit.importers.values import Floats

SIGNS = ("ste_sign", "approx_sign", "swish_sign")
_KERNELS = (*SIGNS, "magnitude_aware_sign", "ste_tern", "no_op")
_THRESHOLD = 0.05
_SHARE = 0.7  # of the mean magnitude: ternary weight networks


def name_of(spec: Any) -> tuple[str, dict[str, Any]]:
    """Name and configuration of an activation or a quantizer, however a file says it; "" for none."""
    if spec is None:
        return "", {}
    if isinstance(spec, str):
        return snake_case(spec), {}
    config = spec.get("config")
    if spec.get("class_name") == "function" or isinstance(config, str):
        return snake_case(str(config)), {}
    return snake_case(str(spec.get("class_name"))), config or {}


def shown(spec: Any) -> str:
    """An activation or a quantizer as a file calls it, for a person."""
    if isinstance(spec, dict):
        return str(spec.get("config") if spec.get("class_name") == "function" else spec.get("class_name"))
    return str(spec)


def quantised_kernel(place: Place, spec: Any, kernel: NDArray[Any]) -> Floats:
    """The kernel that the layer calculates with; the last axis is the output channel.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer; a quantizer that gives other weights.
    """
    name, config = name_of(spec)
    latent = kernel.astype(np.float32)  # in the arithmetic of the source, as thresholds are compared
    match name:
        case "" | "no_op" | "no_op_quantizer":
            return kernel.astype(np.float64)
        case "ste_sign" | "approx_sign" | "swish_sign":
            return _sign(latent)
        case "magnitude_aware_sign":
            scale = np.abs(latent).mean(axis=tuple(range(latent.ndim - 1)), dtype=np.float64)
            scaled: Floats = _sign(latent) * scale
            return scaled
        case "ste_tern":
            return _ternary(latent, config)
    place.refuse(
        f"its kernel quantizer {shown(spec)} does not give -1, 0 or +1 times one number a channel",
        f"use one of {', '.join(_KERNELS)}",
    )


def _sign(latent: NDArray[np.float32]) -> Floats:
    return np.where(latent >= 0, 1.0, -1.0)


def _ternary(latent: NDArray[np.float32], config: dict[str, Any]) -> Floats:
    if config.get("ternary_weight_networks"):
        threshold = np.float32(_SHARE) * np.abs(latent).sum(dtype=np.float32) / np.float32(latent.size)
    else:
        threshold = np.float32(config.get("threshold_value", _THRESHOLD))
    above, below = np.sign(latent + threshold), np.sign(latent - threshold)
    ternary: Floats = np.sign(above + below).astype(np.float64)
    return ternary
