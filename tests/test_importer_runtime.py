"""Networks as people write them run in C with the integers of the numpy reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forced import settled, smooth_images
from spanbit.bundle import write_bundle
from spanbit.graph import Graph
from spanbit.importers import from_onnx, from_torch
from spanbit.passes import compile_graph
from spanbit.reference import run_graph
from spanbit.runtime import Model
from spanbit.targets import load_target
from user_modules import DenseNet, FirstBinarized, ReActNet

ONNX = Path(__file__).parent / "data" / "onnx" / "plain.onnx"


def reactnet() -> Graph:
    torch.manual_seed(0)
    net = ReActNet()
    settled(net, torch.randn(8, 3, 32, 32), 0)
    return from_torch(net, (3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)


def plain(make: Callable[[], Any], side: int) -> Graph:
    torch.manual_seed(0)
    net = make()
    settled(net, smooth_images(8, 1, side, 0).float(), 0)
    return from_torch(net, (1, side, side))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "ReActNet": reactnet,
    "DenseNet": lambda: plain(DenseNet, 16),
    "through data": lambda: plain(FirstBinarized, 8),
    "ONNX": lambda: from_onnx(ONNX.read_bytes(), "plain.onnx"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_an_imported_network_is_equal_in_c(name: str) -> None:
    graph = GRAPHS[name]()
    shape = graph.input
    images = smooth_images(3, shape.channels, shape.height, 1).permute(0, 2, 3, 1).contiguous().numpy()
    model = Model(write_bundle(compile_graph(graph, load_target("rpi4")), images[:1]))
    for image in images:
        assert np.array_equal(model.run(image), run_graph(graph, image)[-1])
