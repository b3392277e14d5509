"""LiteRT (TensorFlow Lite) with XNNPACK, 8-bit integers.

The .tflite file is made by `spanbit.tflite`, from the schema that LiteRT itself brings: int8 activations,
int8 weights with a scale for each channel, as TensorFlow's converter would write them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from shapes import Layer
from spanbit.tflite.writer import Writer

NAME = f"LiteRT {version('ai-edge-litert')} int8"


def load(steps: Sequence[Layer], classes: int | None, threads: int) -> Callable[[], object]:
    """An interpreter; the image is set once."""
    interpreter = Interpreter(model_content=_network(steps, classes), num_threads=threads)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]
    random = np.random.default_rng(0)
    interpreter.set_tensor(image["index"], random.integers(-128, 128, image["shape"]).astype(np.int8))

    def run() -> object:
        interpreter.invoke()
        return None

    return run


def _network(steps: Sequence[Layer], classes: int | None) -> bytes:
    random = np.random.default_rng(1)

    def weights(*shape: int) -> NDArray[np.float32]:
        return random.integers(-127, 128, shape).astype(np.float32)

    writer = Writer("int8")
    first, last = steps[0], steps[-1]
    image = value = writer.activation((1, first.size, first.size, first.in_channels))
    for layer in steps:
        size = (layer.out_size, layer.out_size)
        taps = weights(layer.out_channels, layer.kernel, layer.kernel, layer.in_channels)
        value = writer.convolution(
            value, taps, stride=layer.stride, padding=layer.padding, size=size, relu=True
        )
        if layer.pool:
            half = (layer.out_size // 2, layer.out_size // 2)
            value = writer.pool(value, largest=True, kernel=(2, 2), stride=2, padding=0, size=half)
    if classes is not None:
        side = last.out_size // (2 if last.pool else 1)
        value = writer.fully_connected(value, weights(classes, side * side * last.out_channels))
    return writer.finish(image, value, "bench")
