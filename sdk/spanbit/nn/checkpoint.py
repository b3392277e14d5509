"""A trained network of the zoo as a file.

    save_checkpoint("demo.pt", net, ModelSpec(...), {"accuracy": 0.9})
    net, meta = load_checkpoint("demo.pt")

The file is PyTorch's own, read with weights_only=True: it can hold numbers and text, and runs no code.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spanbit.errors import SpanbitError
from spanbit.nn.binary import Weights
from spanbit.nn.zoo import NETWORKS

_FORMAT = "spanbit checkpoint 1"


@dataclass(frozen=True)
class ModelSpec:
    """A network of the zoo and what it was called with: enough to make the same again."""

    input_shape: tuple[int, int, int]
    classes: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: Weights = "ternary"
    network: str = "vgg_tiny"  # one of spanbit.nn.zoo.NETWORKS

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(f"no network {self.network!r}, there are {', '.join(NETWORKS)}")

    def build(self) -> nn.Module:
        """A new network, its weights not trained."""
        build = NETWORKS[self.network].build
        return build(
            self.input_shape, self.classes, self.width, mean=self.mean, std=self.std, weights=self.weights
        )


def save_checkpoint(path: str | Path, net: nn.Module, spec: ModelSpec, meta: Mapping[str, object]) -> None:
    """Write the network's state, how to build it, and `meta` (numbers, texts, lists of them) to `path`.

    Raises:
        SpanbitError: the file cannot be written.
    """
    try:
        Path(path).write_bytes(checkpoint_bytes(net, spec, meta))
    except OSError as failure:
        raise SpanbitError(
            "cannot write the checkpoint",
            where=str(path),
            why=str(failure),
            fix="check the folder and the disk",
        ) from failure


def checkpoint_bytes(net: nn.Module, spec: ModelSpec, meta: Mapping[str, object]) -> bytes:
    """What `save_checkpoint` writes."""
    content = {"format": _FORMAT, "spec": asdict(spec), "state": net.state_dict(), "meta": dict(meta)}
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def load_checkpoint(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation mode, and its `meta` ("input_shape" included).

    Raises:
        SpanbitError: no such file, or not a checkpoint of spanbit.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as failure:
        raise SpanbitError("cannot read the checkpoint", where=str(path), why=str(failure)) from failure
    return read_checkpoint(data, str(path))


def read_checkpoint(data: bytes, where: str) -> tuple[nn.Module, dict[str, Any]]:
    """As `load_checkpoint`, from the file's bytes; `where` names them in errors."""
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as failure:
        reason = str(failure).partition("\n")[0] or type(failure).__name__
        raise _foreign(where, f"PyTorch cannot read it: {reason}") from failure
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise _foreign(where, f"it does not say {_FORMAT!r}")
    try:
        spec = ModelSpec(**content["spec"])
        net = spec.build()
        net.load_state_dict(content["state"])
        meta = dict(content["meta"])
    except (KeyError, TypeError, ValueError, RuntimeError) as failure:
        raise _foreign(where, f"its parts do not fit together: {failure}") from failure
    return net.eval(), {**meta, "input_shape": spec.input_shape, "classes": spec.classes}


def _foreign(where: str, why: str) -> SpanbitError:
    return SpanbitError(
        "not a checkpoint of spanbit", where=where, why=why, fix="make one with `spanbit train`"
    )
