"""Compressors by the name that `spanbit train --method` takes.

compressor = make_compressor("tie", cost=0.10)
"""

from __future__ import annotations

from typing import Literal

from spanbit.nn.compress import Compressor
from spanbit.nn.prune import Prune
from spanbit.nn.steer import TreeLossSteer
from spanbit.nn.tie import Tie

Method = Literal["prune", "tie", "tree-loss", "none"]
METHODS: tuple[Method, ...] = ("prune", "tie", "tree-loss", "none")


def make_compressor(
    method: Method, cost: float | None, *, mixed: bool = False, per_layer: bool | None = None
) -> Compressor:
    """The compressor of this name; without a cost, the one that does nothing.

    With `per_layer` every layer meets the cost by itself, as the tree loss always has it; so do the network's
    bit-OPs then. None is each method's own way.
    """
    if cost is None or method == "none":
        return Compressor()
    if method == "prune":
        return Prune(cost, per_layer=bool(per_layer))
    return Tie(cost, mixed=mixed, per_layer=per_layer) if method == "tie" else TreeLossSteer(cost)
