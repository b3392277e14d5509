"""A loss that pulls the spanning tree's total distance down, to add to any training loop.

    tree_loss = TreeLoss([m for m in net.modules() if isinstance(m, BinaryConv2d)])
    loss = cross_entropy(net(images), labels) + 0.5 * tree_loss()

From the abstract of Vo et al., "MST-compression: Compressing and Accelerating Binary Neural Networks with
Minimum Spanning Tree" (ICCV 2023), comes the idea that the total distance of the minimum spanning tree is
driven down during training. The exact form is ours: the edges with a sign, the zero vertex, ternary
weights, how often the tree is built again, and the normalisation.

With x and y the signed rows of a channel and of its parent, and m = x^2 the taps that are not zero, two
taps differ by

    [x != y] = m_x + m_y - 3/2 m_x m_y - 1/2 x y           (binary: 1/2 - 1/2 x y)

The **depth term**, ours too, is the mean over the channels of the distance along their whole path from zero:
every edge counts once for each channel behind it. It pulls channels towards the root rather than towards
their neighbours, so that the next tree is shallower.

The masks are pruning's affair and constant here; the gradient -y / 2 runs through the straight-through sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spanbit.nn.binary import BinaryConv2d
from spanbit.tree import ZERO, ChannelTree, build_tree


@dataclass(frozen=True, eq=False)
class _Edges:
    """Per channel, as tensors: parent (an index behind the last: zero), relative sign, and which share of the
    channels the edge leads to; how many are roots."""

    parent: Tensor
    sign: Tensor
    behind: Tensor
    roots: int


class TreeLoss(nn.Module):
    """Total distance of the layers' spanning trees, divided by all taps: their cost, 0 to 1.

    Args:
        layers: the convolutions whose trees count.
        every: the trees are built again at every so many calls; between, the distances of their
            edges follow the weights.
        depth: weight of the depth term beside the total distance, 0 for none.
    """

    def __init__(self, layers: Sequence[BinaryConv2d], every: int = 50, *, depth: float = 0.0) -> None:
        super().__init__()
        if not layers or every < 1 or depth < 0:
            raise ValueError("TreeLoss needs at least one layer, a positive `every`, and a depth from 0 on")
        self.depth = depth
        self._layers = tuple(layers)  # a tuple: their parameters stay the network's, not this module's
        self.every = every
        self._calls = 0
        self._edges: list[_Edges] = []

    def forward(self) -> Tensor:
        """Cost of the current trees and the depth term, a scalar with a gradient to the layers' weights."""
        terms = self.distances()
        if self.depth:
            terms = terms + self.depth * self.paths()
        return terms.sum() / sum(layer.weight.numel() for layer in self._layers)

    def paths(self) -> Tensor:
        """Each layer's depth term [layers]: mean distance of a path from zero, over the current trees."""
        return torch.stack(
            [
                _path(layer.effective_weight().flatten(1), edges)
                for layer, edges in zip(self._layers, self._edges, strict=True)
            ]
        )

    def distances(self) -> Tensor:
        """Total distance of each layer's tree [layers], with a gradient. A call counts for `every`."""
        if self._calls % self.every == 0:
            self.rebuild()
        self._calls += 1
        return torch.stack(
            [
                _distance(layer.effective_weight().flatten(1), edges, binary=layer.weights == "binary")
                for layer, edges in zip(self._layers, self._edges, strict=True)
            ]
        )

    def get_extra_state(self) -> dict[str, Any]:
        """The trees and the calls since they were built, as part of `state_dict`."""
        return {"calls": self._calls, "edges": [asdict(edges) for edges in self._edges]}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on with the trees of `state`."""
        self._calls = state["calls"]
        self._edges = [_Edges(**edges) for edges in state["edges"]]

    def rebuild(self) -> None:
        """Build every layer's minimum spanning tree from its weights as they are now."""
        self._edges = [_edges(layer_tree(layer), layer.weight.device) for layer in self._layers]


def layer_tree(layer: BinaryConv2d) -> ChannelTree:
    """The minimum spanning tree over the layer's effective weights."""
    rows = layer.effective_weight().detach().flatten(1).cpu().numpy()
    return build_tree(rows.astype(np.int8), restarts=0)  # depth does not matter here


def trees_cost(layers: Sequence[BinaryConv2d]) -> float:
    """Total distance of the layers' minimum spanning trees, divided by all taps."""
    taps = sum(layer.weight.numel() for layer in layers)
    return sum(layer_tree(layer).total_distance for layer in layers) / taps


def _edges(tree: ChannelTree, device: torch.device) -> _Edges:
    channels = len(tree.channel)
    root = tree.parent == ZERO
    safe = np.where(root, 0, tree.parent)
    parent = np.where(root, channels, tree.channel[safe])
    relative = np.where(root, 1, tree.sign * tree.sign[safe])  # |s x - s' y| = |x - s s' y|
    place = np.argsort(tree.channel)  # from the order of calculation to the channels' own
    return _Edges(
        parent=torch.from_numpy(parent[place].astype(np.int64)).to(device),
        sign=torch.from_numpy(relative[place].astype(np.float32)).to(device),
        behind=torch.from_numpy(_behind(tree)[place] / np.float32(channels)).to(device),
        roots=int(root.sum()),
    )


def _behind(tree: ChannelTree) -> NDArray[np.float32]:
    """For each position, how many channels its edge leads to, itself included."""
    count = np.ones(len(tree.channel), np.float32)
    for place in range(len(count) - 1, -1, -1):  # parents stand before their children
        if tree.parent[place] != ZERO:
            count[tree.parent[place]] += count[place]
    return count


def _path(rows: Tensor, edges: _Edges) -> Tensor:
    with_zero = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
    parent = with_zero[edges.parent] * edges.sign[:, None]
    used, parent_used = rows.detach().abs(), parent.detach().abs()
    distances = (used + parent_used - 1.5 * used * parent_used - 0.5 * rows * parent).sum(1)
    return (distances * edges.behind).sum()


def _distance(rows: Tensor, edges: _Edges, binary: bool) -> Tensor:
    channels, taps = rows.shape
    with_zero = torch.cat([rows, rows.new_zeros(1, taps)])
    parent = with_zero[edges.parent] * edges.sign[:, None]
    product = (rows * parent).sum()
    if binary:  # 1/2 - 1/2 x y, and 1 in a root's taps: much less to do in every step
        return taps * (channels + edges.roots) / 2 - 0.5 * product
    used, parent_used = rows.detach().abs(), parent.detach().abs()
    return (used + parent_used - 1.5 * used * parent_used).sum() - 0.5 * product
