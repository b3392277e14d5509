"""Trained networks from other frameworks, as a `Graph`. Today: PyTorch modules.

    from spanbit.importers import from_torch
    graph = from_torch(model, input_shape=(1, 28, 28), name="demo")

PyTorch is imported by `from_torch` alone, so the rest of the compiler runs without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanbit.importers.torch_module import from_torch

__all__ = ["from_torch"]


def __getattr__(name: str) -> Any:
    if name == "from_torch":
        from spanbit.importers.torch_module import from_torch

        return from_torch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
