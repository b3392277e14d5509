"""Trained networks from other frameworks, as a `Graph`: PyTorch modules, models of Larq and Keras 2.

    from spanbit.importers import explain_file, explain_torch, from_checkpoint, from_keras, from_torch
    graph = from_torch(model, input_shape=(1, 28, 28), name="demo")
    graph = from_checkpoint(Path("demo.pt").read_bytes(), where="demo.pt")
    graph = from_keras("demo.h5", mean=0.5, std=0.5)
    print(explain_torch(model, input_shape=(1, 28, 28)))     # what became of every layer
    print(explain_file(Path(name).read_bytes(), where=name)) # whatever it holds

PyTorch is imported for its own modules and checkpoints alone, so the rest of the compiler runs without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanbit.errors import SpanbitError
from spanbit.graph import Graph

if TYPE_CHECKING:
    from spanbit.importers.explain import Explanation
    from spanbit.importers.keras import Numbers, explain_keras, from_keras
    from spanbit.importers.torch_module import explain_torch, from_torch

__all__ = [
    "explain_checkpoint",
    "explain_file",
    "explain_keras",
    "explain_torch",
    "from_checkpoint",
    "from_keras",
    "from_torch",
]

_NAME_BYTES = 32  # the bundle's field


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
        raise SpanbitError(
            "reading a checkpoint needs PyTorch, which is not installed",
            where=where,
            why=str(missing),
            fix="pip install 'spanbit[train]'",
        ) from missing
    net, meta = read_checkpoint(data, where)
    name = Path(where).stem.encode()[:_NAME_BYTES].decode(errors="ignore")
    class_names = tuple(str(label) for label in meta.get("class_names", ()))
    return explain_torch(net, meta["input_shape"], name=name, class_names=class_names)


def explain_file(
    data: bytes, where: str, *, mean: Numbers | None = None, std: Numbers | None = None
) -> Explanation:
    """The graph of a file's bytes, told by what they hold: a checkpoint, or a model of Keras.

    Args:
        mean, std: one number or one a channel, if a model of Keras takes (pixel / 255 - mean) / std.

    Raises:
        SpanbitError: the file is neither, or cannot be read; or a layer cannot be compiled.
    """
    from spanbit.importers.keras import explain_keras_bytes, is_keras

    if is_keras(data):
        return explain_keras_bytes(data, where, mean=mean, std=std)
    if mean is not None or std is not None:
        raise SpanbitError(
            "mean and std are for models of Keras",
            where=where,
            fix="leave them away: a checkpoint has its own",
        )
    return explain_checkpoint(data, where)


def __getattr__(name: str) -> Any:
    if name in ("explain_keras", "from_keras"):
        from spanbit.importers import keras

        return getattr(keras, name)
    if name in ("explain_torch", "from_torch"):
        from spanbit.importers import torch_module

        return getattr(torch_module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
