"""A network as data: typed operators, shapes, validation. What operators do is `spanbit.reference`."""

from spanbit.graph.ops import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    KernelKind,
    Kind,
    MaxPool2x2,
    Op,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.validate import TensorInfo, validate

__all__ = [
    "BinaryConv",
    "Compare",
    "Graph",
    "Head",
    "KernelKind",
    "Kind",
    "MaxPool2x2",
    "Op",
    "Output",
    "OutputKind",
    "Padding",
    "Shape",
    "StemConv",
    "TensorInfo",
    "Threshold",
    "validate",
]
