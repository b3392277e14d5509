"""Minimum spanning trees over the output channels of a layer.

from spanbit.tree import build_tree, tree_cost
tree = build_tree(weight)           # int8 [C, L], values -1, 0, +1
tree_cost(tree, taps=weight.shape[1])
"""

from spanbit.tree.build import build_tree, tree_cost, tree_from_parents
from spanbit.tree.check import check_structure, check_tree
from spanbit.tree.distance import SignedDistances, distance_matrix
from spanbit.tree.statistics import TreeStatistics, statistics
from spanbit.tree.types import ZERO, ChannelTree

__all__ = [
    "ZERO",
    "ChannelTree",
    "SignedDistances",
    "TreeStatistics",
    "build_tree",
    "check_structure",
    "check_tree",
    "distance_matrix",
    "statistics",
    "tree_cost",
    "tree_from_parents",
]
