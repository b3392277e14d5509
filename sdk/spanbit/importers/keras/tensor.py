"""What flows between two layers of Keras: a value, and what Keras knows of it beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanbit.importers.keras.padding import NONE, Pads
from spanbit.importers.layers import Place
from spanbit.importers.values import Ordered, Value


@dataclass(frozen=True, eq=False)
class Tensor:
    """A map, or a vector (a map's pixels one after the other, row, column, channel, if it has more than one).

    `pads`: what a ZeroPadding2D put around it, all of it `outside`; `padder` is that layer. It waits for a
    convolution, which alone can take it in.
    """

    value: Value
    is_vector: bool = False
    pads: Pads = NONE
    outside: int = 0
    padder: str = ""

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns, with what was put around."""
        return self.pads.padded((self.value.shape.height, self.value.shape.width))

    @property
    def is_pixel(self) -> bool:
        """Whether it is one number a channel."""
        return (self.value.shape.height, self.value.shape.width) == (1, 1)


def plain(place: Place, tensor: Tensor) -> Value:
    """The value of a tensor that nothing waits for."""
    if tensor.pads != NONE:
        place.refuse(
            f"it stands behind {tensor.padder!r}, a ZeroPadding2D, and only a convolution takes zeros in",
            "put ZeroPadding2D directly in front of a convolution",
        )
    if isinstance(tensor.value.step, Ordered):
        place.refuse(
            f"it stands behind {tensor.value.path!r}, which ends a network", "let softmax be the last layer"
        )
    return tensor.value


def no_channels_first(place: Place, config: dict[str, Any]) -> None:
    """Refuses a layer whose channels come first."""
    if config.get("data_format", "channels_last") != "channels_last":
        place.refuse("its data_format is channels_first", "build it with data_format='channels_last'")


def pair(value: Any) -> tuple[int, int]:
    """One number for both sides, or two."""
    if isinstance(value, int):
        return value, value
    rows, columns = value
    return int(rows), int(columns)
