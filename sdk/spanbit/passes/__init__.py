"""From a graph as the training framework sees it to one that a bundle can hold.

    compiled = compile_graph(graph, load_target("rpi4"))
    compiled.graph          # the same function: pools behind thresholds, trees built, kernels chosen
    compiled.layers         # one plan a layer of the bundle: shapes, places in the arena, node tables
    compiled.arena_bytes

Each step is a function of its own: `move_pools`, `build_trees`, `choose_kernels`, `fold_nodes`,
`plan_memory`.
"""

from spanbit.passes.compiled import CompiledGraph, LayerPlan, NodeTable
from spanbit.passes.compiler import compile_graph
from spanbit.passes.kernels import choose_kernels
from spanbit.passes.memory import plan_memory
from spanbit.passes.nodes import fold_nodes
from spanbit.passes.pools import move_pools
from spanbit.passes.trees import build_trees

__all__ = [
    "CompiledGraph",
    "LayerPlan",
    "NodeTable",
    "build_trees",
    "choose_kernels",
    "compile_graph",
    "fold_nodes",
    "move_pools",
    "plan_memory",
]
