"""A bundle, loaded by the C runtime.

model = Model(bundle_bytes, isa="scalar32", threads=2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.bundle.planes import unpack_planes
from spanbit.errors import ExitCode, SpanbitError
from spanbit.runtime.library import load

_ALIGN = 64
_HEADS = (5, 10)  # of bits, of reals
THREADS_MAX = 8
_SUMS = {1: np.int16, 2: np.int32, 3: np.int32}  # spb_output: how a tensor of sums is to be read


@dataclass(frozen=True)
class ModelInfo:
    """What the bundle says of itself."""

    name: str
    target: str
    isa: str
    arena_bytes: int
    layer_names: tuple[str, ...]
    input_shape: tuple[int, int, int]  # height, width, channels
    class_count: int
    output_shape: tuple[int, int, int]  # classes, and the pixels that each is given for: 1, 1 behind a head
    golden_count: int


class Model:
    """A network that runs in the C library. Not for two callers at once: it has one arena."""

    def __init__(
        self, bundle: bytes, isa: str = "native", where: str = "bundle", *, threads: int = 1
    ) -> None:
        """Checks the whole bundle; `threads` workers share every layer, with the same results.

        Raises:
            SpanbitError: BAD_BUNDLE: the runtime refuses it; TOOLCHAIN: the runtime cannot be built; USAGE:
                fewer than 1 or more than 8 threads.
        """
        if not 1 <= threads <= THREADS_MAX:
            raise SpanbitError(
                f"{threads} threads",
                where=where,
                fix=f"use 1 to {THREADS_MAX}",
                code=ExitCode.USAGE,
            )
        self._where = where
        self._ffi, self._lib = load(isa)
        self._bundle = _aligned(len(bundle))
        self._bundle[:] = np.frombuffer(bundle, np.uint8)
        info: Any = self._ffi.new("spb_info *")
        self._raise_for(self._lib.spb_bundle_info(self._pointer(self._bundle), len(bundle), info), -1)
        self._arena = _aligned(info.arena_bytes)
        self._model = self._ffi.new("spb_model *")
        failed = self._ffi.new("int *", -1)
        status = self._lib.spb_model_init_at(
            self._model,
            self._pointer(self._bundle),
            len(bundle),
            self._pointer(self._arena),
            self._arena.size,
            failed,
        )
        self._raise_for(status, failed[0])
        if threads > 1:
            self._start_threads(threads)
        self.info = ModelInfo(
            name=self._text(info.name),
            target=self._text(info.target),
            isa=self._text(self._lib.spb_isa()),
            arena_bytes=info.arena_bytes,
            layer_names=tuple(self._text(self._layer(i).name) for i in range(info.layer_count)),
            input_shape=(info.height, info.width, info.channels),
            class_count=info.class_count,
            output_shape=(info.class_count, info.out_height, info.out_width),
            golden_count=info.golden_count,
        )

    def _start_threads(self, threads: int) -> None:
        size = self._ffi.new("size_t *")
        self._raise_for(self._lib.spb_pool_bytes(self._model, threads, size), -1)
        self._pool_memory = _aligned(size[0])
        started = self._lib.spb_threads_create(threads)
        if started == self._ffi.NULL:
            raise SpanbitError(
                f"cannot start {threads} threads",
                where=self._where,
                why="the system gives no more threads or memory",
                fix="use fewer",
                code=ExitCode.INTERNAL,
            )
        # Ended when this object goes, after its last run.
        self._threads = self._ffi.gc(started, self._lib.spb_threads_destroy)
        pool = self._ffi.new("spb_pool *", self._lib.spb_threads_pool(started))
        status = self._lib.spb_model_set_pool(
            self._model, pool, self._pointer(self._pool_memory), self._pool_memory.size
        )
        self._raise_for(status, -1)

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits [classes] of an image, uint8 [H, W, C]; [classes, H', W'] of a network without a head.

        Raises:
            SpanbitError: the image has another shape or type.
        """
        if image.dtype != np.uint8 or image.shape != self.info.input_shape:
            raise SpanbitError(
                f"an image of {image.dtype} {image.shape}",
                where=self.info.name,
                fix=f"give uint8 {self.info.input_shape}: rows, columns, channels",
            )
        pixels = np.ascontiguousarray(image)
        logits = np.empty(math.prod(self.info.output_shape), np.float32)
        status = self._lib.spb_model_run(
            self._model,
            self._pointer(pixels),
            pixels.size,
            self._ffi.cast("float *", logits.ctypes.data),
            logits.size,
        )
        self._raise_for(status, -1)
        return logits.reshape(self.info.output_shape) if self._has_pixels else logits

    def sums(self) -> NDArray[Any]:
        """The integers behind the last run's result: int16 or int32, in its shape."""
        data = self._ffi.new("void **")
        self._raise_for(self._lib.spb_model_output(self._model, data), -1)
        return self._read_sums(self._layer(len(self.info.layer_names) - 1), data[0])

    def arena_bytes(self) -> bytes:
        """A copy of the arena; the tables in it are as this instruction set has them."""
        return self._arena.tobytes()

    @property
    def _has_pixels(self) -> bool:
        last = self._layer(len(self.info.layer_names) - 1)
        return bool(last.op not in _HEADS)

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The index of the largest logit (the first, if several are) for images uint8 [N, H, W, C]."""
        return np.array([int(self.run(image).argmax()) for image in images], np.int64)

    def trace(self, image: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """What every layer delivers: bits bool [C, H, W], at last sums, the head's int32 [classes]."""
        outputs: list[NDArray[Any]] = []

        def keep(_user: Any, _index: int, layer: Any, output: Any) -> None:
            if layer.output:
                outputs.append(self._read_sums(layer, output))
                return
            data = self._copy(output, layer.out_channels * layer.plane_bytes)
            planes = np.frombuffer(data, np.uint8).reshape(layer.out_channels, -1)
            outputs.append(unpack_planes(planes, layer.out_height, layer.out_width))

        hook = self._ffi.callback("spb_layer_hook", keep)
        self._lib.spb_model_set_hook(self._model, hook, self._ffi.NULL)
        try:
            self.run(image)
        finally:
            self._lib.spb_model_set_hook(self._model, self._ffi.NULL, self._ffi.NULL)
        return outputs

    def check_golden(self) -> None:
        """Runs every golden record.

        Raises:
            SpanbitError: GOLDEN_MISMATCH, naming record and layer.
        """
        failed = self._ffi.new("int *", -1)
        count = math.prod(self.info.output_shape)
        logits = self._ffi.new("float[]", count)
        for index in range(self.info.golden_count):
            status = self._lib.spb_model_check_golden(self._model, index, failed, logits, count)
            if status:
                raise SpanbitError(
                    f"golden record {index}: {self._text(self._lib.spb_status_text(status))}",
                    where=self._place(failed[0]),
                    why=f"the {self.info.isa} kernels and the compiler's reference disagree",
                    fix="compile the bundle again; if it stays, this is a bug: report it with the bundle",
                    code=ExitCode.GOLDEN_MISMATCH,
                )

    def _layer(self, index: int) -> Any:
        layer = self._ffi.new("spb_layer_info *")
        self._lib.spb_model_layer(self._model, index, layer)
        return layer

    def _read_sums(self, layer: Any, data: Any) -> NDArray[Any]:
        dtype = np.dtype(_SUMS[layer.output])
        shape = (layer.out_channels, layer.out_height, layer.out_width)
        sums = np.frombuffer(self._copy(data, math.prod(shape) * dtype.itemsize), dtype)
        return sums if layer.op in _HEADS else sums.reshape(shape)

    def _pointer(self, array: NDArray[np.uint8]) -> Any:
        return self._ffi.cast("uint8_t *", array.ctypes.data)

    def _copy(self, data: Any, size: int) -> bytes:
        return bytes(self._ffi.buffer(data, size))

    def _text(self, chars: Any) -> str:
        return bytes(self._ffi.string(chars)).decode(errors="replace")  # type: ignore[arg-type]

    def _place(self, layer: int) -> str:
        return self._where if layer < 0 else f"{self._where}: layer {layer}"

    def _raise_for(self, status: int, layer: int) -> None:
        if status:
            raise SpanbitError(
                "the runtime refuses this bundle",
                where=self._place(layer),
                why=self._text(self._lib.spb_status_text(status)),
                fix="copy it again, or compile it again with `spanbit compile`",
                code=ExitCode.BAD_BUNDLE,
            )


def _aligned(size: int) -> NDArray[np.uint8]:
    """`size` bytes at a multiple of 64."""
    block = np.zeros(size + _ALIGN, np.uint8)
    begin = -block.ctypes.data % _ALIGN
    return block[begin : begin + size]
