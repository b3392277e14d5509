"""Packagings of the C files: what surrounds them in a folder. One module each; FORMATS names them.

files = FORMATS["cmake"](net)       # {"CMakeLists.txt": b"...", "src/digits.c": b"...", ...}
"""

from collections.abc import Callable, Mapping

from spanbit.export.formats import arduino, cmake, esp_idf, plain, platformio, zephyr
from spanbit.export.network import CNetwork

FORMATS: Mapping[str, Callable[[CNetwork], dict[str, bytes]]] = {
    "c": plain.package,
    "cmake": cmake.package,
    "platformio": platformio.package,
    "arduino": arduino.package,
    "zephyr": zephyr.package,
    "esp-idf": esp_idf.package,
}

__all__ = ["FORMATS"]
