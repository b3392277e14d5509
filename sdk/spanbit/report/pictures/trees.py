"""One layer's tree, before and after, or of several networks.

draw_trees([TreePicture("twin", before.parent, before.distance), TreePicture("pruned", ...)])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanbit.report.pictures.figure import new_figure
from spanbit.tree import ZERO

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class TreePicture:
    """A tree and what is written above it; the places are those of `spanbit.tree.ChannelTree`."""

    title: str
    parent: Sequence[int]
    distance: Sequence[int]


def draw_trees(trees: Sequence[TreePicture]) -> Figure:
    """Trees side by side. The square is the zero vertex, a dot a channel, a line's width its differing taps.

    Raises:
        SpanbitError: matplotlib is not installed.
    """
    places = [layout(tree.parent) for tree in trees]
    channels = max(len(tree.parent) for tree in trees)
    each = min(8.0, max(3.0, channels / 24))  # of a star, channels stand side by side
    figure, axes = new_figure(len(trees), width=each * len(trees), height=3.8)
    greatest = max(1, *(max(tree.distance) for tree in trees))
    for axis, tree, found in zip(axes, trees, places, strict=True):
        for (x, y), parent, distance in zip(found, tree.parent, tree.distance, strict=True):
            above = found[parent] if parent != ZERO else (0.5, 0.0)
            width = 0.3 + 3 * distance / greatest
            axis.plot([above[0], x], [above[1], y], color="C0", linewidth=width, solid_capstyle="round")
        axis.plot(*zip(*found, strict=True), "o", color="black", markersize=3)
        axis.plot([0.5], [0], "s", color="C3", markersize=6)
        depth = round(-min(y for _, y in found))
        axis.set_title(f"{tree.title}: {sum(tree.distance):,} taps differ, depth {depth}", fontsize=9)
        axis.set_axis_off()
    return figure


def layout(parent: Sequence[int]) -> list[tuple[float, float]]:
    """A place for each channel: leaves side by side, a parent above the middle of its children."""
    children: dict[int, list[int]] = {}
    for place, above in enumerate(parent):
        children.setdefault(above, []).append(place)
    order: list[int] = []  # parents before children, subtrees together
    waiting = children.get(ZERO, [])[::-1]
    while waiting:
        order.append(waiting.pop())
        waiting += children.get(order[-1], [])[::-1]
    leaves = [place for place in order if place not in children]
    columns = {place: float(column) for column, place in enumerate(leaves)}
    for place in reversed(order):
        if below := children.get(place):
            columns[place] = (columns[below[0]] + columns[below[-1]]) / 2
    depth = {ZERO: 0}
    for place in order:
        depth[place] = depth[parent[place]] + 1
    last = max(1, len(leaves) - 1)
    return [(columns[place] / last, float(-depth[place])) for place in range(len(parent))]
