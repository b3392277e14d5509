"""A PyTorch module as a graph.

    graph = from_torch(net, input_shape=(1, 28, 28), name="fashion", class_names=("shirt", ...))
    print(explain_torch(net, input_shape=(3, 32, 32), mean=mean, std=std))

`net` is any module whose `forward` does the same for every image. Its weights are read as they are; whether
it is in training or evaluation does not matter. It is traced (`trace.py`), written as values in real numbers
(`convert.py`), lowered to comparisons, numbers and convolutions (`lower.py`), and given scales
(`fixed_point.py`).

A batch-norm and a sign are one exact comparison of integers; where PyTorch's float32 gives zero up to its
rounding, it may decide otherwise (`BatchNormSign` never differs). Numbers, as in a shortcut, are int16 in
fixed point, and every one of them has a bound of its error.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spanbit.graph.ops import Graph, Shape
from spanbit.importers.assemble import Numbers, assemble, normalisation
from spanbit.importers.convert import Converter, is_leaf
from spanbit.importers.explain import Explanation
from spanbit.importers.trace import ACCEPTED, trace_module

__all__ = ["ACCEPTED", "explain_torch", "from_torch"]


def from_torch(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    name: str = "network",
    class_names: Sequence[str] = (),
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Graph:
    """The graph of `module` for images of `input_shape` (channels, height, width).

    Args:
        mean, std: one number or one a channel, if the module takes (pixel / 255 - mean) / std; else it
            takes pixels 0..255.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer by its place in the module tree.
    """
    return explain_torch(module, input_shape, name, class_names, mean=mean, std=std).graph


def explain_torch(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    name: str = "network",
    class_names: Sequence[str] = (),
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Explanation:
    """As `from_torch`: the graph, what became of every layer, and the errors of its numbers."""
    image = Shape(*input_shape)
    pixel = normalisation(image, mean, std, name)
    converter = Converter(image, pixel)
    end = converter.convert(trace_module(module, image, is_leaf))
    return assemble(end, converter.notes, image, name, class_names)
