"""One training of a table, and what comes of it: accuracy, the trees' figures, bytes on flash.

figures = measure(TrainConfig("digits", cost=0.10), load("digits"), "rpi4")
"""

from __future__ import annotations

from typing import Any

import numpy as np
from spanbit.bundle import write_bundle
from spanbit.importers import from_torch
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.data import DataSet
from spanbit.nn.train import Files, TrainConfig, train
from spanbit.passes import compile_graph
from spanbit.report.figures import network_figures
from spanbit.targets import load_target
from spanbit.tree import build_tree


def measure(config: TrainConfig, data: DataSet, target: str, files: Files | None = None) -> dict[str, Any]:
    """Train, compile, count."""
    result = train(config, data=data, files=files)
    compiled = compile_graph(from_torch(result.net, data.input_shape), load_target(target))
    figures = network_figures(compiled.graph, write_bundle(compiled, data.test_images[:1]))
    convs = [layer for layer in figures.layers if layer.op == "binary conv"]
    pixels = [(layer.bit_ops_before or 0) // (layer.taps or 1) for layer in convs]
    rows = [
        layer.effective_weight().detach().flatten(1).numpy().astype(np.int8)
        for layer in result.net.modules()
        if isinstance(layer, BinaryConv2d)
    ]
    trees = [build_tree(part) for part in rows]
    return {
        "width": config.width,
        "accuracy": result.accuracy,
        "bits": sum(part.size for part in rows),
        "dense_bit_ops": sum(part.size * count for part, count in zip(rows, pixels, strict=True)),
        "nonzero": sum(int((part != 0).sum()) for part in rows),
        "nonzero_bit_ops": sum(
            int((part != 0).sum()) * count for part, count in zip(rows, pixels, strict=True)
        ),
        "distance": sum(tree.total_distance for tree in trees),
        "tree_bit_ops": sum(tree.total_distance * count for tree, count in zip(trees, pixels, strict=True)),
        "depth": max(int(tree.depth.max()) for tree in trees),
        "flash_bytes": sum(layer.bytes_after for layer in convs),
        "kernels": [layer.kernel for layer in convs],
    }
