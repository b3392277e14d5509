"""Tensors and operators of a TensorFlow Lite model, and the FlatBuffer that holds them.

writer = Writer("int8")
image = writer.activation((1, 32, 32, 3), zero=-128)
value = writer.convolution(image, weight, stride=1, padding=1, size=(32, 32), relu=True)
data = writer.finish(image, value)

The schema is the one that LiteRT's Python package brings (extra `tflite`), generated from TensorFlow's
published schema.fbs. Activations are NHWC. In int8 every activation has one scale, weights one a channel, as
the 8-bit quantisation specification has it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import not_installed

Numbers = Literal["int8", "float32"]
Side = tuple[int, int]

_SCALE = 1 / 16  # of every activation
_ZERO = -128  # of one that is never below zero
_VERSIONS = {  # by numbers: the first version of an operator that has them
    "CONV_2D": {"float32": 1, "int8": 3},
    "MAX_POOL_2D": {"float32": 1, "int8": 2},
    "AVERAGE_POOL_2D": {"float32": 1, "int8": 2},
    "FULLY_CONNECTED": {"float32": 1, "int8": 4},
    "ADD": {"float32": 1, "int8": 2},
    "CONCATENATION": {"float32": 1, "int8": 2},
    "PAD": {"float32": 1, "int8": 2},
    "PRELU": {"float32": 1, "int8": 1},
    "RELU": {"float32": 1, "int8": 2},
    "RESHAPE": {"float32": 1, "int8": 1},
}


class Writer:
    """Collects one model.

    Raises:
        SpanbitError: LiteRT's schema is not installed.
    """

    def __init__(self, numbers: Numbers) -> None:
        try:
            import flatbuffers
            from ai_edge_litert import schema_py_generated as schema
        except ModuleNotFoundError as missing:
            raise not_installed(
                "writing a TensorFlow Lite file needs its schema", missing, extra="tflite"
            ) from missing
        self._flatbuffers, self._schema, self.numbers = flatbuffers, schema, numbers
        self._buffers: list[Any] = [schema.BufferT()]  # number 0 is empty, for what is calculated
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[str] = []
        self._rectified: set[int] = set()

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Of a tensor."""
        return tuple(self._tensors[tensor].shape)

    def is_rectified(self, tensor: int) -> bool:
        """Whether it comes out of a ReLU, directly or through pools."""
        return tensor in self._rectified

    def activation(self, shape: tuple[int, ...], *, zero: int = 0) -> int:
        """A tensor that is calculated, or the image."""
        return self._tensor(shape, self._kind, np.full(1, _SCALE), None, zero)

    def convolution(
        self, source: int, weight: NDArray[np.float32], *, stride: int, padding: int, size: Side, relu: bool
    ) -> int:
        """`weight` is [O, kh, kw, C], `size` what comes of it. Padding other than SAME is a PAD before it."""
        same = padding > 0 and all(
            -(-side // stride) == result for side, result in zip(self.shape(source)[1:3], size, strict=True)
        )
        if padding and not same:
            source = self._pad(source, padding)
        options = self._schema.Conv2DOptionsT()
        options.padding = self._schema.Padding.SAME if same else self._schema.Padding.VALID
        options.strideH = options.strideW = stride
        options.fusedActivationFunction = self._activation_of(relu)
        result = self.activation((1, *size, len(weight)), zero=_ZERO if relu else 0)
        self._operator("CONV_2D", [source, *self._parameters(weight)], result, "Conv2DOptions", options)
        if relu:
            self._rectified.add(result)
        return result

    def pool(self, source: int, *, largest: bool, kernel: Side, stride: int, padding: int, size: Side) -> int:
        """Maximum or mean; as in a convolution, SAME stands for any padding that gives this size."""
        options = self._schema.Pool2DOptionsT()
        options.padding = self._schema.Padding.SAME if padding else self._schema.Padding.VALID
        options.filterHeight, options.filterWidth = kernel
        options.strideH = options.strideW = stride
        result = self.activation((1, *size, self.shape(source)[3]), zero=self._zero_of(source))
        name = "MAX_POOL_2D" if largest else "AVERAGE_POOL_2D"
        self._operator(name, [source], result, "Pool2DOptions", options)
        if source in self._rectified:
            self._rectified.add(result)
        return result

    def add(self, first: int, second: int) -> int:
        """Element by element."""
        result = self.activation(self.shape(first))
        self._operator("ADD", [first, second], result, "AddOptions", self._schema.AddOptionsT())
        return result

    def concatenation(self, sources: list[int]) -> int:
        """Along the channels."""
        options = self._schema.ConcatenationOptionsT()
        options.axis = 3
        shapes = [self.shape(source) for source in sources]
        result = self.activation(
            (*shapes[0][:3], sum(shape[3] for shape in shapes)), zero=self._zero_of(sources[0])
        )
        self._operator("CONCATENATION", sources, result, "ConcatenationOptions", options)
        return result

    def relu(self, source: int) -> int:
        """As an operator of its own."""
        result = self.activation(self.shape(source), zero=_ZERO)
        self._operator("RELU", [source], result, "NONE", None)
        self._rectified.add(result)
        return result

    def prelu(self, source: int, slope: NDArray[np.float32]) -> int:
        """A slope a channel."""
        result = self.activation(self.shape(source))
        alpha = self._constant((1, 1, len(slope)), slope, np.full(1, 1 / 64))
        self._operator("PRELU", [source, alpha], result, "NONE", None)
        return result

    def fully_connected(self, source: int, weight: NDArray[np.float32]) -> int:
        """`weight` is [O, H * W * C], in the order of the source."""
        flat = self.activation((1, weight.shape[1]), zero=self._zero_of(source))
        options = self._schema.ReshapeOptionsT()
        options.newShape = [1, weight.shape[1]]
        shape = self._tensor(
            (2,), self._schema.TensorType.INT32, None, np.array([1, weight.shape[1]], np.int32)
        )
        self._operator("RESHAPE", [source, shape], flat, "ReshapeOptions", options)
        result = self.activation((1, len(weight)))
        self._operator(
            "FULLY_CONNECTED",
            [flat, *self._parameters(weight, one_scale=True)],
            result,
            "FullyConnectedOptions",
            self._schema.FullyConnectedOptionsT(),
        )
        return result

    def finish(self, image: int, result: int, name: str) -> bytes:
        """The file."""
        graph = self._schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, name
        graph.inputs, graph.outputs = [image], [result]
        model = self._schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self._buffers
        model.description = f"{self.numbers} twin of {name}, for speed only; written by spanbit"
        model.operatorCodes = []
        for code in self._codes:
            known = self._schema.OperatorCodeT()
            known.builtinCode = getattr(self._schema.BuiltinOperator, code)
            known.deprecatedBuiltinCode = min(known.builtinCode, 127)
            known.version = _VERSIONS[code][self.numbers]
            model.operatorCodes.append(known)
        builder = self._flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    @property
    def _kind(self) -> int:
        types = self._schema.TensorType
        return int(types.INT8 if self.numbers == "int8" else types.FLOAT32)

    def _activation_of(self, relu: bool) -> int:
        kinds = self._schema.ActivationFunctionType
        return int(kinds.RELU if relu else kinds.NONE)

    def _zero_of(self, tensor: int) -> int:
        quantization = self._tensors[tensor].quantization
        return 0 if quantization is None else int(quantization.zeroPoint[0])

    def _pad(self, source: int, padding: int) -> int:
        batch, height, width, channels = self.shape(source)
        result = self.activation(
            (batch, height + 2 * padding, width + 2 * padding, channels), zero=self._zero_of(source)
        )
        by = np.array([[0, 0], [padding, padding], [padding, padding], [0, 0]], np.int32)
        amounts = self._tensor((4, 2), self._schema.TensorType.INT32, None, by)
        self._operator("PAD", [source, amounts], result, "PadOptions", self._schema.PadOptionsT())
        return result

    def _parameters(self, weight: NDArray[np.float32], *, one_scale: bool = False) -> tuple[int, int]:
        """Weight, and a bias of zeros with the product of both scales."""
        # In int8 each row is stretched to the whole range, and all have one scale: XNNPACK refuses scales far
        # apart, and no time depends on them.
        scale = np.full(1 if one_scale else len(weight), 1 / 127)
        bias = np.zeros(len(weight))
        kind = self._schema.TensorType.INT32 if self.numbers == "int8" else self._schema.TensorType.FLOAT32
        stored = bias.astype(np.int32 if self.numbers == "int8" else np.float32)
        return (
            self._constant(weight.shape, weight, scale),
            self._tensor(bias.shape, int(kind), scale * _SCALE, stored),
        )

    def _constant(
        self, shape: tuple[int, ...], value: NDArray[np.float32], scale: NDArray[np.float64]
    ) -> int:
        if self.numbers == "float32":
            return self._tensor(shape, self._kind, None, value.astype(np.float32))
        rows = value.reshape(len(scale) if len(scale) > 1 else 1, -1)
        most = np.abs(rows).max(axis=1, keepdims=True)
        stretched = np.rint(127 * rows / np.where(most > 0, most, 1)).reshape(shape)
        return self._tensor(shape, self._kind, scale, stretched.astype(np.int8))

    def _tensor(
        self,
        shape: tuple[int, ...],
        kind: int,
        scale: NDArray[np.float64] | None,
        data: NDArray[Any] | None,
        zero: int = 0,
    ) -> int:
        tensor = self._schema.TensorT()
        tensor.shape, tensor.type, tensor.name = list(shape), kind, f"t{len(self._tensors)}"
        if scale is not None and self.numbers == "int8":
            tensor.quantization = self._schema.QuantizationParametersT()
            tensor.quantization.scale = [float(part) for part in scale]
            tensor.quantization.zeroPoint = [zero] * len(scale)
            tensor.quantization.quantizedDimension = 0
        tensor.buffer = 0
        if data is not None:
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self._buffers)
            self._buffers.append(buffer)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator(self, code: str, inputs: list[int], result: int, kind: str, options: Any) -> None:
        if code not in self._codes:
            self._codes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes.index(code), inputs, [result]
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self._operators.append(operator)
