"""Models that a bundle is compared with: each says what its layers deliver for an image.

source = torch_source(net, graph)
source = onnx_source(data, "net.onnx", explanation, pixel)      # in ONNX Runtime
source = stored_source(images, logits, layers, explanation)     # what its own framework said
layers, logits = source(image)      # by the operator's position, in its units; all flat
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import SpanbitError, not_installed
from spanbit.graph import Graph

if TYPE_CHECKING:
    from spanbit.importers.explain import Explanation
    from spanbit.importers.origins import Origin
    from spanbit.nn.outputs import Network

Images = NDArray[np.uint8]  # [N, H, W, C]
Flat = NDArray[np.float64]
Delivered = tuple[Mapping[int, Flat], Flat]
Source = Callable[[NDArray[np.uint8]], Delivered]
"""A model: of an image, what operators should deliver, by position, as far as it can say, and its logits."""


def torch_source(net: Network, graph: Graph) -> Source:
    """A PyTorch module in evaluation, module by module, for the operators of `graph`, imported from it."""
    from spanbit.nn.outputs import module_outputs  # PyTorch: only where a module is compared

    names = [op.name for op in graph.ops]
    wanted = {name: at for at, name in enumerate(names) if names.count(name) == 1}

    def run(image: NDArray[np.uint8]) -> Delivered:
        modules, logits = module_outputs(net, image, set(wanted))
        return {wanted[name]: tensor for name, tensor in modules.items()}, logits

    return run


def onnx_source(
    data: bytes,
    where: str,
    explanation: Explanation,
    pixel: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Source:
    """An ONNX model in ONNX Runtime, with every tensor that an operator can be compared with.

    Args:
        pixel: makes of pixels [C, H, W] what the model takes.

    Raises:
        SpanbitError: ONNX Runtime is not installed, or does not take the model.
    """
    from spanbit.importers.onnx_run import with_results

    origins = explanation.origins
    names = sorted({origin.tensor for origin in origins.values()})
    try:
        import onnxruntime
    except ModuleNotFoundError as missing:
        raise not_installed(
            "running an ONNX model needs ONNX Runtime", missing, extra="onnx", where=where
        ) from missing
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(
            with_results(data, names), options, providers=["CPUExecutionProvider"]
        )
    except Exception as failure:  # its own exceptions have no common base
        raise SpanbitError(
            "ONNX Runtime does not run this model",
            where=where,
            why=str(failure).splitlines()[0],
            fix="give --data an .npz with `images` and the model's own `logits`",
        ) from failure
    (given,) = session.get_inputs()
    last = session.get_outputs()[0].name

    def run(image: NDArray[np.uint8]) -> Delivered:
        pixels = pixel(image.transpose(2, 0, 1).astype(np.float32))
        logits, *tensors = session.run([last, *names], {given.name: pixels[None]})
        known = dict(zip(names, tensors, strict=True))
        layers = {at: origin.result(_flat(known[origin.tensor])) for at, origin in origins.items()}
        return layers, _flat(logits)

    return run


def stored_source(
    images: Images,
    logits: NDArray[np.float64],
    layers: Mapping[str, NDArray[np.float64]],
    explanation: Explanation,
) -> Source:
    """A model whose logits [N, O] for these images were stored by its own framework.

    Args:
        layers: what its layers delivered, by their paths, [N, H, W, C] or [N, C]; as many as there are.
    """
    place = {image.tobytes(): row for row, image in enumerate(images)}
    channels_first = {path: np.moveaxis(array, -1, 1) for path, array in layers.items()}
    known = {at: origin for at, origin in explanation.origins.items() if _fits(origin, channels_first)}

    def read(image: NDArray[np.uint8]) -> Delivered:
        row = place[image.tobytes()]
        delivered = {
            at: origin.result(_flat(channels_first[origin.tensor][row])) for at, origin in known.items()
        }
        return delivered, _flat(logits[row])

    return read


def _fits(origin: Origin, layers: Mapping[str, NDArray[np.float64]]) -> bool:
    found = layers.get(origin.tensor)
    return found is not None and found.ndim >= 2 and found.shape[1] == len(origin.behind.scale)


def _flat(array: NDArray[np.floating]) -> Flat:
    return np.asarray(array, np.float64).reshape(-1)
