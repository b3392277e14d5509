"""What a bundle holds, read back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import Graph
from spanbit.passes.compiled import CompiledGraph


@dataclass(frozen=True, eq=False)
class GoldenRecord:
    """An input and what every layer must make of it."""

    image: NDArray[np.uint8]  # [H, W, C]
    layer_crcs: tuple[int, ...]  # crc32 of each layer's integers
    logits: NDArray[np.float32]  # all that the network delivers, flat


@dataclass(frozen=True, eq=False)
class Bundle:
    """A checked bundle. Thresholds of tree layers come back in their folded, equivalent form."""

    compiled: CompiledGraph
    golden: tuple[GoldenRecord, ...]

    @property
    def graph(self) -> Graph:
        """The network."""
        return self.compiled.graph
