"""Trained networks from other frameworks, as a `Graph`. Today: PyTorch modules.

    from spanbit.importers import explain_torch, from_checkpoint, from_torch
    graph = from_torch(model, input_shape=(1, 28, 28), name="demo")
    graph = from_checkpoint(Path("demo.pt").read_bytes(), where="demo.pt")
    print(explain_torch(model, input_shape=(1, 28, 28)))     # what became of every layer

PyTorch is imported by these alone, so the rest of the compiler runs without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanbit.errors import SpanbitError
from spanbit.graph import Graph

if TYPE_CHECKING:
    from spanbit.importers.explain import Explanation
    from spanbit.importers.torch_module import explain_torch, from_torch

__all__ = ["explain_checkpoint", "explain_torch", "from_checkpoint", "from_torch"]

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


def __getattr__(name: str) -> Any:
    if name in ("explain_torch", "from_torch"):
        from spanbit.importers import torch_module

        return getattr(torch_module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
