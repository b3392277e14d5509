"""A PyTorch module as a graph.

    graph = from_torch(net, input_shape=(1, 28, 28), name="fashion", class_names=("shirt", ...))

`net` is an nn.Sequential, nested as deep as one likes, of the layers in `ACCEPTED`. Its weights are read as
they are; whether it is in training or evaluation does not matter. nn.BatchNorm2d must be followed by Sign;
there, a result that is zero up to rounding is decided exactly, and PyTorch's float32 may decide otherwise
(`BatchNormSign` never differs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import (
    BinaryConv,
    Compare,
    Graph,
    Head,
    MaxPool,
    Op,
    Output,
    OutputKind,
    Padding,
    Shape,
    StemConv,
    Threshold,
)
from spanbit.graph.validate import validate
from spanbit.nn.batchnorm import BatchNormSign, scale_and_bias, thresholds
from spanbit.nn.binary import BinaryConv2d, BinaryLinear
from spanbit.nn.resnet import Residual
from spanbit.nn.sign import Sign
from spanbit.nn.stem import StemConv2d

ACCEPTED = (
    "StemConv2d, BinaryConv2d, nn.Conv2d with weights -1, 0, +1, BatchNormSign, nn.BatchNorm2d followed by "
    "Sign, Sign, nn.MaxPool2d(2), nn.Flatten, nn.Identity, nn.Dropout, nn.Sequential of these; at the end "
    "BinaryLinear, or a binary convolution, with nn.BatchNorm2d or without"
)
_SKIPPED = (nn.Identity, nn.Dropout, nn.Dropout2d)

_PADDING = {padding.activation: padding for padding in Padding}

_Named = tuple[str, nn.Module]


def from_torch(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    name: str = "network",
    class_names: Sequence[str] = (),
) -> Graph:
    """The graph of `module` for images of `input_shape` (channels, height, width).

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the layer by its place in the module tree.
    """
    _refuse_shortcuts(module)
    layers = [(path, layer) for path, layer in _leaves(module, "") if not isinstance(layer, _SKIPPED)]
    ops: list[Op] = []
    flat = False
    position = 0
    while position < len(layers):
        path, layer = layers[position]
        following = layers[position + 1][1] if position + 1 < len(layers) else None
        position += 1
        if isinstance(layer, nn.Flatten):
            if (layer.start_dim, layer.end_dim) != (1, -1):
                _refuse(path, layer, "it does not flatten all but the batch", "use nn.Flatten() as it is")
            flat = True
            continue
        if flat != isinstance(layer, BinaryLinear):
            _refuse(path, layer, "only BinaryLinear, the head, stands behind nn.Flatten, and nowhere else")
        if (
            isinstance(layer, nn.BatchNorm2d)
            and following is None
            and ops
            and isinstance(ops[-1], BinaryConv)
        ):
            ops.append(_scaled(path, layer))
            continue
        if isinstance(layer, nn.BatchNorm2d):
            if not isinstance(following, Sign):
                _refuse(path, layer, "no Sign follows", "put spanbit.nn.Sign behind it, or use BatchNormSign")
            position += 1  # that Sign is part of the threshold
        if isinstance(layer, Sign):  # without a batch-norm: P >= 0
            ops.append(_at_zero(path, _channels(ops)))
        else:
            ops.append(_convert(path, layer))
        if isinstance(layer, BinaryLinear) and following is not None:
            _refuse(*layers[position], "it stands behind the head", "let BinaryLinear be the last layer")
    last = ops[-1] if ops else None
    if isinstance(last, BinaryConv):
        ops.append(_sums(last))
    graph = Graph(name, Shape(*input_shape), tuple(ops), tuple(class_names))
    outputs = validate(graph)[-1].shape.channels
    if class_names and len(class_names) != outputs:
        raise SpanbitError(
            f"{len(class_names)} class names for {outputs} outputs",
            where=name,
            fix="give one name an output, or none",
        )
    return graph


def _refuse_shortcuts(module: nn.Module) -> None:
    for path, layer in module.named_modules():
        if isinstance(layer, Residual):
            _refuse(
                path,
                layer,
                "it has a real-valued shortcut, and a compiled network is a chain of layers today",
                "compile a network without shortcuts (vgg_tiny, vgg_small); others can be trained only",
            )


def _leaves(module: nn.Module, path: str) -> Iterator[_Named]:
    if not isinstance(module, nn.Sequential):
        yield path, module
        return
    # Not named_children(): it would drop the second use of a module that stands in two places.
    for key, child in module._modules.items():
        if child is not None:
            yield from _leaves(child, f"{path}.{key}" if path else key)


def _convert(path: str, layer: nn.Module) -> Op:
    match layer:
        case StemConv2d():
            return StemConv(
                path, _int8(layer.effective_weight()), layer.stride, layer.padding, _array(layer.pad_value)
            )
        case BinaryConv2d():
            outside = _PADDING[layer.pad_value]
            return BinaryConv(path, _int8(layer.effective_weight()), layer.stride, layer.padding, outside)
        case nn.Conv2d():
            return _plain_conv(path, layer)
        case BatchNormSign():
            return Threshold(path, *thresholds(layer.norm, path))
        case nn.BatchNorm2d():
            if layer.running_mean is None:
                _refuse(path, layer, "it keeps no running statistics", "leave track_running_stats at True")
            return Threshold(path, *thresholds(layer, path))
        case nn.MaxPool2d():
            _check_pool(path, layer)
            return MaxPool(path)
        case BinaryLinear():
            weight = _int8(layer.effective_weight())
            return Head(path, weight, _array(layer.scale), _array(layer.bias))
        case _:
            _refuse(path, layer, "there is no such operator in a compiled network")


def _plain_conv(path: str, layer: nn.Conv2d) -> BinaryConv:
    """PyTorch's own convolution, whose weights are signs already; outside the image it sees zeros."""
    weight, stride, padding = layer.weight.detach(), layer.stride, layer.padding
    if not bool(((weight == 0) | (weight.abs() == 1)).all()):
        _refuse(path, layer, "a weight is not -1, 0 or +1", "use spanbit.nn.BinaryConv2d, which trains such")
    plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain or layer.bias is not None:
        _refuse(path, layer, "it has a bias, groups, a dilation or another padding than zeros")
    if isinstance(padding, str) or len(set(stride)) != 1 or len(set(padding)) != 1:
        _refuse(path, layer, "stride or padding are not one number", "give stride and padding as one number")
    return BinaryConv(path, _int8(weight), stride[0], int(padding[0]), Padding.ZERO)


def _ends_in_sums(ops: Sequence[Op]) -> bool:
    return bool(ops) and isinstance(ops[-1], BinaryConv)


def _sums(conv: BinaryConv) -> Output:
    """What a network delivers that ends in a convolution: its sums, in as few bytes as hold them."""
    fits = conv.weight[0].size <= np.iinfo(np.int16).max
    return Output(f"{conv.name}.output", OutputKind.INT16 if fits else OutputKind.INT32)


def _scaled(path: str, norm: nn.BatchNorm2d) -> Output:
    """A batch-norm at the very end: one scale and one bias a channel."""
    if norm.running_mean is None:
        _refuse(path, norm, "it keeps no running statistics", "leave track_running_stats at True")
    scale, bias = scale_and_bias(norm, path)
    return Output(path, OutputKind.FLOAT32, scale, bias)


def _channels(ops: Sequence[Op]) -> int:
    """Channels behind the last operator; 0 before the first convolution, which validation then refuses."""
    return next((len(op.weight) for op in reversed(ops) if isinstance(op, StemConv | BinaryConv)), 0)


def _at_zero(path: str, channels: int) -> Threshold:
    return Threshold(path, np.zeros(channels, np.int32), np.full(channels, Compare.GE, np.uint8))


def _check_pool(path: str, pool: nn.MaxPool2d) -> None:
    def pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
        return (value, value) if isinstance(value, int) else tuple(value)

    plain = pair(pool.padding) == (0, 0) and pair(pool.dilation) == (1, 1) and not pool.ceil_mode
    if pair(pool.kernel_size) != (2, 2) or pair(pool.stride) != (2, 2) or not plain:
        _refuse(
            path, pool, "only 2x2 windows with stride 2 and no padding are supported", "use nn.MaxPool2d(2)"
        )


def _refuse(path: str, layer: nn.Module, why: str, fix: str = "") -> NoReturn:
    raise SpanbitError(
        f"unsupported layer of type {type(layer).__name__}",
        where=f"layer {path or '(the module itself)'}",
        why=why,
        fix=fix or f"use {ACCEPTED}",
        code=ExitCode.UNSUPPORTED_MODEL,
    )


def _int8(weight: Tensor) -> NDArray[np.int8]:
    if not bool(weight.isfinite().all()):
        raise SpanbitError(
            "weights are not finite",
            why="the training diverged, or the file is damaged",
            fix="train again with a lower learning rate",
            code=ExitCode.UNSUPPORTED_MODEL,
        )
    return np.ascontiguousarray(weight.detach().cpu().numpy().astype(np.int8))


def _array(tensor: Tensor) -> NDArray[Any]:
    # A copy: a graph is never written to, while training may go on.
    return np.array(tensor.detach().cpu().numpy(), order="C", copy=True)
