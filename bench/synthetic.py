"""Moved into the package: `spanbit.tree.synthetic`. Kept until the benchmarks import it from there."""

from spanbit.tree.synthetic import binary_tree_layer, sparse_ternary_layer

__all__ = ["binary_tree_layer", "sparse_ternary_layer"]
