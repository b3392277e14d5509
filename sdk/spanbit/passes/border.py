"""Border classes: pixels whose windows leave the image by the same rows and columns of the kernel.

    len(axis_classes(side=32, out=32, kernel=5, stride=1, padding=2))     # 5: 2 at each end, 1 between

With zero padding a layer's constants depend on the pixel, but only by its class. runtime_c/src/border.h is
the same rule.
"""

from __future__ import annotations

from spanbit.graph.ops import BinaryConv, Shape


def axis_classes(side: int, out: int, kernel: int, stride: int, padding: int) -> list[int]:
    """Along one axis: the output row (column) that stands for each class. Rows between are the first's."""
    leading = -(-padding // stride)
    end = min(out, max(0, (side + padding - kernel) // stride + 1))  # windows from here on end outside
    shift = max(0, end - leading - 1)
    return [row for row in range(out) if row <= leading or row > leading + shift]


def border_classes(op: BinaryConv, source: Shape, result: Shape) -> int:
    """Border classes of a layer, the pixels inside being one of them."""
    kernel_h, kernel_w = op.weight.shape[2:]
    rows = axis_classes(source.height, result.height, kernel_h, op.stride, op.padding)
    columns = axis_classes(source.width, result.width, kernel_w, op.stride, op.padding)
    return len(rows) * len(columns)
