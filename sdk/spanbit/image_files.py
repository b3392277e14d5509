"""Files of pictures, of any kind that Pillow reads.

pixels = np.asarray(fitted(open_image(path).convert("RGB"), (32, 32)))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spanbit.errors import SpanbitError, not_installed

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def open_image(path: Path) -> Image:
    """The picture of a file, read whole.

    Raises:
        SpanbitError: it is none, or Pillow is not installed.
    """
    try:
        from PIL import Image as Pillow
    except ImportError as missing:
        raise not_installed("reading a folder of images needs Pillow", missing, extra="train") from missing
    try:
        with Pillow.open(path) as image:
            whole: Image = image.copy()
            return whole
    except (OSError, ValueError) as failure:
        raise SpanbitError(
            "not an image that Pillow reads", where=str(path), why=str(failure), fix="remove or replace it"
        ) from failure


def fitted(image: Image, size: tuple[int, int]) -> Image:
    """Scaled until it covers `size`, columns and rows, and its middle cut out."""
    from PIL import ImageOps

    return ImageOps.fit(image, size)
