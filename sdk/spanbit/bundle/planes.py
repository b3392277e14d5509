"""Bits tensors as bytes, as the runtime keeps them: planes of rows, pixel x is bit x % 8 of byte x / 8.

data = pack_planes(bits)                    # bool [C, H, W] -> uint8 [C, plane_bytes]
bits = unpack_planes(data, height, width)
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from spanbit.passes.layout import plane_bytes, row_bytes


def pack_planes(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Planes of bool [..., H, W] as uint8 [..., plane_bytes]; bits that are no pixel are 0."""
    *lead, height, width = bits.shape
    packed = np.packbits(bits, axis=-1, bitorder="little")
    planes = np.zeros((*lead, plane_bytes(height, width)), np.uint8)
    rows = planes[..., : height * row_bytes(width)].reshape(*lead, height, row_bytes(width))
    rows[..., : packed.shape[-1]] = packed  # a view: it writes into `planes`
    return planes


def unpack_planes(planes: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
    """The inverse: uint8 [..., plane_bytes] as bool [..., H, W]."""
    rows = planes[..., : height * row_bytes(width)].reshape(*planes.shape[:-1], height, row_bytes(width))
    return np.unpackbits(rows, axis=-1, count=width, bitorder="little").astype(np.bool_)


def bits_crc(bits: NDArray[np.bool_]) -> int:
    """crc32 of a bits tensor [C, H, W] as golden records have it: rows of each plane, without slack."""
    height, width = bits.shape[1:]
    return zlib.crc32(pack_planes(bits)[:, : height * row_bytes(width)].tobytes())
