"""Border classes: pixels whose windows leave the image by the same rows and columns of the kernel.

    len(axis_classes(side=32, out=32, kernel=5, stride=1, padding=2))     # 5: 2 at each end, 1 between

With zero padding a layer's constants depend on the pixel, but only by its class. runtime_c/src/border.h is
the same rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spanbit.graph.ops import BinaryConv, Shape

BORDER_CLASSES_MAX = 25
"""With more, a layer runs on the dense kernel: a 5x5 kernel padded by 2 has so many."""


def axis_classes(side: int, out: int, kernel: int, stride: int, padding: int) -> list[int]:
    """Along one axis: the output row (column) that stands for each class. Rows between are the first's."""
    leading = -(-padding // stride)
    end = min(out, max(0, (side + padding - kernel) // stride + 1))  # windows from here on end outside
    shift = max(0, end - leading - 1)
    return [row for row in range(out) if row <= leading or row > leading + shift]


def border_classes(op: BinaryConv, source: Shape, result: Shape) -> int:
    """Border classes of a layer, the pixels inside being one of them."""
    rows, columns = _axes(op, source, result)
    return len(rows) * len(columns)


def class_bytes(classes: int) -> int:
    """Bytes that name a set of border classes, one of them, the base, left out."""
    return (classes + 6) // 8


def places_inside(op: BinaryConv, source: Shape, result: Shape) -> NDArray[np.bool_]:
    """For each border class, which places of the kernel lie inside the image: bool [classes, kh, kw]."""
    rows, columns = _axes(op, source, result)
    kernel_h, kernel_w = op.weight.shape[2:]
    inside_h = _inside(rows, source.height, kernel_h, op)
    inside_w = _inside(columns, source.width, kernel_w, op)
    both = inside_h[:, None, :, None] & inside_w[None, :, None, :]
    return both.reshape(-1, kernel_h, kernel_w)


def _axes(op: BinaryConv, source: Shape, result: Shape) -> tuple[list[int], list[int]]:
    kernel_h, kernel_w = op.weight.shape[2:]
    return (
        axis_classes(source.height, result.height, kernel_h, op.stride, op.padding),
        axis_classes(source.width, result.width, kernel_w, op.stride, op.padding),
    )


def _inside(rows: list[int], side: int, kernel: int, op: BinaryConv) -> NDArray[np.bool_]:
    at = np.array(rows)[:, None] * op.stride - op.padding + np.arange(kernel)
    inside: NDArray[np.bool_] = (at >= 0) & (at < side)
    return inside
