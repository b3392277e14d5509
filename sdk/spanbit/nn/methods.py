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


def make_compressor(method: Method, cost: float | None, *, mixed: bool = False) -> Compressor:
    """The compressor of this name; without a cost, the one that does nothing.

    Every layer meets the cost by itself; so do the network's bit-OPs then.
    """
    if cost is None or method == "none":
        return Compressor()
    if method == "prune":
        return Prune(cost)
    return Tie(cost, mixed=mixed) if method == "tie" else TreeLossSteer(cost)
