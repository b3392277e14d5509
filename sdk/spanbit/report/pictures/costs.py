"""The cost of each layer over the epochs.

draw_costs([("pruned", {"conv1": [0.40, 0.25, 0.11], "conv2": [0.41, 0.23, 0.09]})])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spanbit.report.pictures.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_costs(
    trainings: Sequence[tuple[str, Mapping[str, Sequence[float]]]], *, asked: float | None = None
) -> Figure:
    """Trainings side by side: of each its name, and the layers' costs after epoch 1, 2, ...

    Args:
        asked: the cost that they were to reach, drawn as a line.

    Raises:
        SpanbitError: matplotlib is not installed.
    """
    count = len(trainings)
    figure, axes = new_figure(count, width=max(5.0, 3.3 * count), height=3.3, share=True)
    for axis, (title, layers) in zip(axes, trainings, strict=True):
        for place, (name, costs) in enumerate(layers.items()):
            style = ("-", "--", ":")[place // 10 % 3]  # matplotlib has ten colours
            axis.plot(range(1, len(costs) + 1), costs, style, label=name, linewidth=1.2)
        if asked is not None:
            axis.axhline(asked, color="grey", linewidth=0.7, linestyle="--")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("cost of the layer's tree")
    axes[0].set_ylim(0, 1)
    axes[-1].legend(fontsize=7, ncols=1 + (len(trainings[-1][1]) - 1) // 10)
    return figure
