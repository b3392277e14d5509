"""Trained networks from other frameworks, as a `Graph`: PyTorch modules, ONNX, Larq and Keras models.

    from spanbit.importers import from_checkpoint, from_keras, from_onnx, from_torch
    graph = from_torch(model, input_shape=(1, 28, 28), name="demo")
    graph = from_checkpoint(Path("demo.pt").read_bytes(), where="demo.pt")
    graph = from_onnx(Path("net.onnx").read_bytes(), where="net.onnx")
    graph = from_keras("net.h5", mean=0.5, std=0.5)
    print(explain_torch(model, input_shape=(1, 28, 28)))     # what became of every layer
    print(explain_file(path.read_bytes(), where=str(path)))  # any of those files

PyTorch is imported by those alone that take its modules and checkpoints: the rest runs without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanbit.errors import SpanbitError, not_installed
from spanbit.graph import Graph
from spanbit.importers.assemble import Numbers, name_of_file

if TYPE_CHECKING:
    from spanbit.importers.explain import Explanation
    from spanbit.importers.keras import explain_keras, from_keras
    from spanbit.importers.onnx_model import explain_onnx, from_onnx
    from spanbit.importers.torch_module import explain_torch, from_torch

__all__ = [
    "explain_checkpoint",
    "explain_file",
    "explain_keras",
    "explain_onnx",
    "explain_torch",
    "from_checkpoint",
    "from_keras",
    "from_onnx",
    "from_torch",
]


def from_checkpoint(data: bytes, where: str) -> Graph:
    """The graph of a checkpoint that `spanbit train` wrote, named as the file `where` it comes from.

    Raises:
        SpanbitError: not such a checkpoint, or PyTorch is not installed.
    """
    return explain_checkpoint(data, where).graph


def explain_checkpoint(data: bytes, where: str) -> Explanation:
    """As `from_checkpoint`: the graph, and what became of every layer."""
    try:
        from spanbit.importers.torch_module import explain_torch
        from spanbit.nn.checkpoint import read_checkpoint
    except ModuleNotFoundError as missing:
        raise not_installed(
            "reading a checkpoint needs PyTorch", missing, extra="train", where=where
        ) from missing
    net, meta = read_checkpoint(data, where)
    class_names = tuple(str(label) for label in meta.get("class_names", ()))
    return explain_torch(net, meta["input_shape"], name=name_of_file(where), class_names=class_names)


def explain_file(
    data: bytes, where: str, mean: Numbers | None = None, std: Numbers | None = None
) -> Explanation:
    """A file's network: of Keras by its content, of ONNX by the suffix .onnx; else it is a checkpoint.

    `mean` and `std` are for the first two; a checkpoint has its own.

    Raises:
        SpanbitError: not such a file, or the package that reads it is not installed.
    """
    from spanbit.importers.keras import explain_keras_bytes, is_keras

    if is_keras(data):
        return explain_keras_bytes(data, where, mean=mean, std=std)
    if Path(where).suffix.lower() != ".onnx":
        if mean is not None or std is not None:
            raise SpanbitError(
                "mean and std for a checkpoint", where=where, why="it has its own", fix="leave them out"
            )
        return explain_checkpoint(data, where)
    try:
        from spanbit.importers.onnx_model import explain_onnx
    except ModuleNotFoundError as missing:
        raise not_installed(
            "reading an ONNX model needs the package onnx", missing, extra="onnx", where=where
        ) from missing
    return explain_onnx(data, where, name=name_of_file(where), mean=mean, std=std)


def __getattr__(name: str) -> Any:
    if name in ("explain_keras", "from_keras"):
        from spanbit.importers import keras

        return getattr(keras, name)
    if name in ("explain_onnx", "from_onnx"):
        from spanbit.importers import onnx_model

        return getattr(onnx_model, name)
    if name in ("explain_torch", "from_torch"):
        from spanbit.importers import torch_module

        return getattr(torch_module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
