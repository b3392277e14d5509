"""Which tensor of the source model has what an operator delivers, so that both can be compared.

    origins = origins_of(results, {value: "tensor's name"})
    origins[3].result(tensor)      # what operator 3 should deliver, by the source's tensor

A framework has no tensor for everything: the sums of a convolution stand behind a scale and a bias, a sign
may be a part of the layer that takes it. What can be reckoned back is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spanbit.importers.layers import then
from spanbit.importers.values import Affine, Flat, Floats, Sign, Value


@dataclass(frozen=True, eq=False)
class Origin:
    """A tensor of the source model: `behind`, a scale and a bias a channel, of what the operator delivers."""

    tensor: str
    behind: Affine

    def result(self, tensor: NDArray[np.float64]) -> Floats:
        """The tensor's numbers, channels first and flat, in the operator's own units; flat."""
        rows = tensor.reshape(len(self.behind.scale), -1)
        numbers: Floats = (rows - self.behind.bias[:, None]) / self.behind.scale[:, None]
        return numbers.reshape(-1)


def origins_of(results: Mapping[int, tuple[Value, Affine]], named: Mapping[Value, str]) -> dict[int, Origin]:
    """For operators by position, as far as the source has them.

    Args:
        results: by an operator's position, a value of the source, and the scale and bias that it is of what
            the operator delivers.
        named: the source's own tensors.
    """
    found: dict[int, Origin] = {}
    for value, tensor in named.items():
        behind, inside = Affine.identity(value.shape.channels), value
        while True:
            found.setdefault(inside.serial, Origin(tensor, behind))  # copies of a value have its number
            if isinstance(inside.step, Flat):
                inside = inside.source
                behind = Affine.identity(inside.shape.channels) if _is_plain(behind) else behind
                if len(behind.scale) != inside.shape.channels:
                    break
            elif isinstance(inside.step, Affine) and inside.step.scale.all():
                behind, inside = then(inside.step, behind), inside.source
            else:
                break
    origins: dict[int, Origin] = {}
    for position, (value, affine) in results.items():
        origin = found.get(value.serial)
        if origin is None and isinstance(value.step, Sign):
            origin = found.get(value.source.serial)  # the bit is whether that number is not negative
        if origin is not None:
            origins[position] = Origin(origin.tensor, then(affine, origin.behind))
    return origins


def _is_plain(affine: Affine) -> bool:
    return bool((affine.scale == 1).all() and (affine.bias == 0).all())
