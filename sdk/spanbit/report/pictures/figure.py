"""matplotlib's figures without its global state, and what becomes of them: bytes.

figure, axes = new_figure(1, width=7, height=4)
data = picture_bytes(figure, "svg")
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from spanbit.errors import not_installed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
_DOTS_PER_INCH = 150


def new_figure(
    columns: int, *, width: float, height: float, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """An empty figure, sizes in inches, and its axes side by side; `share`: they have one y axis.

    Raises:
        SpanbitError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        raise not_installed("drawing needs matplotlib", missing, extra="plots") from missing
    figure = Figure(figsize=(width, height))
    return figure, list(figure.subplots(1, columns, sharey=share, squeeze=False)[0])


def picture_bytes(figure: Figure, ending: str) -> bytes:
    """The figure as a file of one of FORMATS, without a date or a random name in it."""
    from matplotlib import rc_context

    figure.tight_layout()
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "spanbit"}):  # else names inside the file are random
        figure.savefig(
            file,
            format=ending,
            dpi=_DOTS_PER_INCH,
            metadata={"Date" if ending == "svg" else "Software": None},
        )
    return file.getvalue()
