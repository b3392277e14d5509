"""LiteRT (TensorFlow Lite) with XNNPACK, 8-bit integers.

The .tflite file is made here from the schema that LiteRT itself brings: int8 activations, int8 weights with a
scale for each channel, as TensorFlow's converter would write them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from shapes import Layer

NAME = f"LiteRT {version('ai-edge-litert')} int8"
_OPERATORS = (
    schema.BuiltinOperator.CONV_2D,
    schema.BuiltinOperator.MAX_POOL_2D,
    schema.BuiltinOperator.FULLY_CONNECTED,
)
_VERSIONS = (3, 2, 4)  # the first of each operator with int8
_SCALE = 0.02


def load(steps: Sequence[Layer], classes: int | None, threads: int) -> Callable[[], object]:
    """An interpreter; the image is set once."""
    interpreter = Interpreter(model_content=_Writer().network(steps, classes), num_threads=threads)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]
    random = np.random.default_rng(0)
    interpreter.set_tensor(image["index"], random.integers(-128, 128, image["shape"]).astype(np.int8))

    def run() -> object:
        interpreter.invoke()
        return None

    return run


class _Writer:
    """Collects tensors and operators of one network; NHWC, as TensorFlow has it."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._buffers = [schema.BufferT()]  # number 0 is empty, for tensors that are calculated
        self._tensors: list[Any] = []
        self._operators: list[Any] = []

    def network(self, steps: Sequence[Layer], classes: int | None) -> bytes:
        first = steps[0]
        image = value = self._activation((1, first.size, first.size, first.in_channels))
        for layer in steps:
            value = self._convolution(layer, value)
        if classes is not None:
            value = self._head(steps[-1], value, classes)
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [image], [value]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self._buffers
        model.operatorCodes = []
        for operator, since in zip(_OPERATORS, _VERSIONS, strict=True):
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = operator
            code.version = since
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _convolution(self, layer: Layer, source: int) -> int:
        shape = (layer.out_channels, layer.kernel, layer.kernel, layer.in_channels)
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideH = options.strideW = layer.stride
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        size = layer.out_size
        result = self._activation((1, size, size, layer.out_channels))
        scale = np.full(layer.out_channels, 0.5 / np.sqrt(layer.taps) / 74, np.float32)
        inputs = [source, *self._parameters(shape, scale)]
        self._operator(0, inputs, result, schema.BuiltinOptions.Conv2DOptions, options)
        if not layer.pool:
            return result
        pool = schema.Pool2DOptionsT()
        pool.padding = schema.Padding.VALID
        pool.strideH = pool.strideW = pool.filterHeight = pool.filterWidth = 2
        pooled = self._activation((1, size // 2, size // 2, layer.out_channels))
        self._operator(1, [result], pooled, schema.BuiltinOptions.Pool2DOptions, pool)
        return pooled

    def _head(self, last: Layer, source: int, classes: int) -> int:
        side = last.out_size // (2 if last.pool else 1)
        result = self._activation((1, classes))
        inputs = [
            source,
            *self._parameters((classes, last.out_channels * side**2), np.full(1, 1e-4, np.float32)),
        ]
        options = schema.FullyConnectedOptionsT()
        self._operator(2, inputs, result, schema.BuiltinOptions.FullyConnectedOptions, options)
        return result

    def _parameters(self, shape: tuple[int, ...], scale: Any) -> tuple[int, int]:
        """Weight and bias; the bias has the product of both scales."""
        weight = self._random.integers(-127, 128, shape).astype(np.int8)
        bias = self._random.integers(-500, 500, shape[0]).astype(np.int32)
        return (
            self._tensor(shape, schema.TensorType.INT8, scale, weight),
            self._tensor((shape[0],), schema.TensorType.INT32, scale * _SCALE, bias),
        )

    def _activation(self, shape: tuple[int, ...]) -> int:
        return self._tensor(shape, schema.TensorType.INT8, np.full(1, _SCALE, np.float32), None, zero=-128)

    def _tensor(self, shape: tuple[int, ...], kind: int, scale: Any, data: Any, zero: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = list(shape), kind, f"t{len(self._tensors)}"
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [float(s) for s in scale]
        tensor.quantization.zeroPoint = [zero] * len(scale)
        tensor.quantization.quantizedDimension = 0
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self._buffers)
            self._buffers.append(buffer)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator(self, code: int, inputs: list[int], result: int, kind: int, options: Any) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, [result]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self._operators.append(operator)
