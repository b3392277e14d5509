"""Where a tree's vertices go in a picture.

x_and_y = layout(tree.parent)
"""

from __future__ import annotations

from collections.abc import Sequence

from spanbit.tree import ZERO


def layout(parent: Sequence[int]) -> list[tuple[float, float]]:
    """A place for each channel: leaves side by side, a parent above the middle of its children."""
    children: dict[int, list[int]] = {}
    for place, above in enumerate(parent):
        children.setdefault(above, []).append(place)
    x, depth = [0.0] * len(parent), [0] * len(parent)
    leaves = 0

    def visit(place: int, level: int) -> None:
        nonlocal leaves
        depth[place] = level
        below = children.get(place, [])
        for child in below:
            visit(child, level + 1)
        if below:
            x[place] = (x[below[0]] + x[below[-1]]) / 2
        else:
            x[place] = leaves
            leaves += 1

    for root in children.get(ZERO, []):
        visit(root, 1)
    return [(column / max(1, leaves - 1), float(-level)) for column, level in zip(x, depth, strict=True)]
